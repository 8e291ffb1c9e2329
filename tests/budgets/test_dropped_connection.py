"""A provider, or a load balancer, drops idle connections: the next sign-in opens a new one and goes on."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.emulator import EmulatorServer, Tenant
from stateful_oauth.testing.browser import Browser
from tests.support import tenants


@pytest.fixture
def server(db: None, settings, clock):
    """Serve a tenant to this site over real sockets."""
    tenant: Tenant = tenants.make_tenant()
    tenant.clock.follow(clock.timestamp)
    with EmulatorServer(tenant) as server:
        settings.STATEFUL_OAUTH = {
            **settings.STATEFUL_OAUTH,
            "ISSUER": tenant.issuer,
            "ALLOW_INSECURE_HTTP_ON_LOOPBACK": True,
            "TRANSPORT_ADAPTER": None,
        }
        yield server
        wiring.provider("default")._transport.close()


def test_all_sign_ins_share_one_connection(server):
    for _ in range(3):
        assert Browser(server.tenant).sign_in("ada@example.com", "/profile/")["Location"] == "/profile/"
    assert server.connections == 1


def test_a_connection_that_was_dropped_is_made_again_and_no_sign_in_is_lost(server):
    for dropped in range(3):
        assert Browser(server.tenant).sign_in("ada@example.com", "/profile/")["Location"] == "/profile/"
        assert server.connections == dropped + 1
        server._server.drop_connections()
    assert server.tenant.ledger.count("code_exchanged") == 3
    assert server.tenant.ledger.count("code_reused") == 0

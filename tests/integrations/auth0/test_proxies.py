"""Proxies: as the environment named them when the transport was made, and never for this machine."""

import pytest

from stateful_oauth.auth0.environment import Environment
from stateful_oauth.auth0.transport import Transport
from stateful_oauth.flows.oauth.errors import ProviderUnreachable


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("host", "variables", "proxy"),
    [("tenant.example", {}, ""),
     ("tenant.example", {"HTTPS_PROXY": "http://proxy:1"}, "http://proxy:1"),
     ("tenant.example", {"https_proxy": "http://proxy:1"}, "http://proxy:1"),
     ("tenant.example", {"ALL_PROXY": "http://proxy:1"}, "http://proxy:1"),
     ("tenant.example", {"HTTP_PROXY": "http://proxy:1"}, ""),
     ("tenant.example", {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "tenant.example"}, ""),
     ("eu.tenant.example", {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "a, .Tenant.Example"}, ""),
     ("eviltenant.example", {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "tenant.example"}, "http://proxy:1"),
     ("tenant.example", {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "*"}, ""),
     ("localhost", {"HTTPS_PROXY": "http://proxy:1"}, ""),
     ("127.0.0.1", {"HTTPS_PROXY": "http://proxy:1"}, "")],
)  # fmt: skip
def test_the_proxy_comes_from_the_environment_variables(monkeypatch, host, variables, proxy):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Environment.read().proxy_for("https", host) == proxy


def test_a_tunnel_is_asked_for_with_the_proxys_password_and_nothing_else(serve, monkeypatch):
    def refuse(server, connection):
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    server = serve(refuse)
    monkeypatch.setenv("HTTPS_PROXY", f"http://eve:pr0xy-pw@127.0.0.1:{server.port}")
    transport = Transport()
    monkeypatch.delenv("HTTPS_PROXY")
    with pytest.raises(ProviderUnreachable) as caught:
        transport.post_form("https://tenant.example/oauth/token", {"code": "c0de"}, time_limit=5)
    assert server.requests[0].startswith(b"CONNECT tenant.example:443 HTTP/1.")
    assert b"Basic ZXZlOnByMHh5LXB3" in server.requests[0]
    assert b"c0de" not in server.requests[0]
    assert "pr0xy-pw" not in f"{caught.value} {caught.value!r} {Environment.read()!r}"


def test_the_passwords_of_proxies_are_not_shown(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://eve:pr0xy-pw@proxy:1")
    assert "pr0xy-pw" not in repr(Environment.read())

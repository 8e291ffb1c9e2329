"""Fixtures for pytest. A test that names none of them is not touched, and nothing is imported for it.

The package brings this plugin with it (entry point `pytest11`): there is nothing to switch on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stateful_oauth.emulator import Tenant
    from stateful_oauth.testing.browser import Browser
    from stateful_oauth.testing.clock import ManualClock
    from stateful_oauth.testing.fault_plan import FaultPlan
    from stateful_oauth.testing.world.gateway import Gateway
    from stateful_oauth.testing.world.tenant_accounts import Account


@pytest.fixture
def auth0_clock() -> ManualClock:
    """A clock that site and tenant live by; it moves when it is told to."""
    from stateful_oauth.testing.clock import ManualClock  # noqa: PLC0415 - needs Django's settings

    return ManualClock()


@pytest.fixture
def _auth0_gateway(auth0_clock: ManualClock) -> Iterator[Gateway]:
    from stateful_oauth.testing.tenants import at_the_tenant, tenant_of_settings  # noqa: PLC0415 - as above
    from stateful_oauth.testing.world.gateway import Gateway  # noqa: PLC0415 - as above

    tenant = tenant_of_settings()
    gateway = Gateway(tenant, auth0_clock.advance)
    with at_the_tenant(tenant, auth0_clock, adapter=gateway):
        yield gateway


@pytest.fixture
def auth0_tenant(_auth0_gateway: Gateway) -> Tenant:
    """An emulated tenant with the application of the project's settings; the site talks to it."""
    return _auth0_gateway.tenant


@pytest.fixture
def auth0_faults(_auth0_gateway: Gateway) -> FaultPlan:
    """What goes wrong on the way to the tenant, and where the worker dies."""
    from stateful_oauth.testing.fault_plan import FaultPlan  # noqa: PLC0415 - needs Django's settings

    return FaultPlan(_auth0_gateway)


@pytest.fixture
def auth0_accounts(auth0_tenant: Tenant) -> Mapping[str, Account]:
    """People who can sign in at the tenant, by name: `Ada`, `Ada at Google`, `Bob` and others."""
    from stateful_oauth.testing.world.tenant_accounts import ACCOUNTS, add_accounts  # noqa: PLC0415 - needs Django's settings

    add_accounts(auth0_tenant, ACCOUNTS)
    return {account.name: account for account in ACCOUNTS}


@pytest.fixture
def auth0_browser(auth0_tenant: Tenant, db: None) -> Browser:
    """A browser, at the site and at the tenant."""
    del db  # the site needs it
    from stateful_oauth.testing.browser import Browser  # noqa: PLC0415 - needs Django's settings

    return Browser(auth0_tenant)


@pytest.fixture
def another_auth0_browser(auth0_tenant: Tenant, db: None) -> Callable[[], Browser]:
    """Makes more browsers."""
    del db  # the site needs it
    from stateful_oauth.testing.browser import Browser  # noqa: PLC0415 - needs Django's settings

    return lambda: Browser(auth0_tenant)

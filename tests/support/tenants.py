"""What the tests share: which tenant the site of this process talks to."""

from __future__ import annotations

from stateful_oauth.emulator import Tenant
from stateful_oauth.flows.registry import BUILT_IN

current: list[Tenant] = []


def tenant_adapter() -> object:
    """Return the transport adapter of the test's tenant; named by the test project's settings."""
    return current[-1].adapter()


def make_tenant() -> Tenant:
    """Return a tenant that knows the test project's application and some people."""
    tenant = Tenant(issuer="https://tenant.example/")
    tenant.add_client(
        client_id="web",
        client_secret="a-client-secret-of-the-tests-0123456789",
        callbacks=[f"https://app.example/auth/{flow.callback.path}" for flow in BUILT_IN if flow.callback],
        logout_urls=["https://app.example/"],
    )
    tenant.add_client(client_id="linker", client_secret="a-machine-secret-of-the-tests-0123456789")
    tenant.allow_management("linker", ["read:users", "update:users", "update:users_app_metadata"])
    tenant.allow_connected_accounts("web")
    tenant.add_user(email="ada@example.com", name="Ada Lovelace", password="correct horse")
    tenant.add_user(email="bob@example.com", name="Bob", connection="google-oauth2")
    return tenant

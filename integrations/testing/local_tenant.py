"""The emulator as a server for the project at hand: `manage.py auth0_emulator`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from stateful_oauth.django.conf import conf
from stateful_oauth.emulator.seeding import SeedError, seed
from stateful_oauth.emulator.server import EmulatorServer
from stateful_oauth.testing.tenants import tenant_of_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SeedError", "port_of_settings", "server_for", "settings_for"]

DEFAULT_PORT: Final = 9400
# The same subjects in every run, so that the users of the project's database stay theirs.
USERS: Final = (
    ("auth0|ada", "ada@example.com", "Ada Lovelace", True),
    ("auth0|bob", "bob@example.com", "Bob Miller", True),
    ("auth0|carol", "carol@example.com", "Carol (email not verified)", False),
)


def port_of_settings(alias: str) -> int:
    """Return the port of the issuer, if the settings already lead to this machine, else `DEFAULT_PORT`."""
    issuer = urlsplit(conf.tenant(alias).issuer)
    on_loopback = issuer.hostname in ("localhost", "127.0.0.1")
    return issuer.port or DEFAULT_PORT if on_loopback else DEFAULT_PORT


def server_for(alias: str, *, port: int, people: Mapping[str, Any] | None = None) -> EmulatorServer:
    """Return a server, not yet started, of a tenant with the application that the settings name.

    Args:
        alias: Which tenant of the settings.
        port: 0 takes a free port.
        people: What a file for `python -m stateful_oauth.emulator --people` has, instead of `USERS`.

    Raises:
        KeyError: There is no such tenant in the settings.
        SeedError: `people` is not of the documented form.
    """
    tenant = tenant_of_settings(alias)
    issuer = urlsplit(conf.tenant(alias).issuer)
    if people is not None:
        seed(tenant, dict(people))
    else:
        for user_id, email, name, verified in USERS:
            tenant.add_user(email=email, name=name, user_id=user_id, email_verified=verified)
    # The issuer is compared byte for byte: where the settings say `localhost`, the tokens do.
    public = f"http://localhost:{port}" if issuer.hostname == "localhost" and port else None
    return EmulatorServer(tenant, port, public_url=public)


def settings_for(alias: str, issuer: str) -> dict[str, Any]:
    """Return the keys of the tenant's settings that lead the site to the emulator."""
    found: dict[str, Any] = {"ISSUER": issuer, "ALLOW_INSECURE_HTTP_ON_LOOPBACK": True}
    if connections := conf.tenant(alias).connections:
        found["PROVIDER_USERINFO"] = {
            name: {"url": f"{issuer}_provider/{name}/userinfo"} for name in connections if name != "*"
        }
    return found

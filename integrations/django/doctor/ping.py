"""Whether the Management API would take this application: three stages, with one request.

No cached token is used or replaced, so that changed credentials and scopes are seen at once. Auth0 leaves
scopes out that the application was not granted, and says nothing: only the token tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.django.doctor.probe_context import TIME_LIMIT
from stateful_oauth.django.doctor.stages import Finding, Probe, failed, fine, not_probed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.auth0.probes import MachineClaims


class _Ping:
    """What the three stages share."""

    def __init__(self, scopes: frozenset[str]) -> None:
        self._scopes = scopes
        self._claims: MachineClaims | None = None

    def token(self, context: Any) -> Iterator[Finding]:
        if not context.config.management_client_id:
            yield failed(
                "MANAGEMENT_CLIENT_ID is not set.",
                "Set MANAGEMENT_CLIENT_ID and MANAGEMENT_CLIENT_SECRET to a machine-to-machine application.",
            )
            return
        self._claims = context.probes.machine_token(time_limit=TIME_LIMIT)
        yield fine("The application gets a token for the Management API.")

    def claims(self, context: Any) -> Iterator[Finding]:
        assert self._claims is not None  # noqa: S101 - the stage before found it
        config = context.config
        issuer_is_right = self._claims.issuer in (None, config.management_base_url)
        audience = self._claims.audience
        if issuer_is_right and (audience is None or config.management_audience in audience):
            yield fine("Issuer and audience of the token are those of the settings.")
        else:
            yield failed(
                "Issuer or audience of the token is not that of the settings.",
                "Set MANAGEMENT_DOMAIN to the tenant's own domain, not to a custom domain.",
            )

    def scopes(self, context: Any) -> Iterator[Finding]:  # noqa: ARG002 - as every probe
        assert self._claims is not None  # noqa: S101 - the first stage found it
        if self._claims.scopes is None and self._scopes:
            yield not_probed("The Management API token does not list its scopes.")
        elif missing := sorted(self._scopes - (self._claims.scopes or frozenset())):
            yield failed(
                f"MANAGEMENT_CLIENT_ID lacks {', '.join(missing)}.",
                f"Add {', '.join(missing)} to its client grant for the Management API.",
            )
        else:
            yield fine("The token has all scopes that are required.")


def ping_probes(scopes: frozenset[str]) -> tuple[Probe, ...]:
    """Return the three stages for a tenant: `m2m_token`, `token_claims` and `scope_grant`.

    Args:
        scopes: What the application needs.
    """
    ping = _Ping(scopes)
    return (
        Probe(
            name="m2m_token",
            looks_at="Management API: client id and secret",
            run=ping.token,
            outbound=True,
        ),
        Probe(
            name="token_claims",
            looks_at="Management API: the token's issuer and audience",
            run=ping.claims,
            needs=("m2m_token",),
            outbound=True,
        ),
        Probe(
            name="scope_grant",
            looks_at="Management API: the token's scopes",
            run=ping.scopes,
            needs=("m2m_token",),
            outbound=True,
        ),
    )

"""Who is signed in here, as the session knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from stateful_oauth.django import wiring
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.sessions.sign_ins import session_details

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from django.http import HttpRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentSignIn:
    """A sign-in at the provider to which this session belongs.

    Attributes:
        user_id: The Django user's primary key, as text.
        issuer: The provider's issuer, as the settings name it.
        subject: The account at the provider: `sub` of its ID token (OpenID Connect Core §2).
        tenant: The tenant's alias in the settings.
        sid: The session at the provider (OpenID Connect Back-Channel Logout §2.1), or an empty string.
        auth_time: When the user authenticated, aware, or None if the provider did not say.
        acr: How the user authenticated: the authentication context class, or an empty string.
        amr: The authentication methods, for example `("pwd", "otp")`; empty if the provider did not say.
        organization: The id of the Auth0 organization (`org_…`), or an empty string.
        grant: The id of the refresh token that the session holds, for `access_token(grant=…)` in the
            background; or an empty string.
        claims: The claims of the ID token that the setting `KEPT_CLAIMS` names: email, name and picture by
            default. They are as they were when the user signed in.
    """

    user_id: str
    issuer: str
    subject: str
    tenant: str = DEFAULT_TENANT
    sid: str = ""
    auth_time: datetime | None = None
    acr: str = ""
    amr: tuple[str, ...] = ()
    organization: str = ""
    grant: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def authenticated_within(self, period: timedelta) -> bool:
        """Return whether the user authenticated at most `period` ago; False if the provider did not say when.

        It reads the package's clock, which tests move.
        """
        return self.auth_time is not None and wiring.clock.now() - self.auth_time <= period


def current_sign_in(request: HttpRequest) -> CurrentSignIn | None:
    """Return the sign-in to which this session belongs.

    Returns:
        None if no user is signed in, if the user signed in by other means, for example with a password for
        the admin, or if the site no longer has the tenant.
    """
    details = session_details(request)
    subject, tenant = details.get("sub"), details.get("tenant", DEFAULT_TENANT)
    if not subject or tenant not in conf.tenant_aliases or not request.user.is_authenticated:
        return None
    return CurrentSignIn(
        user_id=str(request.user.pk),
        issuer=conf.tenant(tenant).issuer,
        subject=subject,
        tenant=tenant,
        sid=details.get("sid") or "",
        auth_time=_moment(details.get("auth_time")),
        acr=details.get("acr") or "",
        amr=tuple(details.get("amr") or ()),
        organization=details.get("organization") or "",
        grant=details.get("grant") or "",
        claims=MappingProxyType(dict(details.get("claims") or {})),
    )


def _moment(seconds: Any) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, OSError, ValueError):  # the provider sent it, and no calendar has it
        return None


acurrent_sign_in = async_twin(current_sign_in)

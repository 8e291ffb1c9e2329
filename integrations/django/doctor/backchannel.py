"""The probe of back-channel logout: nothing is sent; the provider has to know the URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.urls import reverse

from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.doctor.stages import Probe, fine, not_probed, warning
from stateful_oauth.django.sessions.middleware import SignInSessionMiddleware
from stateful_oauth.django.sessions.session_stores import sessions_can_be_ended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.django.doctor.probe_context import ProbeContext
    from stateful_oauth.django.doctor.stages import Finding

_NAMES: Final = (
    f"stateful_oauth.django.{SignInSessionMiddleware.__name__}",
    f"{SignInSessionMiddleware.__module__}.{SignInSessionMiddleware.__name__}",
)


def backchannel_logout_url(alias: str) -> str:
    """Return the URL to register at the provider for a tenant."""
    arguments = [] if alias == DEFAULT_TENANT else [alias]
    return conf.base_url + reverse("stateful_oauth:backchannel_logout", args=arguments)


def _backchannel_logout(context: ProbeContext) -> Iterator[Finding]:
    if not sessions_can_be_ended():
        yield not_probed("Sessions are stored in cookies. The provider cannot end them.")
        return
    yield fine(f"Register {backchannel_logout_url(context.alias)} for back-channel logout at the provider.")
    if not set(_NAMES) & set(settings.MIDDLEWARE):
        yield warning(
            "A session that your project gives another key (Django's password change does) cannot be ended.",
            f"Add {_NAMES[0]!r} to MIDDLEWARE, after AuthenticationMiddleware.",
        )


BACKCHANNEL: Final = (
    Probe(
        name="backchannel_logout",
        looks_at="the provider can end sessions, and at which URL",
        run=_backchannel_logout,
    ),
)

"""System checks of the hosts that Django answers at, and those that a sign-in can end at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Info, Tags, Warning, register  # noqa: A004 - Django's own name
from django.core.exceptions import ImproperlyConfigured
from django.http.request import validate_host

from stateful_oauth.django.browser.hosts import hostname
from stateful_oauth.django.conf import conf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.apps import AppConfig

_HOSTS_OF_DEBUG: Final = [".localhost", "127.0.0.1", "[::1]"]  # as Django does it with DEBUG


@register(Tags.security)
def check_hosts(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 - Django calls checks with it
    **kwargs: Any,  # noqa: ARG001 - Django calls checks with it
) -> list[CheckMessage]:
    """Check that Django answers at the hosts to which callbacks lead.

    Returns:
        `stateful_oauth.W016` for each host that `ALLOWED_HOSTS` lacks.
    """
    try:
        refused = refused_hosts()
    except (ImproperlyConfigured, TypeError, ValueError):
        return []  # `check_settings` says so
    return [
        Warning(
            f"ALLOWED_HOSTS does not include {host}. Every callback would get a response with status 400.",
            hint=f"Add {host!r}, a host of BASE_URL or OTHER_BASE_URLS, to ALLOWED_HOSTS.",
            id="stateful_oauth.W016",
        )
        for host in refused
    ]


@register(Tags.security, deploy=True)
def check_other_hosts(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 - Django calls checks with it
    **kwargs: Any,  # noqa: ARG001 - Django calls checks with it
) -> list[CheckMessage]:
    """Say at which hosts a sign-in does not stay.

    Returns:
        `stateful_oauth.I001` if there are any.
    """
    try:
        moving = moving_hosts()
    except (ImproperlyConfigured, TypeError, ValueError):
        return []  # as above
    if not moving:
        return []
    return [
        Info(
            f"A sign-in that starts at {', '.join(moving)} goes on at {conf.base_url}.",
            hint="To let it end where it starts, add the host's URL to OTHER_BASE_URLS, and its callbacks to "
            "the Allowed Callback URLs in Auth0.",
            id="stateful_oauth.I001",
        )
    ]


def refused_hosts() -> list[str]:
    """Return the hosts of `BASE_URL` and `OTHER_BASE_URLS` at which Django answers 400."""
    allowed = settings.ALLOWED_HOSTS or (_HOSTS_OF_DEBUG if settings.DEBUG else [])
    return [host for host in _own() if not validate_host(host, allowed)]


def moving_hosts() -> list[str]:
    """Return the hosts of `ALLOWED_HOSTS`, patterns too, at which a sign-in cannot end."""
    own = _own()
    return [each for each in settings.ALLOWED_HOSTS if hostname(each) not in own]


def _own() -> list[str]:
    return [urlsplit(each).hostname or "" for each in conf.base_urls]

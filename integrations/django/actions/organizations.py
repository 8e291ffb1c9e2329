"""Which Auth0 organization a sign-in is for: as the call says, or as the setting `ORGANIZATION` finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from stateful_oauth.django.browser.hosts import base_url_of, hostname
from stateful_oauth.django.conf import conf

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from stateful_oauth.django.conf import TenantSettings

    Organization = str | Callable[[HttpRequest], str]


def organization_of(request: HttpRequest, tenant: TenantSettings) -> str:
    """Return the organization that the setting finds: an id (`org_…`), a name, or an empty text for none.

    Raises:
        ImproperlyConfigured: The setting names no function.
    """
    chosen: Any = tenant.organization
    if chosen == "path":
        match = request.resolver_match
        return str(match.kwargs.get("organization", "")) if match else ""
    if chosen == "subdomain":
        return _subdomain(request)
    if isinstance(chosen, str) and "." in chosen:
        try:
            chosen = import_string(chosen)
        except ImportError as error:
            raise ImproperlyConfigured(f"STATEFUL_OAUTH['ORGANIZATION']: {error}") from None
    return called(chosen, request)


def called(organization: Organization, request: HttpRequest) -> str:
    """Return the organization that a text is, or that a function of the request returns."""
    return organization if isinstance(organization, str) else str(organization(request) or "")


def _subdomain(request: HttpRequest) -> str:
    """Return the first label of the host, if it is one of `OTHER_BASE_URLS`.

    The Host header alone proves nothing: any other host is that of `BASE_URL`, and has no organization.
    """
    own = hostname(urlsplit(base_url_of(request)).netloc)
    return "" if own == hostname(urlsplit(conf.base_url).netloc) else own.partition(".")[0]

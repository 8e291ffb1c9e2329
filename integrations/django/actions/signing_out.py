"""Sign-out: here, then at the provider (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.contrib.auth import SESSION_KEY as AUTH_USER_ID
from django.contrib.auth import logout as django_logout

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.logout_states import keep_state, return_url
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.browser.binding import forget_binding
from stateful_oauth.django.browser.hosts import base_url_of
from stateful_oauth.django.browser.next_url import may_go_to, requested_next
from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.pages.flow_pages import FlowResponse, SeeOther, whole_response
from stateful_oauth.django.sessions.endings import sign_out_everywhere
from stateful_oauth.django.sessions.id_token_hints import id_token_of
from stateful_oauth.django.sessions.sign_ins import session_details
from stateful_oauth.flows.engine.errors import FlowError

if TYPE_CHECKING:
    from django.http import HttpRequest


logger = logging.getLogger("stateful_oauth.logout")


@whole_response
def sign_out(
    request: HttpRequest,
    *,
    next: str | None = None,  # noqa: A002 - Django's own name for it
    tenant: str = "",
    everywhere: bool = False,
    provider: bool = True,
) -> FlowResponse:
    """End the session and its grant, and go on to the provider's own sign-out.

    The session here ends first, whatever the provider does. A sweep revokes the refresh token. Without a
    session, the browser goes to the provider all the same: the session there may live on.
    `LOGOUT_WITHOUT_SESSION_GOES_TO_PROVIDER` turns that off. Call it only for a POST that Django's CSRF check
    has passed, or another site can sign your users out.

    Args:
        next: Where the sign-out ends: a path, or a URL on a host of `ALLOWED_NEXT_HOSTS`. It has to be among
            the Allowed Logout URLs in Auth0. None means the request's own `next`, if `LOGOUT_NEXT_URLS` names
            it. Any other one counts as empty, which means `LOGOUT_RETURN_PATH`.
        tenant: The alias of the tenant to sign out at. Empty means that of the session, or the first one.
        everywhere: End all sessions and grants of the user, in other browsers, too (`sign_out_everywhere`).
        provider: False to sign out here only: the session at the provider goes on.

    Returns:
        A redirect to the provider, which sends the browser back; or, where the provider has no sign-out,
        to where it would send the browser.
    """
    details, user = session_details(request), request.session.get(AUTH_USER_ID)
    base_url = base_url_of(request)
    wanted = _wanted(request, base_url) if next is None else next
    home = _absolute(wanted, base_url) or base_url + conf.logout_return_path
    if everywhere and request.user.is_authenticated:
        sign_out_everywhere(request.user)
    django_logout(request)
    chosen = tenant if tenant in conf.tenant_aliases else ""
    if not provider:
        response = SeeOther(home)
    elif not (details or chosen) and (user or not conf.logout_without_session_goes_to_provider):
        response = SeeOther(home)  # not a session of ours: no user to sign out at the provider
    else:
        response = _onward(details, chosen, home, base_url)
    forget_binding(request, response)
    return response


def logout_next_urls() -> list[str]:
    """Return the URLs of `LOGOUT_NEXT_URLS` as the provider has to know them, but for wrong ones."""
    urls = [_absolute(url, base_url) for url in conf.logout_next_urls for base_url in conf.base_urls]
    return [url for url in dict.fromkeys(urls) if url]


def _wanted(request: HttpRequest, base_url: str) -> str:
    """Return the request's own `next`, if the settings name it: the provider refuses any other one."""
    wanted = requested_next(request)
    return wanted if wanted and _absolute(wanted, base_url) in logout_next_urls() else ""


def _absolute(url: str, base_url: str) -> str:
    """Return a URL with its host, or an empty string for one that may not be gone to."""
    if not may_go_to(url):
        return ""
    return base_url + url if url.startswith("/") else url


def _onward(details: dict[str, str], chosen: str, home: str, base_url: str) -> SeeOther:
    own = details.get("tenant", DEFAULT_TENANT) if details else conf.tenant_aliases[0]
    tenant = chosen or own
    # The session at another tenant has another id.
    sid = details.get("sid") or None if tenant == own else None
    id_token = id_token_of(details) if tenant == own else None
    response = SeeOther(home)
    try:
        settings = conf.tenant(tenant)
        state = keep_state(response, home) if settings.logout_state else None
        url = wiring.provider(tenant).logout_url(
            return_to=home if state is None else return_url(base_url),
            sid=sid,
            id_token_hint=id_token,
            state=state,
            federated=settings.federated_logout,
        )
    except (FlowError, KeyError) as error:
        logger.warning("signed out here, but not at the provider of %s: %s", tenant, error)
        return SeeOther(home)
    if url is None:
        return SeeOther(home)
    onward = SeeOther(url)
    onward.cookies = response.cookies
    return onward


asign_out = async_twin(sign_out)

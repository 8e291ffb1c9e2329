"""Sign-out: here, then at the provider (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.contrib.auth import logout as django_logout

from stateful_oauth.django import wiring
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.browser import forget_binding
from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.hosts import base_url_of
from stateful_oauth.django.pages import FlowResponse, SeeOther, whole_response
from stateful_oauth.django.sessions import session_details
from stateful_oauth.flows.engine.errors import FlowError

if TYPE_CHECKING:
    from django.http import HttpRequest


logger = logging.getLogger("stateful_oauth.logout")


@whole_response
def sign_out(request: HttpRequest) -> FlowResponse:
    """End the session and its grant, and go on to the provider's own sign-out.

    The session here ends first, whatever the provider does. A sweep revokes the refresh token. Call it only
    for a POST that Django's CSRF check has passed, or another site can sign your users out.

    Returns:
        A redirect to the provider, which sends the browser back to `LOGOUT_RETURN_PATH`.
    """
    details = session_details(request)
    django_logout(request)
    response = SeeOther(_onward(request, details))
    forget_binding(request, response)
    return response


def _onward(request: HttpRequest, details: dict[str, str]) -> str:
    home = base_url_of(request) + conf.logout_return_path
    if not details:
        return home  # not a session of ours, so there is none at the provider
    tenant = details.get("tenant", DEFAULT_TENANT)
    try:
        return wiring.provider(tenant).logout_url(
            return_to=home, sid=details.get("sid") or None, federated=conf.tenant(tenant).federated_logout
        )
    except (FlowError, KeyError) as error:
        logger.warning("signed out here, but not at the provider of %s: %s", tenant, error)
        return home


asign_out = async_twin(sign_out)

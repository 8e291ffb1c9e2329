"""Sign-out: here, then at the provider (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.contrib.auth import logout as django_logout
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST
from stateful_oauth.django import wiring
from stateful_oauth.django.browser import forget_binding
from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.grants import end_and_revoke
from stateful_oauth.django.pages import SeeOther, flow_page
from stateful_oauth.django.sessions import session_details
from stateful_oauth.flows.engine.errors import FlowError

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


logger = logging.getLogger("stateful_oauth.logout")


@csrf_exempt  # for the middleware: its refusal would lack our headers; `csrf_protect` refuses inside
@flow_page
@require_POST
@csrf_protect
def logout(request: HttpRequest) -> HttpResponse:
    """End the session, revoke its refresh token, and go on to the provider's own sign-out.

    Whatever the provider does, the session here is over first.
    """
    details = session_details(request)
    django_logout(request)
    response = SeeOther(_onward(details))
    forget_binding(response)
    return response


def _onward(details: dict[str, str]) -> str:
    home = conf.base_url + conf.logout_return_path
    if not details:
        return home  # not a session of ours: there is nobody to sign out at the provider
    tenant = details.get("tenant", DEFAULT_TENANT)
    if "grant" in details:
        end_and_revoke(details["grant"], tenant)
    try:
        return wiring.provider(tenant).logout_url(
            return_to=home, sid=details.get("sid") or None, federated=conf.tenant(tenant).federated_logout
        )
    except (FlowError, KeyError) as error:
        logger.warning("signed out here, but not at the provider of %s: %s", tenant, error)
        return home

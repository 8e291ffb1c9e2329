"""Back-channel logout: the provider says that its sessions have ended.

OpenID Connect Back-Channel Logout 1.0 §2.5 to §2.8.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from stateful_oauth.django import wiring
from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.pages.flow_pages import outside_of_transactions
from stateful_oauth.django.sessions.registry import end_registered
from stateful_oauth.flows.engine.errors import FlowError, ServiceUnreachable, StoreUnavailable
from stateful_oauth.flows.engine.secret import Secret

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger("stateful_oauth.logout")

_LONGEST_BODY: Final = 20_000  # bytes: a token of the longest kind, percent-encoded
_FORM: Final = "application/x-www-form-urlencoded"
_OURS: Final = ("keys_unavailable", "provider_unreachable")  # not the token's fault: it may be sent again


@csrf_exempt  # the provider has no cookie of ours; the token's signature is the proof
@sensitive_post_parameters("logout_token")
@sensitive_variables()
@outside_of_transactions
@login_not_required
def backchannel_logout(request: HttpRequest, tenant: str = DEFAULT_TENANT) -> HttpResponse:
    """Take a logout token, and end the sessions that it names.

    A token that was used before changes nothing, and is answered like the first time: the provider may not
    have got that answer. A token that breaks a rule changes nothing, and gets a 400.

    Args:
        tenant: The alias in the settings.
    """
    if tenant not in conf.tenant_aliases:
        return _refused("unknown_tenant", "There is no such tenant.", 404)
    if request.method != "POST":
        response = _refused("method_not_allowed", "Send a POST.", 405)
        response.headers["Allow"] = "POST"
        return response
    token = _token(request)
    if token is None:
        return _refused("invalid_request", "Send one logout_token in a form.")
    return _taken(tenant, token)


def _taken(alias: str, token: Secret) -> HttpResponse:
    try:
        return _use(alias, token)
    except StoreUnavailable:
        return _refused("temporarily_unavailable", "The database does not answer.", 503)
    except FlowError as error:
        if error.code in _OURS or isinstance(error, ServiceUnreachable):
            logger.warning("a logout token of %s could not be checked: %s", alias, error)
            return _refused("temporarily_unavailable", "The provider's keys cannot be read.", 503)
        logger.warning("a logout token of %s was refused: %s", alias, error.code)
        return _refused("invalid_request", error.code)


def _use(alias: str, token: Secret) -> HttpResponse:
    from stateful_oauth.storage.availability import database_answers  # noqa: PLC0415 - needs the app registry
    from stateful_oauth.storage.backchannel_logouts import use_logout_token  # noqa: PLC0415 - as above

    now = wiring.clock.now()
    notice = wiring.provider(alias).verify_logout_token(token, now=now)
    with database_answers():
        ended = use_logout_token(
            tenant=alias,
            issuer=notice.issuer,
            subject=notice.subject,
            sid=notice.sid,
            jti=notice.jti,
            issued_at=notice.issued_at,
            expires_at=notice.expires_at,
            now=now,
            end=end_registered,
        )
    if ended is None:
        logger.info("a logout token of %s was delivered again: nothing changes", alias)
    else:
        logger.info("a logout token of %s ended %d sessions", alias, ended)
    return _answer({}, 200)


def _token(request: HttpRequest) -> Secret | None:
    """Return the form's one token, or None; what is too long is not read."""
    length = request.headers.get("Content-Length", "")
    if request.content_type != _FORM or (length.isdecimal() and int(length) > _LONGEST_BODY):
        return None
    found = request.POST.getlist("logout_token")
    return Secret(found[0]) if len(found) == 1 and found[0] else None


def _refused(error: str, description: str, status: int = 400) -> HttpResponse:
    return _answer({"error": error, "error_description": description}, status)


def _answer(body: dict[str, Any], status: int) -> HttpResponse:
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})

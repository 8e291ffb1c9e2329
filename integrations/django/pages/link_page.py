"""The page that asks the user whether to link accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import ensure_csrf_cookie

from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.flows.oauth.outcomes import ConfirmationNeeded

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from stateful_oauth.flows.engine.outcomes import Outcome
    from stateful_oauth.flows.oauth.outcomes import AccountName

_TITLES: Final[dict[str, Any]] = {
    "Username-Password-Authentication": _("email and password"),
    "apple": "Apple",
    "facebook": "Facebook",
    "github": "GitHub",
    "google-oauth2": "Google",
    "linkedin": "LinkedIn",
    "windowslive": "Microsoft",
}


@ensure_csrf_cookie  # the forms need it, even if the project does not use the middleware
def link_page(request: HttpRequest, outcome: Outcome, *, description: str = "") -> HttpResponse:
    """Render the question, or a link to the provider if the user has already been sent there.

    Args:
        outcome: `ConfirmationNeeded`, or `RedirectTo` for a user who came back with the back button.
        description: What the provider said when the user came back: text from outside.
    """
    context: dict[str, Any] = {
        "transaction_id": outcome.transaction_id,
        "outcome": outcome,
        "heading": gettext("Your sign-in is not finished"),
    }
    if isinstance(outcome, ConfirmationNeeded):
        tenant = outcome.tenant or DEFAULT_TENANT
        context |= {
            "heading": gettext("You used a different account")
            if outcome.wrong_account
            else gettext("Is this your account too?"),
            "newcomer": _shown(outcome.newcomer, tenant),
            "candidates": [_shown(each, tenant) for each in outcome.candidates],
            "wrong_account": outcome.wrong_account,
            "tries_left": outcome.tries_left,
            "message": _message(outcome),
            "description": description,
        }
    response = TemplateResponse(request, "stateful_oauth/link.html", context).render()
    # As on every page with a form: see `pages.sign_in_page`.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def connection_title(connection: str, tenant: str = DEFAULT_TENANT) -> str:
    """Return a connection's display name: its `title`, a well-known name, or its own name."""
    chosen = conf.tenant(tenant).connections.get(connection, {})
    return str(chosen.get("title") or _TITLES.get(connection, connection))


def masked(email: str) -> str:
    """Return an email that only its owner recognises: `a•••@e•••.com`."""
    local, at, domain = email.rpartition("@")
    if not at or not local or not domain:
        return ""
    name, dot, top = domain.rpartition(".")
    return f"{local[0]}•••@{(name or top)[0]}•••{dot}{top if name else ''}"


def _message(outcome: ConfirmationNeeded) -> str:
    """Return the reason why the page asks again."""
    if outcome.wrong_account or outcome.code not in ERROR_CODES:
        return ""
    if outcome.code == "access_denied":
        return gettext("You did not sign in with the other account. Nothing was changed.")
    return gettext(ERROR_CODES[outcome.code].user)


def _shown(account: AccountName, tenant: str) -> dict[str, str]:
    return {
        "connection": connection_title(account.connection, tenant),
        "email": masked(account.email),
    }

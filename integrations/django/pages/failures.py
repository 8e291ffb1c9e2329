"""The texts and the main button of an error page, by flow and by error code."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from stateful_oauth.django.declarations import declaration_of, texts_of
from stateful_oauth.django.pages.link_page import connection_title
from stateful_oauth.flows.error_codes import ERROR_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.flows.engine.declaration import Texts

_SIGN_IN_NEEDED: Final = "sign_in_needed"

# Only a new sign-in helps: the site no longer has what the step needs.
_NEEDS_SIGN_IN: Final = frozenset(
    {"connect_unconfirmed", "grant_dead", "grant_missing", "my_account_token_rejected", "refresh_lost",
     "sign_in_needed", "step_up_required", "user_changed"}
)  # fmt: skip
# Another attempt would fail in the same way: an operator has to change the configuration first.
_NEEDS_OPERATOR: Final = frozenset(
    {"audience_not_granted", "client_rejected", "connection_unknown", "discovery_invalid",
     "management_not_configured", "management_refused", "management_scope_missing", "provider_speaks_no_tls",
     "request_rejected", "scope_not_granted", "token_vault_refused", "user_not_created"}
)  # fmt: skip

# The status of a refusal, and the refusals that are about something else than the account.
_REFUSALS: Final = frozenset({401, 403, 409})
_NOT_ABOUT_ACCOUNT: Final = frozenset(
    {"already_completed", "browser_mismatch", "browser_unknown", "event_not_allowed", "form_cookie_missing",
     "form_needed", "form_origin", "form_outdated", "issuer_mismatch", "issuer_missing", "navigation_needed",
     "nonce_mismatch", "other_browser", "sign_in_held_too_long", "sign_in_needed", "sign_in_outdated",
     "signed_out"}
)  # fmt: skip

_OUR_SIDE: Final = _("This does not work right now because of a problem on our side. Please try again later.")
_BUSY: Final = _("The sign-in service is busy. Please try again in a moment.")
_STEP_OVER: Final = _("This step is no longer possible. Please start again.")
_CANCELLED: Final = _("This was cancelled. Please start again.")
_DAMAGED: Final = _("This link is not valid. Please start again.")
# The table of error codes talks about signing in, because most errors happen there. The flows of a user
# who is already signed in need other words. A flow declares words of its own beside these.
_MESSAGES: Final[dict[str, Any]] = {
    "abandoned": _CANCELLED,
    "access_denied": _CANCELLED,
    "already_completed": _("This was already done, or it has ended. To try again, please start again."),
    "browser_unknown": _("This was started in another browser or app. Finish it there, or start again here."),
    "browser_mismatch": _(
        "The answer was opened in another browser than the one that started this, so it was ended. Please "
        "start again."
    ),
    "cancelled_by_operator": _CANCELLED,
    "code_sent_before": _("This was already done. Please start again."),
    "code_rejected": _("This took too long, or it was already done. Please start again."),
    "event_not_allowed": _STEP_OVER,
    "fence_lost": _("This is already being completed. Please reload the page."),
    "in_progress": _("Working on it…"),
    "other_browser": _("This was started in another browser or app. Finish it there, or start again here."),
    "parameter_invalid": _DAMAGED,
    "parameter_repeated": _DAMAGED,
    "quarantined": _("This cannot be completed right now. Please start again."),
    "rate_limited": _BUSY,
    "response_incomplete": _("The sign-in service sent an incomplete response. Please start again."),
    "sign_in_held_too_long": _("This took too long. Please start again."),
    "sign_in_outdated": _("This is out of date. Please start again."),
    "signed_out": _("You have signed out. Please sign in again."),
    "state_missing": _("This page only works as part of another step. Please start again."),
    "superseded": _("This was replaced by a newer attempt. Please start again."),
    "transaction_expired": _("This took too long. Please start again."),
    "transaction_unknown": _("We cannot find this attempt. It may be too old. Please start again."),
    "wrong_flow": _DAMAGED,
}


class Way(StrEnum):
    """What the main button of the page does."""

    SIGN_IN = "sign_in"
    ANOTHER_ACCOUNT = "another_account"
    RESTART = "restart"  # starts the flow again
    BACK = "back"


@dataclass(frozen=True, slots=True)
class Failure:
    """The texts of the page.

    Attributes:
        label: The text of the main button.
        goes_back: Whether a second button leads back to where the user came from.
        takes_another_account: Whether there are buttons to use another account, and to sign out at the
            provider: the same account would be refused again, and the provider would not ask.
        url: The URL that the form is sent to, for `Way.RESTART`.
        fields: What the form sends, beside where to go on, for `Way.RESTART`.
    """

    heading: str
    message: str
    way: Way
    label: str
    goes_back: bool = False
    takes_another_account: bool = False
    url: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def failure(code: str, kind: str, inputs: Mapping[str, Any], tenant: str) -> Failure:
    """Return the texts for an attempt that ended with a code.

    Args:
        kind: The flow; empty when the transaction is not known.
        inputs: What the transaction keeps; empty when the transaction is not known.
        tenant: The tenant's alias.
    """
    declaration = declaration_of(kind)
    texts, signed_in, again = texts_of(declaration.kind), declaration.needs_user, declaration.restart
    heading, message = _heading(code, texts), _message(code, texts, signed_in=signed_in)
    another = is_about_account(code)
    if not signed_in or code in _NEEDS_SIGN_IN:
        label = gettext("Sign in") if code == _SIGN_IN_NEEDED else gettext("Sign in again")
        return Failure(
            heading, message, Way.SIGN_IN, label, goes_back=signed_in, takes_another_account=another
        )
    if again is not None and code not in _NEEDS_OPERATOR:
        fields = {name: str(inputs.get(name, "")) for name in again.fields}
        if all(fields.values()):
            label = gettext(again.label) % _shown(fields, tenant)
            fields |= {name: str(inputs[name]) for name in again.optional_fields if inputs.get(name)}
            url = reverse(f"stateful_oauth:{again.url_name}")
            another = another and again.may_switch_user
            return Failure(
                heading,
                message,
                Way.RESTART,
                label,
                goes_back=True,
                takes_another_account=another,
                url=url,
                fields=fields,
            )
    return Failure(heading, message, Way.BACK, gettext("Go back"))


def is_about_account(code: str) -> bool:
    """Whether a code may be a refusal of the account, so that another one may help."""
    known = ERROR_CODES.get(code)
    return known is not None and known.status in _REFUSALS and code not in _NOT_ABOUT_ACCOUNT


def _shown(fields: Mapping[str, str], tenant: str) -> dict[str, str]:
    """Return the fields as the label shows them: a connection by its title."""
    return {
        name: connection_title(value, tenant) if name == "connection" else value
        for name, value in fields.items()
    }


def _heading(code: str, texts: Texts) -> str:
    if code == _SIGN_IN_NEEDED:
        return gettext("Please sign in")
    return gettext(texts.failures.get(code, texts.failure))


def _message(code: str, texts: Texts, *, signed_in: bool) -> str:
    known = ERROR_CODES.get(code, ERROR_CODES["internal_error"])
    if code in texts.messages:
        return gettext(texts.messages[code])
    if signed_in:
        if code in _MESSAGES:
            return str(_MESSAGES[code])
        if known.user == ERROR_CODES["internal_error"].user:
            return str(_OUR_SIDE)
    return gettext(known.user)

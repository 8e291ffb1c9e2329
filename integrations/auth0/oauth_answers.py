"""What the OAuth endpoints answer: tokens, or a refusal (RFC 6749 §5)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.engine.errors import FlowError, ServiceRefused
from stateful_oauth.flows.oauth.errors import DeniedByAction, ProviderAnswerLost, RefusedWithServerError
from stateful_oauth.flows.oauth.openid import PushedAuthorizationResponse, TokenResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.auth0.json_members import Members
    from stateful_oauth.auth0.transport import Answer

_INVALID: Final = "provider_answer_invalid"
_OF_THE_USER: Final = ("sign_in_refused", "step_up_required", "interaction_required", "login_required")
# Statuses that gateways in between send (RFC 9110): the request may have been carried out all the same.
UNDECLARED: Final = frozenset({405, 406, 408, 411, 413, 414, 415, 417, 421, 425, 426, 431, 499})

# RFC 6749 §5.2, RFC 9126 §2.3, and what Auth0 adds, by what the user or the operator can do about them: at
# the code exchange, PAR and revocation. To other grants some of it means other things: see `token_grants`.
REFUSALS: Final = {
    "invalid_grant": "code_rejected",
    "invalid_client": "client_rejected",
    "unauthorized_client": "client_rejected",
    "unsupported_grant_type": "client_rejected",
    "access_denied": "client_rejected",  # Auth0: wrong secret (401), or no grant for the audience (403)
    "unauthorized": "sign_in_refused",  # Auth0: the user is blocked
    "mfa_required": "step_up_required",
    "unmet_authentication_requirements": "step_up_required",
    "login_required": "login_required",
    "interaction_required": "interaction_required",
    "consent_required": "interaction_required",
    "too_many_requests": "provider_busy",
    "temporarily_unavailable": "provider_busy",
    "server_error": "provider_error",
}
_FAULTS: Final = {
    error: REFUSALS[error] for error in ("too_many_requests", "temporarily_unavailable", "server_error")
}
# Errors of which a body under a 5xx is the provider's own word, beside those above (RFC 6749 §5.2, RFC 7009
# §2.2.1, RFC 8707 §2, RFC 9101 §6.2). A gateway that gave up writes none of them.
_STANDARD: Final = frozenset(
    {"invalid_request", "invalid_scope", "invalid_target", "invalid_request_object", "invalid_request_uri",
     "unsupported_token_type"}
)  # fmt: skip
# What is different at the token endpoint, where it is about a user (docs/auth0-contract.md §4.1). A key may
# begin with the status, or end with the description, in lower case.
TOKEN_REFUSALS: Final = {
    **REFUSALS,
    "access_denied": "sign_in_refused",  # an Action
    "401 access_denied": "client_rejected",
    "500 access_denied": "sign_in_refused",  # and the statuses above 500
    "invalid_grant: user is blocked": "sign_in_refused",  # which can be undone
}


def token_response(
    answer: Answer, refusals: Mapping[str, str] = TOKEN_REFUSALS, default: str | None = None
) -> TokenResponse:
    """Read the answer of the token endpoint (RFC 6749 §5.1).

    Args:
        refusals: See `refusal`.
        default: See `refusal`.

    Raises:
        ServiceRefused: The provider refused: it did not issue anything.
        ProviderAnswerLost: The answer is neither; tokens may have been issued. Code:
            `provider_answer_invalid`.
    """
    if answer.status != 200:
        raise refusal(answer, refusals, default)
    # Tolerant of members that are not read: the answer may hold the only copy of a rotated refresh token.
    members = answer.members(tolerant=True)
    try:
        _check_token_type(members)
        return TokenResponse(
            access_token=members.secret("access_token"),
            id_token=members.optional_secret("id_token"),
            refresh_token=None
            if members.get("refresh_token") == ""
            else members.optional_secret("refresh_token"),
            scope=_scope(members),
            expires_in=members.informative_lifetime("expires_in"),
        )
    except ValueError as error:
        lost = ProviderAnswerLost(f"The token answer is not usable: {error}", code=_INVALID)
        with suppress(ValueError):
            lost.refresh_token = members.optional_secret("refresh_token")
        raise lost from None


def pushed_response(answer: Answer) -> PushedAuthorizationResponse:
    """Read the answer of the PAR endpoint (RFC 9126 §2.2).

    Raises:
        ServiceRefused: The provider refused the request.
        ProviderAnswerLost: The answer is neither. Code: `provider_answer_invalid`.
    """
    if answer.status != 201:
        raise refusal(answer)
    members = answer.members()
    try:
        return PushedAuthorizationResponse(
            request_uri=members.secret("request_uri"), expires_in=members.lifetime("expires_in")
        )
    except ValueError as error:
        raise ProviderAnswerLost(f"The PAR answer is not usable: {error}", code=_INVALID) from None


def _scope(members: Members) -> str | None:
    """Return the scope. Twitch, for one, sends an array of what RFC 6749 §3.3 separates by spaces."""
    if not isinstance(members.get("scope"), list):
        return members.optional_text("scope")
    return " ".join(members.texts("scope") or ())


def _check_token_type(members: Members) -> None:
    if members.text("token_type").lower() != "bearer":  # RFC 6749 §5.1: case insensitive
        raise ValueError("token_type must be Bearer.")


def refusal(answer: Answer, refusals: Mapping[str, str] = REFUSALS, default: str | None = None) -> FlowError:
    """Return the error that an unsuccessful answer stands for.

    Only an OAuth error proves that nothing happened. A 5xx may come from a gateway that gave up waiting while
    the provider went on, and a 4xx without that body is not the provider's own word. Under a 5xx, only an
    error that is known counts. One that says that the provider is busy, or had an error, gets the code for
    that, and is a lost answer all the same.

    Args:
        refusals: Our code for each of the provider's: by `error`, by status and `error`, or by `error` and
            `error_description`; the last two count more.
        default: Our code for all others; None for `client_rejected` or `request_rejected`, by the status.
    """
    members = answer.members_or_none() if answer.status >= 400 else None
    if answer.status in UNDECLARED:
        members = None  # a gateway's, whatever its body says
    error = None if members is None else members.get("error")
    by_status = refusals.get(f"{min(answer.status, 500)} {error}")
    if not isinstance(error, str) or (answer.status >= 500 and not _is_refusal(error, refusals)):
        said = _FAULTS.get(error, _INVALID) if isinstance(error, str) else _INVALID
        return ProviderAnswerLost(f"The provider answered with status {answer.status}.", code=said)
    described = f"{error}: {_description(members)}"
    code = by_status or refusals.get(described) or refusals.get(error) or default
    if code is None:
        code = "client_rejected" if answer.status == 401 else "request_rejected"
    # Text from outside is not repeated unless we know it.
    named = error if error in refusals else "another error"
    # Only about the user: what is said of the client may quote its credentials.
    detail = _said(members) if code in _OF_THE_USER else ""
    message = f"The provider refused: {answer.status}, {named}."
    if answer.status < 500:
        return ServiceRefused(code, message, detail=detail)
    if code == "sign_in_refused":
        return DeniedByAction(message, detail=detail)
    return RefusedWithServerError(code, message, detail=detail)


def _is_refusal(error: str, refusals: Mapping[str, str]) -> bool:
    """Whether an error under a 5xx says that the provider refused, and not that it had a fault."""
    return error not in _FAULTS and (error in refusals or error in _STANDARD)


def _said(members: Members | None) -> str:
    """Return `error_description` for the log of the transaction."""
    return "" if members is None else members.informative_text("error_description")


def _description(members: Members | None) -> str:
    """Return `error_description` as it is compared: Auth0 has no code of its own for some cases."""
    said = None if members is None else members.get("error_description")
    return said.lower().strip(" .") if isinstance(said, str) else ""

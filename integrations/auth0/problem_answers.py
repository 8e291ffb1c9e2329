"""What the My Account and Management APIs say when they refuse.

My Account: `{"type", "status", "title", "detail", "validation_errors"?}` (RFC 9457, as `application/json`).
Management: `{"statusCode", "error", "message", "errorCode"?}`, the code sometimes missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from stateful_oauth.auth0.oauth_answers import UNDECLARED
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost

if TYPE_CHECKING:
    from stateful_oauth.auth0.json_members import Members
    from stateful_oauth.auth0.transport import Answer

# The statuses of what RFC 6750 §3.1 says about the token: the request was not looked at.
_OF_THE_TOKEN: Final = {"invalid_token": 401, "insufficient_scope": 403}
_TEXTS: Final = ("type", "title", "detail", "message", "error", "error_description")


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal in the API's own words, which proves that nothing happened.

    Attributes:
        code: `errorCode`, or an empty string.
        text: Everything that it says, in lower case. To look for words in, never to show: it is from outside.
        fields: What the validation errors are about.
    """

    status: int
    code: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    fields: frozenset[str] = field(default=frozenset(), repr=False)


def problem_of(answer: Answer) -> Problem | None:
    """Return the problem of a 4xx answer, or None: then it is not the API that speaks, or not a refusal."""
    declared = 400 <= answer.status < 500 and answer.status not in UNDECLARED
    members = answer.members_or_none() if declared else None
    if members is None:
        return None
    said = [value for name in _TEXTS if isinstance(value := members.get(name), str)]
    if not said:
        return None
    code = members.get("errorCode")
    return Problem(
        answer.status,
        code=code if isinstance(code, str) else "",
        text=" ".join(said).lower(),
        fields=frozenset(_fields(members)),
    )


def token_problem_of(answer: Answer) -> Problem | None:
    """Return the problem that the body of a 5xx answer has with the access token, or None."""
    members = answer.members_or_none() if answer.status >= 500 else None
    error = None if members is None else members.get("error")
    status = _OF_THE_TOKEN.get(error) if isinstance(error, str) else None
    return None if status is None else Problem(status, text=str(error))


def _fields(members: Members) -> list[str]:
    try:
        errors = members.objects("validation_errors")
    except ValueError:
        return []
    found = (error.get("field") or error.get("pointer") for error in errors)
    return [value.lstrip("/") for value in found if isinstance(value, str)]


def unusable(answer: Answer) -> ProviderAnswerLost:
    """Return the error of an answer that is neither what was asked for nor a refusal."""
    return ProviderAnswerLost(
        f"The provider answered with status {answer.status}.", code="provider_answer_invalid"
    )

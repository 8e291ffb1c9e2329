"""Checking the parameters that a flow is started with: what is sent to the provider, and kept in a row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.flows.engine.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# What a caller's `parameters` of an authorization request must not contain: the flow owns these.
OWNED_PARAMETERS: Final = frozenset(
    {"client_id", "client_secret", "client_assertion", "client_assertion_type", "code_challenge",
     "code_challenge_method", "nonce", "redirect_uri", "request", "request_uri", "response_mode",
     "response_type", "scope", "state"}
)  # fmt: skip

_AGE: Final = re.compile(r"[0-9]{1,9}")  # seconds; 31 years are more than any site means
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}")  # RFC 6749 §3.3
_MOST_SCOPES: Final = 100  # My Account API


def checked_parameters(given: Mapping[Any, Any], *, reserved: Collection[str] = ()) -> dict[str, str]:
    """Return extra authorization parameters as they are sent, without those that are None.

    Args:
        reserved: What the flow sets itself.

    Raises:
        InvalidInput: `parameter_reserved` or `input_invalid`; the message names the parameter.
    """
    asked = {name: value for name, value in given.items() if value is not None}
    if owned := sorted(set(reserved) & asked.keys()):
        raise InvalidInput(
            "parameter_reserved", f"Remove {', '.join(owned)} from the parameters: the flow sets them."
        )
    parameters = {}
    for name, value in asked.items():
        # `str()` would make something of a list or of True, too, but nothing that a provider understands.
        if not isinstance(name, str) or not isinstance(value, (str, int)) or isinstance(value, bool):
            raise InvalidInput("input_invalid", f"{name} must be a text or a whole number.")
        try:
            text = str(value)
        except ValueError:  # Python writes no number of more than 4300 digits
            raise InvalidInput("input_invalid", f"{name} is too long.") from None
        if not can_be_kept(name + text):
            raise InvalidInput("input_invalid", f"{name!a} holds a character that no database keeps.")
        if name == "max_age" and not _AGE.fullmatch(text):
            raise InvalidInput("input_invalid", "max_age must be a whole number of at most 9 digits.")
        parameters[name] = text
    return parameters


def checked_scopes(given: Any) -> list[str]:
    """Return scopes for an identity provider, each once, in their order.

    Raises:
        InvalidInput: `input_invalid` for what is no scope of RFC 6749 §3.3, and for more than 100.
    """
    scopes = list(dict.fromkeys(given.split() if isinstance(given, str) else given))
    if len(scopes) > _MOST_SCOPES or not all(isinstance(s, str) and _SCOPE.fullmatch(s) for s in scopes):
        raise InvalidInput("input_invalid", "Scopes must be at most 100 texts without spaces.")
    return scopes


def can_be_kept(text: str) -> bool:
    """Whether PostgreSQL takes the text into JSON: no NUL, and no half of a surrogate pair."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False

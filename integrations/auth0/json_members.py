"""Reading JSON objects that others sent: strictly, and without showing what is in them."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from stateful_oauth.flows.engine.secret import REDACTED, Secret

# No member that we read is a count that comes near it, and `datetime` knows no later second.
_MAX_COUNT: Final = 253_402_300_799


class Members:
    """The members of a JSON object, read by type.

    The methods raise ValueError, whose message names the member and never shows its value.
    """

    __slots__ = ("_members",)

    def __init__(self, members: dict[str, Any]) -> None:
        self._members = members

    @classmethod
    def parse(cls, raw: bytes) -> Members:
        """Read an object; see `_value_of` for what else is refused."""
        return cls._of(_value_of(raw))

    @classmethod
    def parse_array(cls, raw: bytes) -> tuple[Members, ...]:
        """Read an array of objects; see `_value_of` for what else is refused."""
        values = _value_of(raw)
        if not isinstance(values, list):
            raise ValueError("It is not a JSON array.")  # noqa: TRY004 - one error for every bad text
        return tuple(cls._of(value) for value in values)

    @classmethod
    def _of(cls, value: object) -> Members:
        if not isinstance(value, dict):
            raise ValueError("It is not a JSON object.")  # noqa: TRY004 - one error for every bad text
        return cls(value)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def __repr__(self) -> str:
        return f"Members({REDACTED!r})"

    def get(self, name: str) -> Any:
        """Return a member as it is, or None."""
        return self._members.get(name)

    def text(self, name: str) -> str:
        """Return a text that must be there, not be empty, and that every database keeps."""
        value = self._members.get(name)
        if not isinstance(value, str) or not value or "\0" in value:
            raise ValueError(f"{name} must be a text that is not empty, without NUL.")
        return value

    def secret(self, name: str) -> Secret:
        """Return a text that must be there and not be empty, as a secret."""
        return Secret(self.text(name))

    def optional_secret(self, name: str) -> Secret | None:
        """Return a text that may be missing, or null, as a secret."""
        return None if self._members.get(name) is None else self.secret(name)

    def optional_text(self, name: str) -> str | None:
        """Return a text that may be missing, null or empty, and that every database keeps."""
        value = self._members.get(name)
        if value is not None and (not isinstance(value, str) or "\0" in value):
            raise ValueError(f"{name} must be a text without NUL.")
        return value

    def optional_count(self, name: str) -> int | None:
        """Return a whole number that is not negative, or None when it is missing or null."""
        value = self._members.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_COUNT:
            raise ValueError(f"{name} must be a whole number that is not negative.")
        return value

    def lifetime(self, name: str) -> int:
        """Return a whole number that must be there and be more than 0."""
        value = self.optional_count(name)
        if not value:
            raise ValueError(f"{name} must be more than 0.")
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return an array of texts, which every database keeps, or None when it is missing."""
        value = self._members.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(
            isinstance(item, str) and "\0" not in item for item in value
        ):
            raise ValueError(f"{name} must be an array of texts without NUL.")
        return tuple(value)

    def flag(self, name: str) -> bool:
        """Return true or false; false when it is missing or null."""
        value = self._members.get(name)
        if value is not None and not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false.")
        return value is True

    def nested(self, name: str) -> Members:
        """Return an object that must be there."""
        return self._named(name, self._members.get(name))

    def optional_nested(self, name: str) -> Members | None:
        """Return an object that may be missing, or null."""
        return None if self._members.get(name) is None else self.nested(name)

    def objects(self, name: str) -> tuple[Members, ...]:
        """Return an array of objects that must be there."""
        values = self._members.get(name)
        if not isinstance(values, list):
            raise ValueError(f"{name} must be an array.")  # noqa: TRY004 - as in every method
        return tuple(self._named(name, value) for value in values)

    @staticmethod
    def _named(name: str, value: object) -> Members:
        if not isinstance(value, dict):
            raise ValueError(f"{name} must be an object.")  # noqa: TRY004 - as in every method
        return Members(value)

    def as_dict(self) -> dict[str, Any]:
        """Return all members."""
        return self._members


def _value_of(raw: bytes) -> Any:
    """Read a JSON text.

    A repeated member is an error (RFC 8259 §4: what becomes of it is unpredictable), so are NaN and Infinity,
    text that is not UTF-8, and half of a surrogate pair.
    """
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_without_repetition, parse_constant=_refuse_constant
        )
        # Only an escape can write half of a pair, and no later step could encode it (RFC 8259 §8.2).
        if b"\\ud" in raw or b"\\uD" in raw:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        # The original error shows a piece of the text.
        raise ValueError("It is not a JSON text that can be relied on.") from None
    return value


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("A member is repeated.")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON.")

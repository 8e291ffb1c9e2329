"""Reading JSON objects that others sent: strictly, and without showing what is in them.

Every number and date of every answer passes here: what leaves is finite, of the right type, and within bounds
that no later computation overflows.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.flows.engine.secret import REDACTED, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_LIFETIME: Final = 31_536_000  # seconds: a year; what lasts longer is asked for again after it
_FIRST_YEAR, _LAST_YEAR = 1970, 9998  # in UTC: no time zone moves a date out of what `datetime` knows
_MOST_LEVELS: Final = 64  # of nesting; whatever walks a value later has the stack for it
_MOST_DIGITS: Final = 400  # of a whole number; Python converts no more than 4300


class _Unusable:
    """What stands, in a tolerant reading, for a value that cannot be relied on: of no type that is read."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<unusable>"


_UNUSABLE: Final = _Unusable()


class Members:
    """The members of a JSON object, read by type.

    The methods raise ValueError, whose message names the member and never shows its value.
    """

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members

    @classmethod
    def parse(cls, raw: bytes, *, tolerant: bool = False) -> Members:
        """Read an object; see `_value_of` for what else is refused, and what `tolerant` means."""
        return cls._of(_value_of(raw, tolerant=tolerant))

    @classmethod
    def parse_array(cls, raw: bytes, *, tolerant: bool = False) -> tuple[Members, ...]:
        """Read an array of objects; see `_value_of` for what else is refused, and what `tolerant` means."""
        values = _value_of(raw, tolerant=tolerant)
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

    def text(self, name: str, *, longest: int | None = None) -> str:
        """Return a text that must be there, not be empty, and that every database keeps.

        Args:
            longest: In characters: as many as its column has.
        """
        # No variable holds it: it may be a token, and an error report shows variables.
        if not _is_text(self._members.get(name)) or not self._members[name]:
            raise ValueError(f"{name} must be a text that is not empty, without NUL.")
        if longest is not None and len(self._members[name]) > longest:
            raise ValueError(f"{name} must have at most {longest} characters.")
        return str(self._members[name])

    def secret(self, name: str) -> Secret:
        """Return a text that must be there and not be empty, as a secret."""
        return Secret(self.text(name))

    def optional_secret(self, name: str) -> Secret | None:
        """Return a text that may be missing, or null, as a secret."""
        return None if self._members.get(name) is None else self.secret(name)

    def optional_text(self, name: str) -> str | None:
        """Return a text that may be missing, null or empty, and that every database keeps."""
        if self._members.get(name) is None:
            return None
        if not _is_text(self._members[name]):
            raise ValueError(f"{name} must be a text without NUL.")
        return str(self._members[name])

    def informative_text(self, name: str) -> str:
        """Return a text that only people read; an empty string where it is missing or flawed."""
        try:
            return self.optional_text(name) or ""
        except ValueError:
            return ""

    def lifetime(self, name: str) -> int:
        """Return whole seconds that must be there and be more than 0; at most a year."""
        value = _number(self._members.get(name))
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise ValueError(f"{name} must be a whole number of seconds, more than 0.")
        return min(value, LONGEST_LIFETIME)

    def informative_lifetime(self, name: str) -> int | None:
        """Return whole seconds from 0 to a year, or None where it is missing or flawed.

        For an answer that is worth more than this member: one that brought a rotated refresh token, say.
        """
        value = _number(self._members.get(name))
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return int(min(max(value, 0), LONGEST_LIFETIME))

    def moment(self, name: str) -> datetime:
        """Return a date and time (RFC 3339 §5.6) that must be there, in UTC, of the years 1970 to 9998."""
        text = self.text(name)
        try:
            moment = datetime.fromisoformat(text)
            found = None if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            found = None
        if found is None or not _FIRST_YEAR <= found.year <= _LAST_YEAR:
            raise ValueError(f"{name} must be a date and time with its offset, of a year from 1970 to 9998.")
        return found

    def informative_moment(self, name: str) -> datetime | None:
        """Return a date and time as `moment` does, or None where it is missing or flawed."""
        try:
            return self.moment(name)
        except ValueError:
            return None

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
        """Return true or false, which some write as a text; false when it is missing or null."""
        value = self._members.get(name)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            value = value.lower() == "true"
        if value is not None and not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false.")
        return value is True

    def nested(self, name: str) -> Members:
        """Return an object that must be there."""
        return self._named(name, self._members.get(name))

    def optional_nested(self, name: str) -> Members | None:
        """Return an object that may be missing, or null."""
        return None if self._members.get(name) is None else self.nested(name)

    def free_form(self, name: str) -> dict[str, Any]:
        """Return an object that may be missing, whose members are not to be trusted.

        A member with an unusable value is None: it is present, but its value is unknown.
        """
        found = self.optional_nested(name)
        members = {} if found is None else found.as_dict()
        return {key: None if _is_unusable(value) else value for key, value in members.items()}

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
        return dict(self._members)


def _value_of(raw: bytes, *, tolerant: bool) -> Any:
    """Read a JSON text.

    A repeated member is an error (RFC 8259 §4: what becomes of it is unpredictable), and so is text that is
    not UTF-8. So are, unless the reading is tolerant, NaN, Infinity and numbers that Python makes them of
    (`1e999`), numbers of more than 400 digits, half of a surrogate pair, and more than 64 levels.

    Args:
        tolerant: Keep the text readable and only such a value unusable. For answers with values that users
            write themselves: one user's must not take the answer from the others.
    """
    unusable = _unusable if tolerant else _refused
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_if_not_repeated if tolerant else _without_repetition,
            parse_constant=unusable,
            parse_float=lambda text: number if math.isfinite(number := float(text)) else unusable(text),
            parse_int=lambda text: int(text) if len(text) <= _MOST_DIGITS else unusable(text),
        )
        # Only an escape can write half of a pair, and only that many brackets that many levels.
        if b"\\ud" in raw or b"\\uD" in raw or raw.count(b"[") + raw.count(b"{") > _MOST_LEVELS:
            value = _walked(value, _MOST_LEVELS, unusable)
    except (ValueError, RecursionError):
        # The original error shows a piece of the text.
        raise ValueError("It is not a JSON text that can be relied on.") from None
    return value


def _number(value: object) -> object:
    """Return a number that some providers send as a text (`"3600"`), or the value as it is."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
        return int(value)
    return value


def _is_text(value: object) -> bool:
    """Whether it is a text that every database keeps."""
    return isinstance(value, str) and "\0" not in value


def _refused(_: object) -> Any:
    raise ValueError("It holds a value that cannot be relied on.")


def _unusable(_: object) -> Any:
    return _UNUSABLE


def _walked(value: Any, levels: int, unusable: Callable[[object], Any]) -> Any:
    """Return the value without half a surrogate pair (RFC 8259 §8.2) and without too many levels."""
    if isinstance(value, str):
        return value if _is_unicode(value) else unusable(value)
    if isinstance(value, (list, dict)) and levels == 0:
        return unusable(value)
    if isinstance(value, list):
        return [_walked(each, levels - 1, unusable) for each in value]
    if isinstance(value, dict):
        if not all(map(_is_unicode, value)):
            return unusable(value)
        return {name: _walked(each, levels - 1, unusable) for name, each in value.items()}
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_unusable(value: object) -> bool:
    """Whether a value is, or holds, what stands for one that cannot be relied on."""
    if isinstance(value, list):
        return any(map(_is_unusable, value))
    if isinstance(value, dict):
        return any(map(_is_unusable, value.values()))
    return value is _UNUSABLE


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("A member is repeated.")
    return members


def _if_not_repeated(pairs: list[tuple[str, Any]]) -> Any:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _UNUSABLE

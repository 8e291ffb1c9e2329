"""Values that must not reach a log, a repr, a pickle or an error page."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final, Generic, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

REDACTED: Final = "[redacted]"


class Secret:
    """A string that shows itself only to the caller of `reveal()`.

    Copies are the object itself, so `dataclasses.asdict` and `copy.deepcopy` keep a secret a secret. It
    cannot be pickled: a cache, a task queue or another process would hold it in clear.

    Raises:
        TypeError: It is pickled.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value. Call it where the value is used, never to format a message."""
        return self._value

    def equals(self, other: str) -> bool:
        """Compare in constant time."""
        # An error of the strict encoder would show the value.
        return hmac.compare_digest(
            self._value.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.equals(other._value)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Secret({REDACTED!r})"

    __str__ = __repr__

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("A Secret cannot be pickled: keep it encrypted, and pass on the id of its row.")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__getstate__()


class Hidden(Generic[T]):
    """Any value, which its repr does not show: for a variable that an error report would show."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Hidden({REDACTED!r})"


class SecretURL(str):
    """A URL whose query holds secrets (`state`, a ticket): its repr shows none of the query."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(f"{self.partition('?')[0]}?{REDACTED}")


def names_only(members: Iterable[str]) -> str:
    """Return how a repr shows a mapping whose values are personal: its names, sorted, at most 30 of them."""
    names = sorted(map(str, members))
    return f"<{', '.join(names[:30])}{', …' if len(names) > 30 else ''}>"

"""What is made from the settings, once for the process, and again when a test changes the settings."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, ParamSpec, TypeVar

from django.core.signals import setting_changed
from django.dispatch import receiver

if TYPE_CHECKING:
    from collections.abc import Callable

Arguments = ParamSpec("Arguments")
Made = TypeVar("Made")


class Once(Generic[Arguments, Made]):
    """Keeps what a function made, for the process. Unlike `functools.cache`, it makes each thing once.

    A provider that sixteen first threads made sixteen times would ask for metadata and keys sixteen times.
    """

    _lock = threading.RLock()  # one for all, because the engine's making makes others
    _all: ClassVar[list[Once[Any, Any]]] = []

    def __init__(self, make: Callable[Arguments, Made]) -> None:
        self._make = make
        self._made: dict[tuple[object, ...], Made] = {}
        self.__doc__ = make.__doc__
        self._all.append(self)

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Made:
        """Return what was made, or make it."""
        key = (args, *sorted(kwargs.items())) if kwargs else args
        try:
            return self._made[key]
        except KeyError:
            with self._lock:
                if key not in self._made:
                    self._made[key] = self._make(*args, **kwargs)
                return self._made[key]

    def cache_clear(self) -> None:
        """Forget everything: the settings have changed."""
        with self._lock:
            self._made = {}

    @classmethod
    def forget_all(cls) -> None:
        """Have every function forget everything."""
        for each in cls._all:
            each.cache_clear()


def _renew_lock() -> None:
    Once._lock = threading.RLock()  # noqa: SLF001 - of this module


# A child of a fork must not wait for a thread that only its parent has.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_lock)


def once(make: Callable[Arguments, Made]) -> Once[Arguments, Made]:
    """Decorate a function whose result is kept for the process, until the settings change."""
    return Once(make)


# What the functions that are decorated read, in this package.
_READ: Final = ("STATEFUL_OAUTH", "SECRET_KEY", "SECRET_KEY_FALLBACKS")


@receiver(setting_changed)
def _forget(*, setting: str, **_: Any) -> None:
    if setting in _READ:
        Once.forget_all()

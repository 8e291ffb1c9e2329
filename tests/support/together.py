"""Many threads that begin at the same moment, each with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import connections

T = TypeVar("T")
PATIENCE = 60.0  # seconds after which a test that hangs fails


def together(actions: Sequence[Callable[[], T]]) -> list[T]:
    """Run every action on a thread of its own, all released at once; return their results in order.

    An action that raises fails the test, with the errors of all.
    """
    barrier = threading.Barrier(len(actions))
    results: dict[int, T] = {}
    errors: dict[int, BaseException] = {}

    def run(number: int, action: Callable[[], T]) -> None:
        try:
            barrier.wait(PATIENCE)
            results[number] = action()
        except BaseException as error:  # noqa: BLE001 - reported below, with those of the other threads
            errors[number] = error
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=run, args=each, name=f"together-{each[0]}", daemon=True)
        for each in enumerate(actions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    hanging = [thread.name for thread in threads if thread.is_alive()]
    assert not hanging, f"Still running after {PATIENCE} s: {hanging}"
    if errors:
        raise ExceptionGroup(
            f"{len(errors)} of {len(actions)} threads failed",
            [e if isinstance(e, Exception) else RuntimeError(repr(e)) for e in errors.values()],
        )
    return [results[number] for number in range(len(actions))]

"""Prove a site: `python -m stateful_oauth.testing --profile quick|ci|deep`.

Needs `DJANGO_SETTINGS_MODULE`. Makes test databases, as `manage.py test` does, one for each process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from queue import Empty
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stateful_oauth.testing.world.figures import Figures

_SHOW_EVERY = 10.0  # seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove with as many processes as there are cores; print progress and a report; return an exit code."""
    parser = argparse.ArgumentParser(prog="stateful_oauth.testing", description=__doc__)
    parser.add_argument("--profile", default="quick", choices=("quick", "ci", "deep"))
    parser.add_argument(
        "--seconds", type=float, help="how long to draw scenarios, in processor time of each process"
    )
    parser.add_argument(
        "--seed", type=int, help="of the first batch; 0 for quick and ci, by the clock for deep"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many processes")
    parser.add_argument(
        "--world", default="stateful_oauth.testing.world.World", help="dotted path of the class"
    )
    chosen = parser.parse_args(arguments)
    if chosen.seed is None:
        chosen.seed = int(time.time()) if chosen.profile == "deep" else 0
    django.setup()
    return _run(chosen)


def _run(chosen: argparse.Namespace) -> int:
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue()
    workers = [context.Process(target=_work, args=(chosen, number, queue)) for number in range(chosen.jobs)]
    for worker in workers:
        worker.start()
    latest: dict[int, Figures] = {}
    failures: list[str] = []
    try:
        for number, figures, failure in _told(workers, queue):
            latest[number] = figures or latest.get(number, figures)
            failures += [failure] if failure else []
    except KeyboardInterrupt:
        _say("Stopped by hand.")
        for worker in workers:
            worker.terminate()
    total = _sum(latest)
    for failure in failures:
        _say(failure)
    _say("\n".join(_lines(total)))
    return 1 if failures or total.violations else 0


def _told(workers: Sequence[Any], queue: Any) -> Iterator[tuple[int, Any, str]]:
    """Yield what the processes tell, and show how far they are, until all of them are done."""
    latest: dict[int, Figures] = {}
    running, shown = set(range(len(workers))), time.monotonic()
    while running:
        try:
            number, figures, failure, done = queue.get(timeout=_SHOW_EVERY)
        except Empty:
            for number in [each for each in running if not workers[each].is_alive()]:
                running.discard(number)
                yield number, None, f"Process {number} ended without a word."
            continue
        latest[number] = figures
        yield number, figures, failure
        if done:
            running.discard(number)
        if time.monotonic() - shown >= _SHOW_EVERY:
            shown = time.monotonic()
            _say(_progress(_sum(latest)))


def _sum(latest: dict[int, Figures]) -> Figures:
    from stateful_oauth.testing.world.figures import Figures  # noqa: PLC0415 - after `setup`

    total = Figures()
    for figures in latest.values():
        if figures is not None:
            total.add(figures)
    return total


def _progress(figures: Figures) -> str:
    return (
        f"… {figures.scenarios} examples, {figures.steps} steps, {figures.faults} faults,"
        f" {figures.crashes} crashes, {len(figures.edges)} transitions, {figures.violations} violations"
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _lines(figures: Figures) -> list[str]:
    from stateful_oauth.testing.world.prove import report  # noqa: PLC0415 - after `setup`

    return report(figures)


def _work(chosen: argparse.Namespace, number: int, queue: Any) -> None:
    django.setup()
    from django.db import connections  # noqa: PLC0415 - after `setup`
    from django.test.utils import setup_databases, setup_test_environment  # noqa: PLC0415 - after `setup`
    from django.utils.module_loading import import_string  # noqa: PLC0415 - after `setup`

    from stateful_oauth.testing.world.prove import prove  # noqa: PLC0415 - after `setup`

    setup_test_environment(debug=False)
    for connection in connections.all():
        test = connection.settings_dict["TEST"]
        if connection.vendor != "sqlite" or test["NAME"]:
            test["NAME"] = f"{test['NAME'] or 'test_' + str(connection.settings_dict['NAME'])}_{number}"
    setup_databases(verbosity=0, interactive=False)
    world, failure = import_string(chosen.world), ""
    try:
        prove(
            world,
            chosen.profile,
            seconds=chosen.seconds,
            first_seed=chosen.seed + number,
            seed_step=chosen.jobs,
            with_corpus=number == 0,
            progress=lambda figures: queue.put((number, figures, "", False)),
        )
    except Exception as error:  # noqa: BLE001 - it is the result
        failure = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
    queue.put((number, world.figures, failure, True))

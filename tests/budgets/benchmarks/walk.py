"""How far a request walks through the package: calls, functions, files, and changes of package.

    python -m tests.budgets.benchmarks.walk                     the start, and the callback of a returning user
    python -m tests.budgets.benchmarks.walk --by-package        where the calls of all code are, package by package
    python -m tests.budgets.benchmarks.walk --pstats FOLDER     one file for `pstats` per step, of 100 sign-ins

The figures do not depend on other work on the machine. A call counts if the called function is in a file of
this package; generated functions (of dataclasses) are in none. A change of package is such a call from a
function of another package (`flows/login`, `storage`, `integrations/auth0`, ...), whatever code lies between.
"""

from __future__ import annotations

import argparse
import cProfile
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.budgets.benchmarks.own_site import USERS, Bench, Provider, database, set_up
from tests.support.checkout import ROOT

FOLDERS = ("flows", "storage", "integrations", "diagrams")
STEPS = ("login", "callback")


class Walk:
    """What `sys.setprofile` saw of one request."""

    def __init__(self) -> None:
        self.calls = 0
        self.all_calls: Counter[str] = Counter()
        self.functions: set[CodeType] = set()
        self.files: set[str] = set()
        self.changes = 0
        self._packages: list[str] = []

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Count one call; remember the packages on the stack."""
        if event == "c_call":
            self.all_calls["(C functions)"] += 1
            return
        package = package_of(frame.f_code.co_filename)
        if event == "call":
            self.all_calls[package or distribution_of(frame.f_code.co_filename)] += 1
            if package:
                self.calls += 1
                self.functions.add(frame.f_code)
                self.files.add(frame.f_code.co_filename)
                if self._packages and self._packages[-1] != package:
                    self.changes += 1
                self._packages.append(package)
        elif event == "return" and package and self._packages:
            self._packages.pop()


_KNOWN: dict[str, str] = {}


def package_of(file: str) -> str:
    """Return `flows/login` for a file in it; the empty string for one of another distribution."""
    if file not in _KNOWN:
        path = Path(file).resolve()
        relative = path.relative_to(ROOT).parts if path.is_relative_to(ROOT) else ("",)
        depth = 1 if relative[0] == "storage" else 2
        _KNOWN[file] = "/".join(relative[:-1][:depth]) if relative[0] in FOLDERS else ""
    return _KNOWN[file]


def distribution_of(file: str) -> str:
    """Return the first folder under `site-packages`, or say that the file is Python's own."""
    _, found, below = file.partition("site-packages/")
    return below.partition("/")[0] if found else "(standard library)"


def walked(bench: Bench) -> dict[str, Walk]:
    """Sign a returning user in, and return each step's walk."""
    walks: dict[str, Walk] = {}

    @contextmanager
    def around(step: str) -> Iterator[None]:
        walk = walks[step] = Walk()
        sys.setprofile(walk)
        try:
            yield
        finally:
            sys.setprofile(None)

    bench.sign_in(0, around)
    return walks


def profiled(bench: Bench, folder: Path) -> None:
    """Write one file for `pstats` per step."""
    profiles = {step: cProfile.Profile() for step in STEPS}

    @contextmanager
    def around(step: str) -> Iterator[None]:
        profile = profiles.get(step)
        if profile:
            profile.enable()
        try:
            yield
        finally:
            if profile:
                profile.disable()

    for number in range(100):
        bench.sign_in(number, around)
    for step, profile in profiles.items():
        profile.dump_stats(folder / f"{step}.pstats")


def site(stack: ExitStack) -> Bench:
    """Return a warm site on SQLite, over http."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stateful-oauth-walk-")))
    provider = Provider("http", folder)
    stack.callback(provider.stop)
    set_up(provider.issuer, database("sqlite", folder, stack))
    bench = Bench(provider)
    for number in range(2 * USERS):
        bench.sign_in(number)
    return bench


def show(walks: dict[str, Walk], say: Callable[[str], None]) -> None:
    """Print the table of the walk."""
    say("| | calls | functions | files | changes of package | calls of all code |")
    say("| --- | --- | --- | --- | --- | --- |")
    for step in STEPS:
        walk = walks[step]
        cells = (walk.calls, len(walk.functions), len(walk.files), walk.changes, walk.all_calls.total())
        say(f"| {step} | {' | '.join(f'{cell:,}' for cell in cells)} |")


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--by-package", action="store_true", help="where the calls of all code are")
    parser.add_argument("--pstats", type=Path, help="folder for the files of pstats")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        bench = site(stack)
        walks = walked(bench)
        show(walks, print)
        if arguments.by_package:
            for step in STEPS:
                print(f"\n{step}")
                for package, n in walks[step].all_calls.most_common(16):
                    print(f"{n:7,} {package}")
        if arguments.pstats:
            arguments.pstats.mkdir(parents=True, exist_ok=True)
            profiled(bench, arguments.pstats)
        from django.db import connections

        connections.close_all()


if __name__ == "__main__":
    main()

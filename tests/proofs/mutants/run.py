"""Break the code in every way of the catalogue, and see the suite fail.

Each mutant is made in a copy of the checkout, and its tests run there until the first one fails. Prints the
table of mutants and failing tests, and the score; ends with 1 when somebody survived without an explanation.

What is known is written to build/mutants.jsonl as it comes. An interrupted run goes on with --resume, as long as
the code is the same; who survived is tried again, because there may be more tests by now.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from queue import SimpleQueue

from tests.proofs.mutants import (
    catalogue,
    catalogue_of_apis,
    catalogue_of_browsers,
    catalogue_of_denials,
    catalogue_of_endings,
    catalogue_of_faults,
    catalogue_of_flows,
    catalogue_of_front_doors,
    catalogue_of_linking,
    catalogue_of_load,
    catalogue_of_pages,
    catalogue_of_providers,
    catalogue_of_sessions,
    catalogue_of_users,
    catalogue_of_values,
)
from tests.proofs.mutants.catalogue import Mutant
from tests.support.checkout import ROOT as CHECKOUT

FOLDERS = ("flows", "storage", "integrations", "diagrams")
PACKAGES = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
RESULTS = CHECKOUT / "build" / "mutants.jsonl"
# Every way of testing that the catalogue uses, in seconds: a machine, the engine, the site, the emulator, a database.
SANE = (
    "tests/flows/engine/test_effects.py",
    "tests/integrations/django/sessions/test_session.py",
    "tests/flows/account_linking/test_coming_back.py",
)
_TIME_LIMIT = 300  # seconds for the tests of one mutant
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", re.MULTILINE)
_NOT_LOADED = re.compile(r"^ERROR (\S+)|^ImportError while loading conftest", re.MULTILINE)
_REQUIRED = 0.95


class Broken(Exception):
    """The tests cannot run here: that says nothing about a mutant."""


@dataclass(frozen=True)
class Verdict:
    mutant: Mutant
    noticed_by: str
    seconds: float


class Copy:
    """A copy of the checkout, whose folders are imported instead of the installed ones.

    Raises:
        Broken: Its tests cannot run, or fail although nothing is broken on purpose yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (*FOLDERS, "tests"):
            shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "docs", "CHANGELOG.md", "SECURITY.md", "Makefile"):
            (folder / name).symlink_to(CHECKOUT / name)
        (folder / "package" / "stateful_oauth").mkdir(parents=True)
        for name, place in PACKAGES.items():
            (folder / "package" / name.replace(".", "/")).symlink_to(folder / place)

    def judge(self, mutant: Mutant) -> Verdict:
        started = time.monotonic()
        file = self.folder / mutant.file
        sound = file.read_text()
        file.write_text(sound.replace(mutant.old, mutant.new))
        try:
            noticed_by = self._test(mutant)
        finally:
            file.write_text(sound)
        return Verdict(mutant, noticed_by, time.monotonic() - started)

    def check(self) -> None:
        """Run a few tests of the unbroken code: only then does a failure say something about a mutant."""
        where = self._run("-c", "import stateful_oauth.flows as folder; print(folder.__file__)").stdout
        if not where.startswith(str(self.folder)):
            raise Broken(f"The copy in {self.folder} is not what is imported, but {where}")
        done = self._pytest(SANE)
        if done.returncode != 0:
            raise Broken(
                "The tests fail although nothing is broken on purpose:\n" + done.stdout + done.stderr
            )

    def _test(self, mutant: Mutant) -> str:
        """Return who noticed, or nothing.

        The files that are likeliest to notice run first, alone: collecting a whole folder takes longer than they do.
        """
        likeliest = tuple(takewhile(lambda name: not (self.folder / name).is_dir(), mutant.tests))
        parts = [part for part in (likeliest, mutant.tests[len(likeliest) :]) if part]
        return next(filter(None, (self._noticed_by(mutant, part) for part in parts)), "")

    def _noticed_by(self, mutant: Mutant, tests: tuple[str, ...]) -> str:
        try:
            done = self._pytest(tests, slow=mutant.slow)
        except subprocess.TimeoutExpired:
            # Not counted: its tests may just take that long. One that hangs needs a test that ends.
            print(f"{mutant.name}: its tests did not end in {_TIME_LIMIT} s", file=sys.stderr, flush=True)
            return ""
        if done.returncode == 0:
            return ""
        failed = _FAILED.search(done.stdout)
        if failed:
            return failed[1]
        if _NOT_LOADED.search(done.stdout + done.stderr):
            # A machine that breaks a rule is refused when it is read, before any test runs.
            return "(refused when it is loaded)"
        raise Broken(f"The tests of {mutant.name!r} did not run:\n{done.stdout}{done.stderr}")

    def _files(self, tests: tuple[str, ...]) -> list[str]:
        """Name every file once, in the order in which it is asked for; pytest itself puts a folder before its files."""
        files: dict[str, None] = {}
        for name in tests:
            place = self.folder / name
            if place.is_dir():
                files |= {
                    str(file.relative_to(self.folder)): None for file in sorted(place.rglob("test_*.py"))
                }
            else:
                files[name] = None
        return list(files)

    def _pytest(self, tests: tuple[str, ...], *, slow: bool = False) -> subprocess.CompletedProcess[str]:
        options = "-x -q -n0 --no-header -p no:randomly -p no:cacheprovider -p tests.proofs.mutants.in_order"
        marked = "not browser" if slow else "not browser and not slow"
        return self._run("-m", "pytest", *options.split(), "-m", marked, *self._files(tests))

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-B", *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": str(self.folder / "package"),
                "HYPOTHESIS_PROFILE": "quick",
            },
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT,
            check=False,
        )


class Results:
    """Who was noticed, in a file that an interrupted run leaves behind."""

    def __init__(self, *, resume: bool) -> None:
        self._known: dict[str, tuple[str, float]] = {}
        self._code = hashlib.sha256()
        for name in FOLDERS:
            for file in sorted((CHECKOUT / name).rglob("*.py")):
                self._code.update(file.read_bytes())
        RESULTS.parent.mkdir(exist_ok=True)
        if resume and RESULTS.exists():
            for line in map(json.loads, RESULTS.read_text().splitlines()):
                if line["noticed_by"] and _is_there(line["noticed_by"]):
                    self._known[line["of"]] = (line["noticed_by"], line["seconds"])
        else:
            RESULTS.write_text("")

    def known(self, mutant: Mutant) -> Verdict | None:
        found = self._known.get(self._of(mutant))
        return None if found is None else Verdict(mutant, *found)

    def keep(self, verdict: Verdict) -> None:
        line = {
            "of": self._of(verdict.mutant),
            "name": verdict.mutant.name,
            "noticed_by": verdict.noticed_by,
            "seconds": verdict.seconds,
        }
        with RESULTS.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _of(self, mutant: Mutant) -> str:
        """Name a mutant together with all the code."""
        digest = self._code.copy()
        digest.update(repr((mutant.file, mutant.old, mutant.new)).encode())
        return digest.hexdigest()


def _is_there(test: str) -> bool:
    if test.startswith("("):
        return True
    file, _, name = test.partition("::")
    place = CHECKOUT / file
    return place.exists() and name.partition("[")[0].rpartition("::")[2] in place.read_text()


def main() -> int:
    arguments = _arguments()
    mutants = (
        *catalogue.MUTANTS,
        *catalogue_of_apis.MUTANTS,
        *catalogue_of_browsers.MUTANTS,
        *catalogue_of_denials.MUTANTS,
        *catalogue_of_endings.MUTANTS,
        *catalogue_of_faults.MUTANTS,
        *catalogue_of_load.MUTANTS,
        *catalogue_of_flows.MUTANTS,
        *catalogue_of_front_doors.MUTANTS,
        *catalogue_of_linking.MUTANTS,
        *catalogue_of_pages.MUTANTS,
        *catalogue_of_providers.MUTANTS,
        *catalogue_of_sessions.MUTANTS,
        *catalogue_of_users.MUTANTS,
        *catalogue_of_values.MUTANTS,
    )
    chosen = [mutant for mutant in mutants if arguments.only in f"{mutant.file} {mutant.name}"]
    if not chosen:
        sys.exit(f"No mutant's file or name has {arguments.only!r} in it.")
    wrong = [m.name for m in chosen if (CHECKOUT / m.file).read_text().count(m.old) != 1]
    wrong += [
        f"{m.name}: no {name}"
        for m in chosen
        for name in m.tests
        if not (CHECKOUT / name.partition("::")[0]).exists()
    ]
    if wrong:
        sys.exit(
            "These mutants do not fit the code any more: mend tests/proofs/mutants/catalogue.py:\n"
            + "\n".join(wrong)
        )
    started = time.monotonic()
    try:
        verdicts = _judge(chosen, Results(resume=arguments.resume), arguments.jobs)
    except Broken as error:
        sys.exit(str(error))
    table = _table(verdicts)
    print(table)
    if arguments.write:
        (CHECKOUT / "docs" / "mutants.md").write_text(table)
    unexplained = [v for v in verdicts if not v.noticed_by and not v.mutant.survivor]
    counted = [v for v in verdicts if v.mutant.file.startswith("flows/")] or verdicts
    score = sum(bool(v.noticed_by) for v in counted) / len(counted)
    print(f"mutants: {len(verdicts)}")
    print(f"noticed: {sum(bool(v.noticed_by) for v in verdicts)}")
    print(f"mutants of flows: {len(counted)}")
    print(f"score of flows in %: {100 * score:.1f}")
    print(f"survivors without an explanation: {len(unexplained)}")
    print(f"minutes: {(time.monotonic() - started) / 60:.1f}")
    return int(bool(unexplained) or score < _REQUIRED)


def _judge(chosen: list[Mutant], results: Results, jobs: int) -> list[Verdict]:
    with tempfile.TemporaryDirectory(prefix="stateful-oauth-mutants-") as folder:
        free: SimpleQueue[Copy] = SimpleQueue()
        for number in range(jobs):
            copy = Copy(Path(folder, str(number)))
            if number == 0:
                copy.check()
            free.put(copy)

        def judge(mutant: Mutant) -> Verdict:
            verdict = results.known(mutant)
            if verdict is None:
                copy = free.get()
                try:
                    verdict = copy.judge(mutant)
                finally:
                    free.put(copy)
                results.keep(verdict)
            print(
                f"{'noticed ' if verdict.noticed_by else 'SURVIVED'} {mutant.name} ({verdict.seconds:.0f} s)",
                file=sys.stderr,
                flush=True,
            )
            return verdict

        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(judge, chosen))


def _table(verdicts: list[Verdict]) -> str:
    lines = [
        "# Mutants",
        "",
        "Written by `make mutants`: the ways in which the code is broken on purpose, and the first test that notices.",
        "",
        "| What is broken | In | Noticed by |",
        "| --- | --- | --- |",
    ]
    for verdict in verdicts:
        by = verdict.noticed_by.replace("|", "\\|") or f"nobody: {verdict.mutant.survivor or 'a gap'}"
        lines.append(
            f"| {verdict.mutant.name} | `{verdict.mutant.file}` | {by if by.startswith('(') or not verdict.noticed_by else f'`{by}`'} |"
        )
    return "\n".join(lines) + "\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of the file's path or of the name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument(
        "--resume", action="store_true", help="go on with what build/mutants.jsonl knows already"
    )
    parser.add_argument("--write", action="store_true", help="write docs/mutants.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

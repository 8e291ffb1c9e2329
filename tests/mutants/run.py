"""Break the code in every way of the catalogue, and see the suite fail.

Each mutant is made in a copy of the checkout, and its tests run there until the first one fails. Prints the
table of mutants and failing tests, and the score; ends with 1 when somebody survived without an explanation.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from catalogue import MUTANTS, Mutant  # noqa: E402 - after the path is set

ROOMS = ("flows", "storage", "integrations", "diagrams")
_TIME_LIMIT = 300  # seconds for the tests of one mutant: one that hangs is noticed, too
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_REQUIRED = 0.95


@dataclass(frozen=True)
class Verdict:
    mutant: Mutant
    noticed_by: str
    seconds: float


class Copy:
    """A copy of the checkout, whose rooms are imported instead of the installed ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (*ROOMS, "tests"):
            shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "docs", "CHANGELOG.md", "SECURITY.md", "Makefile"):
            (folder / name).symlink_to(CHECKOUT / name)
        (folder / "package" / "stateful_oauth").mkdir(parents=True)
        for room in ROOMS:
            (folder / "package" / "stateful_oauth" / room).symlink_to(folder / room)

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

    def _test(self, mutant: Mutant) -> str:
        tests = [name for name in mutant.tests if (self.folder / name).exists()]
        command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-n0", "-p", "no:randomly", "-p", "no:cacheprovider",
                   "-m", "not browser", "--no-header", *tests]  # fmt: skip
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder / "package"),
            "HYPOTHESIS_PROFILE": "quick",
        }
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_TIME_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "(it never ends)"
        if done.returncode == 0:
            return ""
        found = _FAILED.search(done.stdout)
        if found:
            return found[1]
        # A machine that breaks a rule is refused when it is read, before any test runs.
        return (
            "(refused when it is loaded)"
            if done.returncode in (2, 3, 4) or "TypeError" in done.stdout + done.stderr
            else ""
        )


def main() -> int:
    arguments = _arguments()
    chosen = [mutant for mutant in MUTANTS if arguments.only in f"{mutant.file} {mutant.name}"]
    wrong = [m.name for m in chosen if (CHECKOUT / m.file).read_text().count(m.old) != 1]
    if wrong:
        sys.exit(
            "These mutants do not fit the code any more: mend tests/mutants/catalogue.py:\n"
            + "\n".join(wrong)
        )
    with tempfile.TemporaryDirectory(prefix="stateful-oauth-mutants-") as folder:
        free: SimpleQueue[Copy] = SimpleQueue()
        for number in range(arguments.jobs):
            free.put(Copy(Path(folder, str(number))))

        def judge(mutant: Mutant) -> Verdict:
            copy = free.get()
            try:
                verdict = copy.judge(mutant)
            finally:
                free.put(copy)
            print(
                f"{'noticed ' if verdict.noticed_by else 'SURVIVED'} {mutant.name} ({verdict.seconds:.0f} s)",
                file=sys.stderr,
                flush=True,
            )
            return verdict

        with ThreadPoolExecutor(arguments.jobs) as pool:
            verdicts = list(pool.map(judge, chosen))
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
    return int(bool(unexplained) or score < _REQUIRED)


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
    parser.add_argument("--write", action="store_true", help="write docs/mutants.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

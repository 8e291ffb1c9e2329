"""What the commands that sweep have in common: options, progress, reports and exit codes.

Exit codes, for cron: 0 when all is well, 1 when rows need somebody, 2 for options that make no sense.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import BaseCommand, CommandError
from stateful_oauth.django.choices import check_choice
from stateful_oauth.flows.engine.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.core.management.base import CommandParser
    from stateful_oauth.django.sweeping import SweepReport

NEEDS_SOMEBODY: Final = 1
USAGE: Final = 2
_PROGRESS_EVERY: Final = 1.0  # seconds


class SweepCommand(BaseCommand):
    """Base of the commands that work through many rows."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what every sweep takes."""
        parser.add_argument("--kind", help="Only transactions of this flow, for example login.")
        parser.add_argument("--tenant", help="Only transactions of the tenant with this alias.")
        parser.add_argument("--limit", type=int, help="Stop after this many rows.")
        parser.add_argument("--dry-run", action="store_true", help="Count only.")
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="json: one object, for machines."
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's own
        """Check the options, and sweep."""
        try:
            self.check_options(**options)
            self.sweep(**options)
        except StoreUnavailable as error:
            raise CommandError(
                f"The database does not answer ({error}). What was done is done; run the command again.",
                returncode=NEEDS_SOMEBODY,
            ) from error

    def check_options(self, **options: Any) -> None:
        """Refuse options that make no sense.

        Raises:
            CommandError: The message says which, and what to write.
        """
        try:
            check_choice(
                kind=options["kind"],
                tenant=options["tenant"],
                states=options.get("state") or (),
                limit=options["limit"],
            )
        except ValueError as error:
            raise CommandError(str(error), returncode=USAGE) from error

    def sweep(self, **options: Any) -> None:
        """Do the command's work.

        Raises:
            CommandError: Rows need somebody.
        """
        raise NotImplementedError

    def progress(self, what: str, verbosity: int) -> Callable[[int], None] | None:
        """Return what says on stderr how far the work is, when there is somebody to read it."""
        if verbosity < 1 or (verbosity < 2 and not self.stderr.isatty()):
            return None
        last = time.monotonic()

        def say(number: int) -> None:
            nonlocal last
            if time.monotonic() - last >= _PROGRESS_EVERY or verbosity >= 3:
                last = time.monotonic()
                self.stderr.write(f"{what}: {number} so far", self.style.NOTICE)

        return say

    def show(self, report: Mapping[str, Any], lines: list[str], chosen: str) -> None:
        """Print a report as one JSON object, or as lines `name: number`."""
        self.stdout.write(json.dumps(report) if chosen == "json" else "\n".join(lines))

    def show_sweep(self, report: SweepReport, *, dry_run: bool, chosen: str) -> None:
        """Print the report of a sweep.

        Raises:
            CommandError: Rows need somebody.
        """
        names = [name for name in report.counts if dry_run == (name == "due") or name == "stuck"]
        lines = [f"{name}: {report.counts[name]}" for name in names]
        lines += [f"  {kind} {state}: {number}" for kind, state, number in report.due]
        lines += [
            f"{each.what}: {each.id} {each.kind} {each.state} ({each.tenant}) {each.code}".rstrip()
            for each in report.problems
        ]
        self.show({"dry_run": dry_run, **report.as_json()}, lines, chosen)
        if report.needs_somebody:
            needs = ", ".join(
                f"{report.counts[name]} {name}"
                for name in ("quarantined", "broken", "stuck")
                if report.counts.get(name)
            )
            raise CommandError(
                f"{report.needs_somebody} transactions need somebody: {needs}. "
                "Look at each with flow_show, and see docs/operations.md.",
                returncode=NEEDS_SOMEBODY,
            )

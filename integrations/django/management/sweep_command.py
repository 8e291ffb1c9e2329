"""The base of the sweep commands: options, progress, reports, and exit codes.

Exit codes, for cron: 0 if all is well, 1 if rows need an operator, 2 for invalid options.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError

from stateful_oauth.django.documentation import documentation
from stateful_oauth.django.sweeps.filters import check_filters
from stateful_oauth.flows.engine.errors import StoreUnavailable
from stateful_oauth.storage.availability import is_not_migrated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.core.management.base import CommandParser

    from stateful_oauth.django.sweeps.sweeping import SweepReport

NEEDS_OPERATOR: Final = 1
USAGE: Final = 2
_PROGRESS_EVERY: Final = 1.0  # seconds


def database_error(error: Exception, advice: str = "") -> CommandError:
    """Return what a command says of a database error.

    Raises:
        ProgrammingError: The error itself, if it is a bug.
    """
    if is_not_migrated(error):
        return CommandError("The tables are missing. Run `manage.py migrate`.", returncode=NEEDS_OPERATOR)
    if isinstance(error, ProgrammingError):
        raise error
    said = f"The database does not respond ({error}). {advice}".rstrip()
    return CommandError(said, returncode=NEEDS_OPERATOR)


class SweepCommand(BaseCommand):
    """The base of commands that work through many rows."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options of every sweep."""
        parser.add_argument("--kind", help="Only transactions of this flow, for example login.")
        parser.add_argument("--tenant", help="Only transactions of the tenant with this alias.")
        parser.add_argument("--limit", type=int, help="Stop after this many rows.")
        parser.add_argument("--dry-run", action="store_true", help="Only count.")
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="json: one JSON object, for programs."
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's own
        """Check the options, and sweep."""
        try:
            self.check_options(**options)
            self.sweep(**options)
        except (StoreUnavailable, ProgrammingError) as error:
            raise database_error(error, "Completed work is saved. Run the command again.") from error

    def check_options(self, **options: Any) -> None:
        """Refuse invalid options.

        Raises:
            CommandError: The message says which option is wrong, and what to write.
        """
        try:
            check_filters(
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
            CommandError: Rows need an operator.
        """
        raise NotImplementedError

    def progress(self, what: str, verbosity: int) -> Callable[[int], None] | None:
        """Return a function that reports progress on stderr, or None if stderr is not shown."""
        if verbosity < 1 or (verbosity < 2 and not self.stderr.isatty()):
            return None
        last = time.monotonic()

        def say(number: int) -> None:
            nonlocal last
            if time.monotonic() - last >= _PROGRESS_EVERY or verbosity >= 3:
                last = time.monotonic()
                self.stderr.write(f"{what}: {number} so far", self.style.NOTICE)

        return say

    def show(self, report: Mapping[str, Any], lines: list[str], *, happened: bool, **options: Any) -> None:
        """Print a report as one JSON object, or as lines `name: number`.

        Cron mails what a command prints, so the lines are left out if nothing happened, unless the verbosity
        is 2, and always if it is 0. JSON was asked for, and is always printed.

        Args:
            happened: Whether there is anything to tell.
            options: `format` and `verbosity`, as Django parsed them.
        """
        if options["format"] == "json":
            self.stdout.write(json.dumps(report))
        elif options["verbosity"] > (0 if happened else 1):
            self.stdout.write("\n".join(lines))

    def show_sweep(self, report: SweepReport, *, dry_run: bool, **options: Any) -> None:
        """Print the report of a sweep; see `show`.

        Raises:
            CommandError: Rows need an operator.
        """
        names = [name for name in report.counts if dry_run == (name == "due") or name == "stuck"]
        lines = [f"{name}: {report.counts[name]}" for name in names]
        lines += [f"  {kind} {state}: {number}" for kind, state, number in report.due]
        lines += [
            f"{each.what}: {each.id} {each.kind} {each.state} ({each.tenant}) {each.code}".rstrip()
            for each in report.problems
        ]
        happened = dry_run or any(report.counts.values())
        self.show({"dry_run": dry_run, **report.as_json()}, lines, happened=happened, **options)
        if report.needs_operator:
            needs = ", ".join(
                f"{report.counts[name]} {name}"
                for name in ("quarantined", "broken", "stuck")
                if report.counts.get(name)
            )
            raise CommandError(
                f"{report.needs_operator} transactions need an operator: {needs}. "
                "Run flow_show for each of them, and see "
                f"{documentation('operations', 'the-report-of-a-sweep')}.",
                returncode=NEEDS_OPERATOR,
            )

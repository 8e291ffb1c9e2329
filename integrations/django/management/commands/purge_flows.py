"""Delete old finished transactions, with their logs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import CommandError

from stateful_oauth.django.management.sweep_command import USAGE, SweepCommand
from stateful_oauth.django.sweeps.purging import age, purge
from stateful_oauth.storage.purging import BATCH

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


_ASKS_BELOW: Final = timedelta(days=1)


class Command(SweepCommand):
    """`manage.py purge_flows --older-than 30d`: run it every night."""

    help = (
        "Delete old finished transactions with their logs, in batches. Open transactions are never deleted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the age, and which transactions."""
        super().add_arguments(parser)
        parser.add_argument(
            "--older-than",
            required=True,
            metavar="AGE",
            help="Only transactions that started and ended longer ago, for example 30d, 12h, or 8w.",
        )
        parser.add_argument(
            "--state",
            action="append",
            help="Only transactions that ended in this state, for example expired. Can be repeated.",
        )
        parser.add_argument(
            "--no-input",
            "--noinput",
            action="store_false",
            dest="interactive",
            help="Do not ask, even for an age below a day.",
        )
        parser.add_argument("--max", dest="limit", type=int, help="The same as --limit.")
        parser.add_argument(
            "--batch", type=int, default=BATCH, help="Rows per database transaction (default: %(default)s)."
        )

    def _ask(self, older_than: str) -> None:
        question = (
            f"This deletes finished transactions that are only {older_than} old. Support may still ask for "
            "them. Type 'yes' to delete them: "
        )
        try:
            answer = input(question)
        except EOFError:
            answer = ""
        if answer.strip().lower() != "yes":
            raise CommandError(
                "Nothing was deleted. Answer 'yes', or use --no-input in a script.", returncode=USAGE
            )

    def check_options(self, **options: Any) -> None:
        """Check the age as well."""
        super().check_options(**options)
        try:
            age(options["older_than"])
        except ValueError as error:
            raise CommandError(str(error), returncode=USAGE) from error
        if options["batch"] < 1:
            raise CommandError("The batch must be at least 1.", returncode=USAGE)

    def sweep(self, **options: Any) -> None:
        """Purge, and report; ask first about what is younger than a day."""
        if age(options["older_than"]) < _ASKS_BELOW and not options["dry_run"] and options["interactive"]:
            self._ask(options["older_than"])
        number = purge(
            age(options["older_than"]),
            kind=options["kind"],
            tenant=options["tenant"],
            states=options["state"] or (),
            limit=options["limit"],
            batch=options["batch"],
            dry_run=options["dry_run"],
            progress=self.progress("purging", options["verbosity"]),
        )
        name = "due" if options["dry_run"] else "purged"
        report = {"dry_run": options["dry_run"], name: number}
        happened = options["dry_run"] or number > 0
        self.show(report, [f"{name}: {number}"], happened=happened, **options)

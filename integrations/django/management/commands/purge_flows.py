"""Delete old finished transactions, with their logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from stateful_oauth.django.management.sweep_command import USAGE, SweepCommand
from stateful_oauth.django.purging import age, purge
from stateful_oauth.storage.purging import BATCH

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


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
        parser.add_argument("--max", dest="limit", type=int, help="The same as --limit.")
        parser.add_argument(
            "--batch", type=int, default=BATCH, help="Rows per database transaction (default: %(default)s)."
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
        """Purge, and report."""
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
        self.show(report, [f"{name}: {number}"], options["format"])

"""Compare what is known here with the tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.documentation import documentation
from stateful_oauth.django.management.sweep_command import NEEDS_OPERATOR, USAGE, SweepCommand
from stateful_oauth.django.sweeps.purging import age
from stateful_oauth.django.sweeps.reconciling import reconcile

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(SweepCommand):
    """`manage.py flows_reconcile`: run it by hand, or every night with `--since`."""

    help = (
        "Compare users, connected accounts, and account links with Auth0. Closes links that were undone at "
        "Auth0, brings connected accounts in step, and lists what else differs. "
        "Exits with 1 if something still differs, or if it stopped early."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what is compared, and from where on."""
        parser.add_argument("--tenant", default=DEFAULT_TENANT, help="The tenant's alias.")
        parser.add_argument("--after", default="", help="Go on after this row, as the last run printed it.")
        parser.add_argument("--since", metavar="AGE", help="Only rows made within this time, for example 7d.")
        parser.add_argument("--limit", type=int, help="Stop after this many rows.")
        parser.add_argument(
            "--wait",
            type=float,
            default=60.0,
            help="Seconds to wait at most for a rate limit (default: %(default)s).",
        )
        parser.add_argument(
            "--grants",
            action="store_true",
            help="Also use each grant: finds dead ones and compares connected accounts. Refreshes tokens.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Repair nothing.")
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="json: one JSON object, for programs."
        )

    def check_options(self, **options: Any) -> None:
        """Check the tenant and the limit."""
        super().check_options(**{**options, "kind": None})

    def sweep(self, **options: Any) -> None:
        """Compare, and report."""
        try:
            report = reconcile(
                options["tenant"],
                after=options["after"],
                since=None if options["since"] is None else age(options["since"]),
                limit=options["limit"],
                longest_wait=options["wait"],
                dry_run=options["dry_run"],
                grants=options["grants"],
                progress=self.progress("comparing", options["verbosity"]),
            )
        except ValueError as error:
            raise CommandError(str(error), returncode=USAGE) from error
        lines = [f"compared: {report.compared}", f"repaired: {report.repaired}"]
        lines += [
            f"{each.what}: {each.key} {each.subject}"
            + (f" (linked to {each.linked_to})" if each.linked_to else "")
            + (" (repaired)" if each.repaired else "")
            for each in report.differences
        ]
        if report.after:
            lines.append(f"after: {report.after}")
        happened = bool(report.counts or report.stopped or options["dry_run"])
        self.show(
            {"dry_run": options["dry_run"], **report.as_json()}, lines, happened=happened, **shown(options)
        )
        if report.stopped:
            raise CommandError(
                f"Stopped early: {report.stopped}. Go on with --after={report.after or 'the same value'}.",
                returncode=NEEDS_OPERATOR,
            )
        if report.needs_operator:
            raise CommandError(
                f"{report.needs_operator} rows differ from Auth0: "
                f"see {documentation('operations', 'comparing-with-auth0')}.",
                returncode=NEEDS_OPERATOR,
            )


def shown(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that say how a report is printed."""
    return {name: options[name] for name in ("format", "verbosity")}

"""Tell what became of all attempts of a span of time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError

from stateful_oauth.django import wiring
from stateful_oauth.django.attempts.counting import LONGEST, attempts_report, count_hours
from stateful_oauth.django.attempts.report import Chosen
from stateful_oauth.django.management.sweep_command import USAGE, database_error
from stateful_oauth.django.operators import durations
from stateful_oauth.django.sweeps.filters import check_filters
from stateful_oauth.django.sweeps.purging import age
from stateful_oauth.flows.engine.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.management.base import CommandParser

    from stateful_oauth.django.attempts.report import AttemptsReport

_TOP: Final = 10


class Command(BaseCommand):
    """`manage.py flows_report --since 24h`: the funnel, and the codes with what to do."""

    help = "Tell what became of all attempts that started in a span of time. It never shows secrets."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the span, which attempts, and the format."""
        parser.add_argument(
            "--since", default="24h", metavar="AGE", help="How far back, for example 1h, 7d. Default: 24h."
        )
        parser.add_argument("--kind", default="login", help="The flow. Default: login.")
        parser.add_argument("--tenant", default="", help="Only attempts at the tenant with this alias.")
        parser.add_argument("--connection", default="", help="Only attempts with this connection.")
        parser.add_argument("--organization", default="", help="Only attempts at this organization.")
        parser.add_argument(
            "--count",
            action="store_true",
            help="Only count the hours that are over and keep their numbers. Run it every hour.",
        )
        parser.add_argument(
            "--format",
            choices=["text", "json", "svg"],
            default="text",
            help="json: one JSON object, for programs. svg: the diagram as it was travelled.",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's own
        """Count, and print.

        Raises:
            CommandError: An option is wrong (exit code 2), or the database does not answer.
        """
        try:
            since = age(options["since"])
            check_filters(kind=options["kind"], tenant=options["tenant"] or None, states=(), limit=None)
        except ValueError as error:
            raise CommandError(str(error), returncode=USAGE) from error
        if not since or since > LONGEST:
            raise CommandError(
                f"--since must be longer than nothing and at most {LONGEST.days}d.", returncode=USAGE
            )
        try:
            number = count_hours()
            if options["count"]:
                if number and options["verbosity"] > 0:
                    self.stdout.write(f"counted: {number}")
                return
            now = wiring.clock.now()
            report = attempts_report(
                Chosen(
                    begin=now - since,
                    end=now,
                    kind=options["kind"],
                    tenant=options["tenant"],
                    connection=options["connection"],
                    organization=options["organization"],
                )
            )
        except (StoreUnavailable, ProgrammingError) as error:
            raise database_error(error) from error
        self._print(report, options["format"])

    def _print(self, report: AttemptsReport, form: str) -> None:
        if form == "json":
            self.stdout.write(json.dumps(report.as_json()))
        elif form == "svg":
            flow = next(flow for flow in wiring.flows() if flow.kind == report.chosen.kind)
            self.stdout.write(report.diagram(flow, embed_style=True))
        else:
            self.stdout.write("\n".join(_text(report)))


def _text(report: AttemptsReport) -> Iterator[str]:
    yield f"{report.chosen.kind}, since {durations.exact(report.chosen.begin)}"
    yield ""
    width = max(len(step.label) for step in report.funnel)
    for step in report.funnel:
        share = "" if step.percent is None else f"{step.percent:5.1f} %"
        yield f"{step.label:<{width}}  {step.count:>9,}  {share:>7}  before: {step.before:,}"
    if report.median is not None:
        yield ""
        yield f"Half of those who reached the goal took {durations.shown(report.median)} or less."
    for line in report.codes[:_TOP]:
        yield ""
        yield f"{line.code}: {line.count:,} (before: {line.before:,})"
        if line.meaning:
            yield f"  {line.meaning}"
            yield f"  What to do: {line.remedy}"
    if report.uncounted:
        yield ""
        yield f"{report.uncounted} hours are not counted yet."

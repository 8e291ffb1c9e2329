"""Check whether this site can sign users in, stage by stage, with a remedy for each problem."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import BaseCommand, CommandError

from stateful_oauth.django.doctor import Finding, Report, Stage, Verdict, diagnose, plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.core.management.base import CommandParser

    from stateful_oauth.django.doctor.diagnostics import Planned

FAILURES: Final = 1
USAGE: Final = 2


class Command(BaseCommand):
    """`manage.py flows_doctor`: run it before you go live, after changes, and from cron."""

    help = (
        "Check the site and its tenants, without changing either. Exits with 0 if all is well, with 1 "
        "if a stage failed, and with 2 for invalid options."
    )
    requires_system_checks = ()  # it reports their findings itself, and continues

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options."""
        parser.add_argument(
            "--tenant", action="append", help="Only the tenant with this alias. Can be repeated."
        )
        parser.add_argument("--offline", action="store_true", help="Only the site. Call no provider.")
        parser.add_argument(
            "--grant",
            default="",
            help="A grant's id, or `newest`. Use its refresh token to check the My Account API and "
            "Token Vault. Without this option, no user's token is used.",
        )
        parser.add_argument("--dry-run", action="store_true", help="List the stages, but run none.")
        parser.add_argument(
            "--fail-on",
            choices=["failed", "warning"],
            default="failed",
            help="The least serious verdict with exit code 1.",
        )
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="json: one JSON object, for programs."
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's own
        """Run the diagnostics, print the report, and fail when something failed."""
        try:
            planned = plan(options["tenant"], outbound=not options["offline"])
        except KeyError as error:
            raise CommandError(f"There is no tenant {error.args[0]!r}.", returncode=USAGE) from error
        if options["dry_run"]:
            self._list(planned, options["format"])
            return
        report = diagnose(planned, grant=options["grant"])
        if options["format"] == "json":
            self.stdout.write(json.dumps(report.as_json()))
        else:
            for line in self._text(report):
                self.stdout.write(line)
        bad = [Verdict.FAILED] + ([Verdict.WARNING] if options["fail_on"] == "warning" else [])
        if number := sum(stage.verdict in bad for stage in report.stages):
            raise CommandError(
                f"{number} of {len(report.stages)} stages need attention.", returncode=FAILURES
            )

    def _list(self, planned: Sequence[Planned], chosen: str) -> None:
        if chosen == "json":
            stages = [
                {
                    "name": each.probe.name,
                    "tenant": each.tenant,
                    "looks_at": each.probe.looks_at,
                    "outbound": each.probe.outbound,
                }
                for each in planned
            ]
            self.stdout.write(json.dumps({"dry_run": True, "stages": stages}))
            return
        for each in planned:
            self.stdout.write(f"{_name(each.probe.name, each.tenant)}: {each.probe.looks_at}")

    def _text(self, report: Report) -> Iterator[str]:
        for stage in report.stages:
            yield from self._stage(stage)
        counts = {verdict: sum(stage.verdict is verdict for stage in report.stages) for verdict in Verdict}
        yield ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)

    def _stage(self, stage: Stage) -> Iterator[str]:
        verdict = self._style(stage.verdict)(f"{stage.verdict.upper():<10}")
        yield f"{verdict} {_name(stage.name, stage.tenant)} ({stage.latency:.0f} ms)"
        for finding in stage.findings:
            yield f"  {self._mark(finding)} {finding.message}"
            if finding.remedy:
                yield f"    -> {finding.remedy}"

    def _mark(self, finding: Finding) -> str:
        marks = {Verdict.OK: "+", Verdict.NOT_PROBED: "?", Verdict.WARNING: "!", Verdict.FAILED: "x"}
        return marks[finding.verdict]

    def _style(self, verdict: Verdict) -> Any:
        styles = {Verdict.OK: self.style.SUCCESS, Verdict.FAILED: self.style.ERROR}
        return styles.get(verdict, self.style.WARNING)


def _name(name: str, tenant: str) -> str:
    return f"{name} of {tenant}" if tenant else name

"""Show one transaction: its state, and its timeline."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError

from stateful_oauth.django.documentation import documentation
from stateful_oauth.django.management.sweep_command import database_error
from stateful_oauth.django.operators.timeline import (
    Head,
    LogLine,
    TransactionReport,
    ids_beginning_with,
    report_of,
)
from stateful_oauth.flows.engine.errors import StoreUnavailable
from stateful_oauth.flows.error_codes import ERROR_CODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from django.core.management.base import CommandParser

_BEGINNING: Final = re.compile("[0-9a-f]{4,32}")
_WHOLE: Final = re.compile("(?<![0-9a-f])[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}(?![0-9a-f])")
_DASHES: Final = re.compile("[\u2010-\u2015\u2212]")  # what editors and chats make of a hyphen
_AROUND: Final = " .,;:#'\"`(){}<>[]\u2018\u2019\u201c\u201d"  # what a text puts around it
_MOST_LISTED: Final = 10
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


class Command(BaseCommand):
    """`manage.py flow_show ID`: the id is the reference that the user's page shows."""

    help = "Show one transaction: its state, and everything that happened to it. It never shows secrets."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the id."""
        parser.add_argument(
            "id", help="The transaction's id, or its beginning: the reference on the user's page."
        )
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="json: one JSON object, for programs."
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Accepted, but changes nothing: this command only reads."
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's own
        """Find it, and print it.

        Raises:
            CommandError: There is no such transaction (exit code 1), or the id is not valid (2).
        """
        beginning = _id_in(options["id"])
        if not _BEGINNING.fullmatch(beginning):
            raise CommandError(
                "This is not an id. Write it like 01900000-0000-7000-8000-000000000000, or its first 4 "
                "characters or more.",
                returncode=2,
            )
        try:
            ids = ids_beginning_with(beginning, most=_MOST_LISTED)
            found = report_of(ids[0]) if len(ids) == 1 else None
        except (StoreUnavailable, ProgrammingError) as error:
            raise database_error(error) from error
        if len(ids) > 1:
            listed = "\n".join(f"  {each}" for each in ids)
            raise CommandError(f"Several transactions begin with {options['id']}. The newest are:\n{listed}")
        if found is None:
            raise CommandError(
                "There is no such transaction. The id is wrong, or the transaction was purged."
            )
        if options["format"] == "json":
            self.stdout.write(json.dumps(found.as_json()))
        else:
            self.stdout.write("\n".join(_text(found)))


def _id_in(text: str) -> str:
    """Return the id that a text holds, or its beginning: users paste a line of the page, or its URL."""
    text = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf").lower()
    text = _DASHES.sub("-", text)
    whole = _WHOLE.search(text)
    return (whole[0] if whole else text.strip().strip(_AROUND)).replace("-", "")


def _text(found: TransactionReport) -> Iterator[str]:
    yield from (f"{name + ':':<13}{value}" for name, value in _head(found.head) if value)
    yield ""
    width = max((len(line.event) for line in found.timeline.lines), default=0)
    for line in found.timeline.lines:
        yield _line(line, width)
    yield from _explained([found.head.code, *(line.code for line in found.timeline.lines)])


def _explained(codes: Iterable[str]) -> Iterator[str]:
    """Yield what each code means and what to do, as the admin does."""
    for code in dict.fromkeys(codes):
        if code in ERROR_CODES:
            yield from ("", f"{code}: {ERROR_CODES[code].meaning}")
            yield f"  What to do: {ERROR_CODES[code].operator}"
            yield f"  See {documentation('error-codes', code)}"


def _head(head: Head) -> Iterator[tuple[str, str]]:
    of = f" of {head.max_attempts}" if head.max_attempts is not None else ""
    yield "transaction", head.id
    yield "flow", f"{head.kind}, definition {head.definition}"
    yield "tenant", head.tenant
    yield "state", f"{head.state} ({head.state_kind}), version {head.version}"
    yield "started", f"{_moment(head.started_at)}, {_span(head.age)} ago"
    yield "changed", _moment(head.changed_at)
    yield "in flight", head.effect
    yield "attempts", f"{head.attempts}{of}" if head.attempts else ""
    yield "next due", _moment(head.due) if head.due else ""
    yield (
        "stuck since",
        f"{_moment(head.stuck_since)}: an operator has to retry it" if head.stuck_since else "",
    )
    yield "quarantined", head.quarantined
    yield "code", head.code
    yield "user", head.user or ""


def _line(line: LogLine, width: int) -> str:
    step = line.source if line.rejected else f"{line.source} -> {line.target}"
    details = [
        "REJECTED" if line.rejected else "",
        line.code,
        f"by {line.actor}",
        f"calls {line.effect}" if line.effect else "",
        f"({line.reason!r})" if line.reason else "",
        f"the provider says: {line.detail!r}" if line.detail else "",
        f"noted: {line.note!r}" if line.note else "",
    ]
    text = "  ".join(filter(None, details))
    return f"{_moment(line.at)}  {'+' + _span(line.after):>9}  {line.event:<{width}}  {step}  {text}"


def _moment(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="milliseconds")


def _span(seconds: float) -> str:
    for unit, size in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.3f} s"

"""The page that asks an operator for confirmation and a reason."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.db import router
from django.utils.translation import gettext_lazy as _

from stateful_oauth.django import wiring
from stateful_oauth.django.operators.operations import RETRY, consequence, refusal
from stateful_oauth.django.operators.situations import Release
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stateful_oauth.django.operators.operations import Operation

CHOSEN: Final = "transaction"  # the parameter: an id, and after a colon the version that was shown
MOST: Final = 100  # at once
REASON_LENGTH: Final = 300

NEVER_SHOWN: Final = ("secrets", "inputs", "result", "browser", "state_digest")
"""Columns that no page reads: the user's URLs and parameters, digests, and encrypted values."""


class ReasonForm(forms.Form):
    """Why an operator does it."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=REASON_LENGTH,
        help_text=_(
            "Saved with your name, in the transaction's log and in Django's log. Do not enter secrets."
        ),
        widget=forms.TextInput(attrs={"size": 80, "autofocus": True, "autocomplete": "off"}),
    )

    def clean_reason(self) -> str:
        """Return the reason, if a line of a log can hold it."""
        reason: str = self.cleaned_data["reason"]
        if not reason.isprintable():
            raise ValidationError(_("Write one line of printable text."), code="not_printable")
        return reason


@dataclass(frozen=True, slots=True)
class Candidate:
    """A selected transaction.

    Attributes:
        refusal: Why the operation is not possible now, or an empty string.
        consequence: What a retry will do, or an empty string.
    """

    row: FlowTransaction
    refusal: str
    consequence: str

    @property
    def chosen(self) -> str:
        """The value of the form's field."""
        return f"{self.row.pk}:{self.row.version}"


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen, and as which version it was seen."""

    versions: dict[uuid.UUID, int | None]

    @classmethod
    def parsed(cls, values: Iterable[str]) -> Selection:
        """Take the form's values; what is no id is passed over."""
        versions: dict[uuid.UUID, int | None] = {}
        for value in values:
            text, _colon, version = value.partition(":")
            try:
                versions[uuid.UUID(text)] = int(version) if version.isdecimal() else None
            except ValueError:
                continue
        return cls(versions)

    def rows(self) -> list[FlowTransaction]:
        """Read the rows, in the order in which they were chosen. Those that are gone are left out."""
        rows = FlowTransaction.objects.using(router.db_for_write(FlowTransaction))
        found = rows.select_related("user").defer(*NEVER_SHOWN).in_bulk(list(self.versions)[:MOST])
        return [found[pk] for pk in self.versions if pk in found]

    def has_moved(self, row: FlowTransaction) -> bool:
        """Whether the row is not what the operator saw."""
        seen = self.versions.get(row.pk)
        return seen is not None and seen != row.version


def candidates(operation: Operation, rows: Sequence[FlowTransaction]) -> list[Candidate]:
    """Return the rows with whether the operation is possible."""
    release, now = Release.current(), wiring.clock.now()
    judged = []
    for row in rows:
        refused = refusal(operation, row, release, now)
        will = consequence(row, release) if operation.name == RETRY and not refused else ""
        judged.append(Candidate(row, refused, will))
    return judged


def context_of(operation: Operation, rows: Sequence[FlowTransaction], form: forms.Form) -> dict[str, Any]:
    """Return the context of the page."""
    judged = candidates(operation, rows)
    possible = sum(not candidate.refusal for candidate in judged)
    return {"operation": operation, "candidates": judged, "possible": possible, "form": form, "field": CHOSEN}

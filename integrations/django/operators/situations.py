"""Why a transaction needs an operator: as a database condition, and in words for one row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Q, TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from stateful_oauth.django import wiring
from stateful_oauth.django.conf import conf
from stateful_oauth.flows.engine.transaction import StateKind
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from datetime import datetime

    from stateful_oauth.flows.engine.definition import FlowDefinition
    from stateful_oauth.flows.engine.registry import FlowRegistry


class Situation(TextChoices):
    """Why a transaction is listed."""

    STUCK = "stuck", gettext_lazy("stuck")
    OVERDUE = "overdue", gettext_lazy("overdue")
    POSTPONED = "postponed", gettext_lazy("waiting for the provider")
    QUARANTINED = "quarantined", gettext_lazy("quarantined")

    @property
    def means(self) -> str:
        """A sentence about it."""
        match self:
            case Situation.STUCK:
                return _("Recovery has used all its attempts. An operator has to decide.")
            case Situation.OVERDUE:
                return _("The worker did not come back. Recovery is due.")
            case Situation.POSTPONED:
                return _("The last attempt had no result. Recovery tries again when it is due.")
            case Situation.QUARANTINED:
                return _("This release cannot read the row, and does not change it.")


@dataclass(frozen=True, slots=True)
class Release:
    """What this release can read, from the machines. They are built once per process, never for a row."""

    flows: FlowRegistry
    tenants: tuple[str, ...]

    @classmethod
    def current(cls) -> Release:
        """Return this process's release."""
        return cls(wiring.flows(), conf.tenant_aliases)

    @property
    def known(self) -> Q:
        """Rows that this release can read; rows that an upcast moves here count, whatever their state."""
        readable = Q(pk__in=())
        for flow in self.flows:
            today = Q(
                definition_version=flow.definition.version,
                definition_structure=flow.definition.structure,
                state__in=sorted(flow.state_kinds),
            )
            older = Q(definition_version__in=_moved_by_upcasts(flow))
            readable |= Q(kind=flow.kind) & (today | older)
        return readable & Q(tenant__in=self.tenants)

    def unknown_about(self, row: FlowTransaction) -> str:
        """Return what this release does not know about the row, or an empty string."""
        flow = self.flow_of(row)
        if flow is None:
            return _("This release has no flow “%(kind)s”.") % {"kind": row.kind}
        if row.tenant not in self.tenants:
            return _("The settings have no tenant “%(tenant)s”.") % {"tenant": row.tenant}
        if row.definition_version in _moved_by_upcasts(flow):
            return ""
        return _unknown_to(flow, row)

    def flow_of(self, row: FlowTransaction) -> FlowDefinition | None:
        """Return the row's flow, or None when this release has no such flow."""
        return next((flow for flow in self.flows if flow.kind == row.kind), None)


def condition(situation: Situation, release: Release, now: datetime) -> Q:
    """Return the rows in a situation, among those of `needs_operator`. Each is in exactly one of them."""
    stuck, overdue = Q(stuck_since__isnull=False), Q(lease_until__lte=now)
    match situation:
        case Situation.QUARANTINED:
            return ~release.known
        case Situation.STUCK:
            return release.known & stuck
        case Situation.OVERDUE:
            return release.known & ~stuck & overdue
        case Situation.POSTPONED:
            return release.known & ~stuck & ~overdue & ~Q(code="")


def needs_operator(release: Release, now: datetime) -> Q:
    """Return the rows in any of the situations.

    One arm for each kind of open state, so that the partial indexes of open rows serve them, however many
    finished rows there are: SQLite reads the whole table for an OR of the two.
    """
    rows = FlowTransaction.objects.order_by().values("pk")
    reasons = Q(stuck_since__isnull=False) | Q(lease_until__lte=now) | ~Q(code="")
    working = rows.filter(reasons | ~release.known, state_kind=StateKind.WORKING.value)
    waiting = rows.filter(~release.known, state_kind=StateKind.WAITING.value)
    return Q(pk__in=working.union(waiting, all=True))


def situation_of(row: FlowTransaction, release: Release, now: datetime) -> Situation | None:
    """Return the situation of one row, or None: the same as `condition`."""
    if row.state_kind == StateKind.FINAL:
        return None
    if release.unknown_about(row):
        return Situation.QUARANTINED
    if row.state_kind != StateKind.WORKING:
        return None
    if row.stuck_since is not None:
        return Situation.STUCK
    if row.lease_until is not None and row.lease_until <= now:
        return Situation.OVERDUE
    return Situation.POSTPONED if row.code else None


def _moved_by_upcasts(flow: FlowDefinition) -> tuple[int, ...]:
    """Return the older versions whose rows the machine's upcasts turn into the current version."""
    version, moved = flow.definition.version, []
    while (version := version - 1) in flow.machine.upcasts:
        moved.append(version)
    return tuple(moved)


def _unknown_to(flow: FlowDefinition, row: FlowTransaction) -> str:
    today = flow.definition
    names: dict[str, Any] = {
        "kind": row.kind,
        "version": row.definition_version,
        "structure": row.definition_structure,
        "today": today.version,
        "shape": today.structure,
        "state": row.state,
    }
    text = ""
    if row.definition_version != today.version:
        text = _("The row has version %(version)s of %(kind)s. This release has version %(today)s.")
    elif row.definition_structure != today.structure:
        text = _(
            "The row has structure %(structure)s of %(kind)s, version %(version)s. "
            "This release has %(shape)s."
        )
    elif row.state not in flow.state_kinds:
        text = _("%(kind)s has no state “%(state)s” in this release.")
    return text % names

"""What a report about all attempts of a span of time says: funnel, edges, states, codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from stateful_oauth.django.operators import durations
from stateful_oauth.storage.attempt_figures import hour_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.definition import FlowDefinition
    from stateful_oauth.storage.attempt_figures import Edge, End


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a report is about.

    Attributes:
        begin: Aware; a report begins with the hour that holds it.
        end: Aware, and after `begin`.
        tenant: Only attempts at this tenant; all when empty. So are `connection` and `organization`.
    """

    begin: datetime
    end: datetime
    kind: str = "login"
    tenant: str = ""
    connection: str = ""
    organization: str = ""

    @property
    def begin_before(self) -> datetime:
        """Where the span before this one begins."""
        return hour_of(self.begin) - (self.end - hour_of(self.begin))

    def includes(self, each: Edge | End) -> bool:
        """Whether an edge or an end is among what was chosen."""
        return each.kind == self.kind and all(
            not wanted or wanted == found
            for wanted, found in (
                (self.tenant, each.tenant),
                (self.connection, each.connection),
                (self.organization, each.organization),
            )
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the funnel.

    Attributes:
        name: Stable, for programs.
        percent: Of those who started; None when no attempt did.
        before: How many in the span before.
    """

    name: str
    label: str
    count: int
    percent: float | None
    before: int


@dataclass(frozen=True, slots=True)
class CodeLine:
    """An error code with which attempts ended, and what to do."""

    code: str
    count: int
    before: int
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True)
class EdgeLine:
    """An edge as it was taken."""

    source: str
    event: str
    target: str
    count: int
    before: int
    codes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class StateLine:
    """A state: how many are there now, and how long attempts stayed before they went on."""

    state: str
    now: int
    p50: timedelta | None
    p95: timedelta | None

    @property
    def texts(self) -> tuple[str, str]:
        """Both durations as text."""
        return _shown(self.p50), _shown(self.p95)


@dataclass(frozen=True, slots=True)
class Part:
    """How attempts ended, of one tenant, connection, organization, or day."""

    name: str
    started: int
    reached: int

    @property
    def percent(self) -> float | None:
        """How many of a hundred reached the flow's goal."""
        return percent_of(self.reached, self.started)


@dataclass(frozen=True, slots=True)
class AttemptsReport:
    """All attempts of a span.

    Attributes:
        uncounted: Hours that were not counted yet, because a page counts only so many attempts.
        median: How long attempts took that reached the goal.
        parts: By `tenant`, `connection`, `organization` and `day`.
    """

    chosen: Chosen
    funnel: tuple[Step, ...]
    codes: tuple[CodeLine, ...]
    edges: tuple[EdgeLine, ...]
    states: tuple[StateLine, ...]
    parts: Mapping[str, tuple[Part, ...]]
    median: timedelta | None
    uncounted: int
    kinds: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the report as what `json.dumps` takes; durations in seconds."""
        return {
            "kind": self.chosen.kind,
            "begin": hour_of(self.chosen.begin).isoformat(),
            "end": self.chosen.end.isoformat(),
            "tenant": self.chosen.tenant,
            "connection": self.chosen.connection,
            "organization": self.chosen.organization,
            "uncounted_hours": self.uncounted,
            "median_seconds": _seconds(self.median),
            "funnel": [
                {"step": each.name, "count": each.count, "percent": each.percent, "before": each.before}
                for each in self.funnel
            ],
            "codes": [{"code": each.code, "count": each.count, "before": each.before} for each in self.codes],
            "edges": [
                {
                    "source": each.source,
                    "event": each.event,
                    "target": each.target,
                    "count": each.count,
                    "before": each.before,
                    "codes": dict(each.codes),
                }
                for each in self.edges
            ],
            "states": [
                {
                    "state": each.state,
                    "now": each.now,
                    "p50_seconds": _seconds(each.p50),
                    "p95_seconds": _seconds(each.p95),
                }
                for each in self.states
            ],
            "parts": {
                name: [
                    {"name": part.name, "started": part.started, "reached": part.reached} for part in parts
                ]
                for name, parts in self.parts.items()
            },
        }

    def diagram(self, flow: FlowDefinition, *, embed_style: bool) -> str:
        """Draw the flow as it was travelled."""
        from stateful_oauth.diagrams import Traffic, edge_id, render_traffic  # noqa: PLC0415 - slow import

        ids = {line: edge_id(flow.kind, line.source, line.event, line.target) for line in self.edges}
        traffic = Traffic(
            taken={ids[line]: line.count for line in self.edges},
            codes={ids[line]: dict(line.codes) for line in self.edges if line.codes},
            notes={each.state: tuple(_notes(each)) for each in self.states},
        )
        return render_traffic(flow, traffic, embed_style=embed_style)


def _notes(line: StateLine) -> Iterable[str]:
    if line.now:
        yield _("now: %(number)s") % {"number": f"{line.now:,}"}
    if line.p50 is not None and line.p95 is not None and line.p95 >= timedelta(milliseconds=1):
        yield f"p50 {_shown(line.p50)}, p95 {_shown(line.p95)}"


def _shown(passed: timedelta | None) -> str:
    return "" if passed is None else durations.shown(passed)


def percent_of(count: int, of: int) -> float | None:
    """Return how many of a hundred that is, or None."""
    return round(100 * count / of, 1) if of else None


def _seconds(passed: timedelta | None) -> float | None:
    return None if passed is None else round(passed.total_seconds(), 3)

"""All attempts of a span of time: counted, or read from what was counted, and summed up."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from stateful_oauth.django import wiring
from stateful_oauth.django.attempts.report import (
    AttemptsReport,
    Chosen,
    CodeLine,
    EdgeLine,
    Part,
    StateLine,
    Step,
    percent_of,
)
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.storage.attempt_figures import (
    HOUR,
    Durations,
    Figures,
    counted,
    hour_of,
    hours_to_count,
    keep,
    kept_hours,
    open_now,
)
from stateful_oauth.storage.states import STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from stateful_oauth.storage.attempt_figures import End, Tally
    from stateful_oauth.storage.models import HourOfAttempts

MOST_COUNTED: Final = 20_000  # attempts that a page counts itself; more are counted by `flows_report`
LONGEST: Final = timedelta(days=92)  # that a report looks at
_MOST_LISTED: Final = 20


def attempts_report(chosen: Chosen) -> AttemptsReport:
    """Count and sum up, in five statements; in two more where a page cannot count everything.

    Raises:
        StoreUnavailable: The database does not answer.
    """
    kept = kept_hours(chosen.begin_before, chosen.end)
    hours = {hour: Figures.of(row) for hour, row in kept.items()}
    uncounted = 0
    for since in _live_since(kept, chosen):
        fresh = counted(since, chosen.end, most=MOST_COUNTED)
        if fresh is not None:
            hours.update((hour, found) for hour, found in fresh.items() if not _is_final(kept, hour))
            uncounted = 0
            break
        uncounted = sum(hour not in kept for hour in _hours(since, chosen.end))
    begin = hour_of(chosen.begin)
    before = _sum(figures for hour, figures in hours.items() if hour < begin)
    here = _sum(figures for hour, figures in hours.items() if hour >= begin)
    kinds = tuple(sorted({*STATES, *(end.kind for end in here.ends)}))
    return AttemptsReport(
        chosen=chosen,
        funnel=_funnel(here, before, chosen),
        codes=_codes(here, before, chosen),
        edges=_edges(here, before, chosen),
        states=_states(here, chosen),
        parts=_parts(here, hours, begin, chosen),
        median=_took(here, chosen).quantile(0.5),
        uncounted=uncounted,
        kinds=kinds,
    )


def count_hours(
    *, before: datetime | None = None, are_final: bool = False, progress: Callable[[int], None] | None = None
) -> int:
    """Count all hours that are not final yet, and keep their figures.

    Args:
        before: Only hours that end before this moment (aware); None for all that are over.
        are_final: Attempts of these hours are about to be purged, so that they are never counted again.
        progress: Is called after each hour with the number of hours so far.

    Returns:
        How many hours were counted.
    """
    now = wiring.clock.now()
    number = 0
    for hour in hours_to_count(before or now):
        found = counted(hour, hour + HOUR) or {}
        keep({hour: found.get(hour, Figures())}, counted_at=now, is_final=are_final)
        number += 1
        if progress is not None:
            progress(number)
    return number


def goal_of(kind: str) -> str:
    """Return the final state that a flow is for, or an empty string for a flow of the project's own."""
    finals = STATES.get(kind, {}).get("final", ())
    return finals[0] if finals else ""


def _live_since(kept: Mapping[datetime, HourOfAttempts], chosen: Chosen) -> list[datetime]:
    """Return from when on to count what is not kept for good: all of it, or else what is not kept at all.

    Hours are counted in their order, so that one without figures is empty if a later one has some.
    """
    newest = max(kept, default=None)
    unkept = hour_of(chosen.begin_before) if newest is None else newest + HOUR
    still_open = [hour for hour in kept if not _is_final(kept, hour)]
    return sorted({min([unkept, *still_open]), unkept})


def _is_final(kept: Mapping[datetime, HourOfAttempts], hour: datetime) -> bool:
    return hour in kept and kept[hour].is_final


def _hours(begin: datetime, end: datetime) -> list[datetime]:
    hours, hour = [], hour_of(begin)
    while hour < end:
        hours.append(hour)
        hour += HOUR
    return hours


def _sum(all_figures: Iterable[Figures]) -> Figures:
    total = Figures()
    for figures in all_figures:
        total.add(figures)
    return total


def _funnel(here: Figures, before: Figures, chosen: Chosen) -> tuple[Step, ...]:
    now, then = (_outcomes(figures, chosen) for figures in (here, before))
    goal = goal_of(chosen.kind)
    names = ["started", "came_back", *([goal] if goal else [])]
    names += [name for name, _count in now.most_common() if name not in names]
    names += [name for name, _count in then.most_common() if name not in names]
    started = now["started"]
    return tuple(
        Step(name, _label(name), now[name], percent_of(now[name], started), then[name]) for name in names
    )


def _outcomes(figures: Figures, chosen: Chosen) -> Counter[str]:
    found: Counter[str] = Counter()
    for end, tally in figures.ends.items():
        if chosen.includes(end):
            found["started"] += tally.count
            found["came_back"] += tally.count if end.came_back else 0
            found[end.state] += tally.count
    return found


def _label(name: str) -> str:
    if name == "started":
        return _("started")
    if name == "came_back":
        return _("came back from the provider")
    return name


def _codes(here: Figures, before: Figures, chosen: Chosen) -> tuple[CodeLine, ...]:
    now, then = (_codes_of(figures, chosen) for figures in (here, before))
    return tuple(
        CodeLine(
            code,
            count,
            then[code],
            ERROR_CODES[code].meaning if code in ERROR_CODES else "",
            ERROR_CODES[code].operator if code in ERROR_CODES else "",
        )
        for code, count in now.most_common(_MOST_LISTED)
    )


def _codes_of(figures: Figures, chosen: Chosen) -> Counter[str]:
    found: Counter[str] = Counter()
    for end, tally in figures.ends.items():
        if end.code and chosen.includes(end):
            found[end.code] += tally.count
    return found


def _edges(here: Figures, before: Figures, chosen: Chosen) -> tuple[EdgeLine, ...]:
    now, codes = _taken(here, chosen)
    then, _codes = _taken(before, chosen)
    return tuple(
        EdgeLine(*edge, count, then[edge], tuple(codes[edge].most_common()))
        for edge, count in now.most_common()
    )


def _taken(
    figures: Figures, chosen: Chosen
) -> tuple[Counter[tuple[str, str, str]], defaultdict[tuple[str, str, str], Counter[str]]]:
    taken: Counter[tuple[str, str, str]] = Counter()
    codes: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for edge, tally in figures.edges.items():
        if chosen.includes(edge):
            key = (edge.source, edge.event, edge.target)
            taken[key] += tally.count
            if edge.code:
                codes[key][edge.code] += tally.count
    return taken, codes


def _states(here: Figures, chosen: Chosen) -> tuple[StateLine, ...]:
    stays: defaultdict[str, Durations] = defaultdict(Durations)
    for edge, tally in here.edges.items():
        if chosen.includes(edge):
            stays[edge.source].merge(tally.durations)
    now = open_now(chosen.kind, chosen.tenant)
    kinds = STATES.get(chosen.kind, {})
    order = [state for states in kinds.values() for state in states]
    names = sorted(
        {*stays, *now}, key=lambda each: (order.index(each) if each in order else len(order), each)
    )
    return tuple(
        StateLine(name, now.get(name, 0), stays[name].quantile(0.5), stays[name].quantile(0.95))
        for name in names
    )


def _parts(
    here: Figures, hours: Mapping[datetime, Figures], begin: datetime, chosen: Chosen
) -> dict[str, tuple[Part, ...]]:
    ends = here.ends.items()
    parts = {
        "tenant": _by(ends, lambda end: end.tenant, chosen),
        "connection": _by(ends, lambda end: end.connection, chosen),
        "organization": _by(ends, lambda end: end.organization, chosen),
    }
    days: defaultdict[str, Figures] = defaultdict(Figures)
    for hour in sorted(each for each in hours if each >= begin):
        days[f"{timezone.localtime(hour):%Y-%m-%d}"].add(hours[hour])
    by_day = [(day, _by(figures.ends.items(), lambda _end: "", chosen)) for day, figures in days.items()]
    parts["day"] = tuple(Part(day, one.started, one.reached) for day, found in by_day for one in found)
    return parts


def _by(ends: Iterable[tuple[End, Tally]], name_of: Callable[[End], str], chosen: Chosen) -> tuple[Part, ...]:
    goal = goal_of(chosen.kind)
    started: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    for end, tally in ends:
        if chosen.includes(end):
            name = name_of(end)
            started[name] += tally.count
            reached[name] += tally.count if end.state == goal else 0
    return tuple(Part(name, count, reached[name]) for name, count in started.most_common(_MOST_LISTED))


def _took(here: Figures, chosen: Chosen) -> Durations:
    goal, found = goal_of(chosen.kind), Durations()
    for end, tally in here.ends.items():
        if chosen.includes(end) and end.state == goal:
            found.merge(tally.durations)
    return found

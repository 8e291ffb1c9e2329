"""The filters beside the lists. Their choices come from the few listed rows, or from no row."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib.admin import SimpleListFilter
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from stateful_oauth.django import wiring
from stateful_oauth.django.operators.situations import (
    Release,
    Situation,
    condition,
    needs_operator,
)
from stateful_oauth.flows.engine.identifiers import earliest_id_at
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise

_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")
_GROUPS: Final = "_stateful_oauth_groups"


class _ByColumn(SimpleListFilter):
    """A column's values among the stuck rows. One statement serves all these filters."""

    column: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        del model_admin
        return [(value, value) for value in sorted({row[self.column] for row in _groups(request)}) if value]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        del request
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class FlowFilter(_ByColumn):
    """By flow."""

    title, parameter_name, column = _("flow"), "flow", "kind"


class StateFilter(_ByColumn):
    """By state."""

    title, parameter_name, column = _("state"), "state", "state"


class CodeFilter(_ByColumn):
    """By the code of the last transition."""

    title, parameter_name, column = _("last code"), "code", "code"


class TenantFilter(_ByColumn):
    """By tenant."""

    title, parameter_name, column = _("tenant"), "tenant", "tenant"


class SituationFilter(SimpleListFilter):
    """By why a row is listed."""

    title, parameter_name = _("situation"), "situation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, _StrPromise]]:
        """Return all situations, including those without rows."""
        del request, model_admin
        return [(situation.value, situation.label) for situation in Situation]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows in the chosen situation."""
        del request
        value = self.value()
        if value not in Situation.values:
            return queryset
        chosen = condition(Situation(str(value)), Release.current(), wiring.clock.now())
        return queryset.filter(chosen)


class StartedFilter(SimpleListFilter):
    """By when a transaction was started: year, month, day. The key holds the time: a range of keys."""

    title, parameter_name = _("started"), "started"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the parts of the chosen span; without one, the years."""
        del request, model_admin
        chosen = _DATE.fullmatch(self.value() or "")
        first = FlowTransaction.objects.order_by("pk").values_list("pk", flat=True).first()
        if first is None:
            return []
        oldest = _day(datetime.fromtimestamp((first.int >> 80) / 1000, UTC))
        newest = _day(wiring.clock.now())
        if chosen is None:
            return [(f"{year:04}", str(year)) for year in range(newest.year, oldest.year - 1, -1)]
        return list(_narrower(chosen, oldest, newest))

    def has_output(self) -> bool:
        """Return True: the filter is shown for a day too, which has no parts to choose."""
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that were started in the chosen span."""
        del request
        span = _span(self.value() or "")
        if span is None:
            return queryset
        begin, end = (earliest_id_at(moment) for moment in span)
        return queryset.filter(pk__gte=begin, pk__lt=end)

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Offer all rows, the chosen span's parents, and its parts."""
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": _("All"),
        }
        value = self.value() or ""
        parts = value.split("-") if _span(value) is not None else []
        above = ["-".join(parts[:length]) for length in range(1, len(parts) + 1)]
        for chosen in above:
            yield self._choice(changelist, chosen, _named(chosen), selected=chosen == value)
        for lookup, title in self.lookup_choices:
            if lookup not in above:
                yield self._choice(changelist, str(lookup), title, selected=False)

    def _choice(self, changelist: Any, value: str, display: Any, *, selected: bool) -> dict[str, Any]:
        query_string = changelist.get_query_string({self.parameter_name: value})
        return {"selected": selected, "query_string": query_string, "display": display}


def _groups(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the combinations of flow, tenant, state and code among the stuck rows, read once per page."""
    found: list[dict[str, Any]] | None = getattr(request, _GROUPS, None)
    if found is None:
        rows = FlowTransaction.objects.filter(needs_operator(Release.current(), wiring.clock.now()))
        groups = rows.order_by().values("kind", "tenant", "state", "code").distinct()
        found = [dict(group) for group in groups]
        setattr(request, _GROUPS, found)
    return found


def _day(moment: datetime) -> datetime:
    return timezone.localtime(moment).replace(hour=0, minute=0, second=0, microsecond=0)


def _span(value: str) -> tuple[datetime, datetime] | None:
    """Return begin and end of a year, month or day in the current time zone, or None when it is none."""
    chosen = _DATE.fullmatch(value)
    if chosen is None:
        return None
    year, month, day = (int(part) if part else None for part in chosen.groups())
    assert year is not None  # noqa: S101 - the pattern demands it
    try:
        begin = datetime(year, month or 1, day or 1)  # noqa: DTZ001 - made aware below
        if day:
            end = begin + timedelta(days=1)
        elif month:
            end = (begin + timedelta(days=32)).replace(day=1)
        else:
            end = begin.replace(year=year + 1)
        aware = timezone.make_aware(begin), timezone.make_aware(end)
        return aware if aware[0].timestamp() >= 0 else None
    except (ValueError, OverflowError):
        return None


def _narrower(chosen: re.Match[str], oldest: datetime, newest: datetime) -> Iterator[tuple[str, str]]:
    """Give the months of a year, or the days of a month, in which rows can be."""
    span, (_year, month, day) = _span(chosen[0]), chosen.groups()
    if span is None or day:
        return
    begin, end = max(span[0], oldest), min(span[1], newest + timedelta(days=1))
    values = []
    while begin < end:
        value = f"{begin:%Y-%m-%d}" if month else f"{begin:%Y-%m}"
        if value not in values:
            values.append(value)
        begin += timedelta(days=1)
    for value in reversed(values):
        yield value, _named(value)


def _named(value: str) -> str:
    chosen = _DATE.fullmatch(value)
    if chosen is None or chosen[2] is None:
        return value
    date = datetime(int(chosen[1]), int(chosen[2]), int(chosen[3] or 1), tzinfo=UTC).date()
    return formats.date_format(date, "DATE_FORMAT" if chosen[3] else "YEAR_MONTH_FORMAT")

"""Lists that stay fast with any number of rows: newest first by key, without counts or offsets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

BEFORE: Final = "before"


class NewestFirst(ChangeList):
    """A page of rows, with a link to the older ones.

    The URL says after which key the page begins, so every page costs the same. Numbered pages would need
    an OFFSET. New rows do not move other rows to another page.

    Attributes:
        older: The query string of the next page, or an empty string.
        newest: The query string of the first page; empty on it.
    """

    is_newest_first = True
    older = newest = ""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        """Return the rows that match the filters and the search."""
        # Out of the parameters, so that a filter's link begins at the first page again.
        self.params.pop(BEFORE, None)
        self.filter_params.pop(BEFORE, None)
        return super().get_queryset(request, exclude_parameters)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return the only order: any other order would read and sort the whole table."""
        del request, queryset
        return ["-pk"]

    def get_ordering_field_columns(self) -> dict[int, Any]:
        """Mark no column, because users cannot sort by a column."""
        return {}

    def get_results(self, request: HttpRequest) -> None:
        """Read one page and one more row, to know whether there is another page."""
        rows, before = self.queryset, request.GET.get(BEFORE)
        if before is not None:
            try:
                rows = rows.filter(pk__lt=self.lookup_opts.pk.to_python(before))
            except ValidationError as error:
                raise IncorrectLookupParameters(error) from error
            self.newest = self.get_query_string()
        found = list(rows[: self.list_per_page + 1])
        page = found[: self.list_per_page]
        if len(found) > len(page):
            self.older = self.get_query_string({BEFORE: str(page[-1].pk)})
        self.result_list = page
        self.result_count = self.full_result_count = len(page)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True


class Few(ChangeList):
    """A list that is short, and counted once: without a filter or a search that is the whole number, too."""

    def get_results(self, request: HttpRequest) -> None:
        """Read one page."""
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count

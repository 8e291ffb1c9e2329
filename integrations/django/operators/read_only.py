"""The base of this app's admin pages, which are read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.utils.text import capfirst

from stateful_oauth.django.operators.newest_first import BEFORE, NewestFirst
from stateful_oauth.django.operators.search import matching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin


class ReadOnlyAdmin(Base):
    """Lists and shows rows.

    Attributes:
        search_users: Paths from a row to a user's primary key, for the search.
        search_digests: Columns with an identity's digest, for the search.
        search_key: A UUIDv7 column that is searched by its beginning, or None.
        never_read: Columns that no page needs: what is not read cannot be shown.
    """

    search_users: ClassVar[Sequence[str]] = ()
    search_digests: ClassVar[Sequence[str]] = ()
    search_key: ClassVar[str | None] = None
    never_read: ClassVar[Sequence[str]] = ()

    actions: Any = None
    sortable_by: ClassVar[list[str] | tuple[str, ...] | None] = ()
    ordering = ("-pk",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each would count all rows
    search_fields = ("pk",)  # only so that there is a search box: see get_search_results
    list_per_page = 100

    class Media:
        css: ClassVar = {"all": ("stateful_oauth/operators.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come from the engine."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are changed by the engine."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False on these pages. On the user's own page, deleting a user also deletes the user's rows.

        Django asks the admin of every affected model, and refuses to delete the user if one returns False.
        """
        match = request.resolver_match
        page = getattr(match.func, "model_admin", self) if match is not None else self
        return obj is not None and page is not self

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows, without the columns that no page needs."""
        return super().get_queryset(request).defer(*self.never_read)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, under its own name."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """List newest first, without counting."""
        del request, kwargs
        return NewestFirst

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by user, subject, or key, through an index."""
        del request
        found = matching(
            queryset,
            search_term,
            users=self.search_users,
            digests=self.search_digests,
            key=self.search_key,
        )
        return found, False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Allow the filters that are offered. Others could ask for a secret, letter by letter."""
        del value
        offered = {getattr(each, "parameter_name", None) for each in self._filters(request)}
        return lookup in offered or lookup == BEFORE

    def _filters(self, request: HttpRequest | None) -> Sequence[Any]:
        return self.list_filter if request is None else self.get_list_filter(request)

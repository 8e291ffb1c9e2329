"""The admin pages of transactions: stuck ones, all, and a single one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from stateful_oauth.django import wiring
from stateful_oauth.django.operators import durations
from stateful_oauth.django.operators.confirmation import (
    CHOSEN,
    MOST,
    NEVER_SHOWN,
    ReasonForm,
    Selection,
    context_of,
)
from stateful_oauth.django.operators.filters import (
    CodeFilter,
    FlowFilter,
    SituationFilter,
    StartedFilter,
    StateFilter,
    TenantFilter,
)
from stateful_oauth.django.operators.linked_accounts import accounts_of
from stateful_oauth.django.operators.newest_first import Few
from stateful_oauth.django.operators.operations import (
    OPERATIONS,
    Operation,
    consequence,
    operate,
    refusal,
)
from stateful_oauth.django.operators.path_diagram import diagram_of
from stateful_oauth.django.operators.read_only import ReadOnlyAdmin
from stateful_oauth.django.operators.situations import Release, needs_operator, situation_of
from stateful_oauth.django.operators.timeline import LogLine, timeline_of
from stateful_oauth.django.pages.flow_pages import outside_of_transactions
from stateful_oauth.flows.engine.transaction import SEQUENCE_STEP
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.urls import URLPattern
    from django.utils.safestring import SafeString

_LISTS = "_changelist_filters"  # Django's own parameter: what the list was filtered by
LINES: Final = 300  # the newest of the log; few have more, unless the provider had them wait for days


class TransactionAdmin(ReadOnlyAdmin):
    """All transactions."""

    list_display: Any = (
        "key",
        "started",
        "kind",
        "state",
        "in_state_since",
        "code",
        "tenant",
        "user",
    )
    list_display_links = ("key",)
    list_filter: ClassVar[Any] = (StartedFilter,)
    list_select_related = ("user",)
    never_read = NEVER_SHOWN
    search_users, search_key = ("user_id",), "pk"
    search_help_text = gettext_lazy(
        "Search by the user's name, email, or primary key, by subject, or by a transaction's id or its start."
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the page that asks for confirmation."""
        info = f"{self.opts.app_label}_{self.opts.model_name}"
        # The engine opens its own transactions, outermost, so that ATOMIC_REQUESTS must not open one.
        view: Any = outside_of_transactions(self.admin_site.admin_view(self.operate_view))
        view.model_admin = self  # as Django does for its own pages
        return [path("operate/<str:name>/", view, name=f"{info}_operate"), *super().get_urls()]

    # One transaction.

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one transaction: its summary, its operations, its log, and its path."""
        del form_url
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        row = self._row(request, object_id)
        release, now = Release.current(), wiring.clock.now()
        timeline, flow = timeline_of(row.pk, newest=LINES), release.flow_of(row)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{row.kind}: {row.state}",
            "opts": self.opts,
            "media": self.media,
            "row": row,
            "situation": situation_of(row, release, now),
            "unknown": release.unknown_about(row),
            "error": ERROR_CODES.get(row.code),
            "age": durations.shown(now - row.changed_at),
            "consequence": consequence(row, release),
            "operations": [self._offer(request, each, row, release, now) for each in OPERATIONS.values()],
            "timeline": timeline,
            "accounts": accounts_of(row),
            "lines": [(line, _gap(line)) for line in timeline.lines],
            "flow": flow,
            "diagram": diagram_of(flow, timeline, row.state) if flow is not None else "",
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name  # as Django's own pages do
        return TemplateResponse(request, "admin/stateful_oauth/transaction.html", context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return any row, listed or not, because a row that an operator has just ended is no longer stuck."""
        del request, from_field
        try:
            key = self.opts.pk.to_python(object_id)
        except ValidationError:
            return None
        rows = self.model._default_manager.select_related("user").defer(*NEVER_SHOWN)  # noqa: SLF001 - public
        return rows.filter(pk=key).first()

    def _row(self, request: HttpRequest, object_id: str) -> FlowTransaction:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row: FlowTransaction | None = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404(_("No transaction has this id."))
        return row

    def _offer(
        self,
        request: HttpRequest,
        operation: Operation,
        row: FlowTransaction,
        release: Release,
        now: datetime,
    ) -> dict[str, Any]:
        """Return a button: its URL, or why the operation is not possible."""
        if self.may_operate(request, operation):
            why = refusal(operation, row, release, now)
        else:
            why = _("You do not have permission to do this.")
        url = f"{self._operate_url(operation)}?{CHOSEN}={row.pk}"
        return {"operation": operation, "why_not": why, "url": url}

    # Operations.

    def may_operate(self, request: HttpRequest, operation: Operation) -> bool:
        """Whether the operator has the operation's own permission."""
        user: Any = request.user
        return bool(user.has_perm(operation.permission))

    def operate_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Ask for a reason, and perform the operation."""
        operation = OPERATIONS.get(name)
        if operation is None:
            raise Http404(_("There is no such operation."))
        if not (self.has_view_permission(request) and self.may_operate(request, operation)):
            raise PermissionDenied
        if request.method not in {"GET", "HEAD", "POST"}:
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        if request.method != "POST":
            selection = Selection.parsed(request.GET.getlist(CHOSEN))
            return self._confirm(request, operation, selection, ReasonForm())
        selection, form = Selection.parsed(request.POST.getlist(CHOSEN)), ReasonForm(request.POST)
        if not form.is_valid():
            return self._confirm(request, operation, selection, form)
        return self._operate(request, operation, selection, form.cleaned_data["reason"])

    def _confirm(
        self, request: HttpRequest, operation: Operation, selection: Selection, form: ReasonForm
    ) -> HttpResponse:
        rows = selection.rows()
        if not rows:
            self.message_user(request, _("The selected transactions no longer exist."), messages.ERROR)
            return HttpResponseRedirect(self._list_url(request))
        url = self._operate_url(operation)
        if filters := self.get_preserved_filters(request):
            url += f"?{filters}"
        context = {
            **self.admin_site.each_context(request),
            "title": operation.label,
            "opts": self.opts,
            "media": self.media,
            "url": url,
            "back": self._detail_url(rows[0]) if len(selection.versions) == 1 else self._list_url(request),
            **context_of(operation, rows, form),
        }
        request.current_app = self.admin_site.name  # as Django's own pages do
        return TemplateResponse(request, "admin/stateful_oauth/confirmation.html", context)

    def _operate(
        self, request: HttpRequest, operation: Operation, selection: Selection, reason: str
    ) -> HttpResponse:
        rows = {row.pk: row for row in selection.rows()}
        if not selection.versions:
            self.message_user(request, _("Select a transaction first."), messages.ERROR)
        for pk in selection.versions:
            if pk not in rows:
                self.message_user(request, _("%(id)s no longer exists.") % {"id": pk}, messages.ERROR)
        moved = [row for row in rows.values() if selection.has_moved(row)]
        for row in moved:
            text = _("%(row)s: nothing was changed. It is now in %(state)s. Check it again.")
            self.message_user(request, text % {"row": row, "state": row.state}, messages.ERROR)
        steady = [row for row in rows.values() if not selection.has_moved(row)]
        for result in operate(operation, steady, request.user, reason):
            row = rows[result.id]
            if result.tried:
                note = f"{operation.name} ({reason}): {result.text}"
                # Logged for this page's model, which the operator may open.
                self.log_change(request, self.model(pk=row.pk, kind=row.kind), note)
            self.message_user(request, f"{row}: {result.text}", result.level)
        only = next(iter(rows.values()), None)
        if len(selection.versions) == 1 and only is not None:
            return HttpResponseRedirect(self._detail_url(only))
        return HttpResponseRedirect(self._list_url(request))

    # URLs.

    def _operate_url(self, operation: Operation) -> str:
        return self._url("operate", operation.name)

    def _detail_url(self, row: FlowTransaction) -> str:
        return self._url("change", row.pk)

    def _list_url(self, request: HttpRequest) -> str:
        chosen = request.GET.get(_LISTS, "")
        return self._url("changelist") + (f"?{chosen}" if chosen else "")

    def _url(self, page: str, *args: Any) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, args=args, current_app=self.admin_site.name)

    # Columns.

    @admin.display(description=gettext_lazy("transaction"))
    def key(self, row: FlowTransaction) -> SafeString:
        """Return the key, in one line."""
        return format_html('<code class="so-nowrap">{}</code>', row.pk)

    @admin.display(description=gettext_lazy("started"))
    def started(self, row: FlowTransaction) -> SafeString:
        """Return when it was started."""
        return durations.moment(row.created_at, wiring.clock.now())

    @admin.display(description=gettext_lazy("in this state since"))
    def in_state_since(self, row: FlowTransaction) -> SafeString:
        """Return how long it has been in its state."""
        return durations.moment(row.changed_at, wiring.clock.now())


class StuckTransactionAdmin(TransactionAdmin):
    """The transactions that may need an operator."""

    list_display: Any = (
        "state",
        "situation",
        "in_state_since",
        "effect",
        "attempts",
        "code",
        "due",
        "kind",
        "tenant",
        "user",
        "key",
    )
    list_display_links = ("state",)
    list_filter = (SituationFilter, FlowFilter, StateFilter, CodeFilter, TenantFilter)
    sortable_by = ("state", "attempts", "code", "kind", "tenant", "due")
    actions = ("retry_selected", "cancel_selected", "abandon_selected")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows that need an operator, with the effect that was in flight as the log has it."""
        last = TransitionRecord.objects.filter(
            transaction_id=OuterRef("pk"), sequence=OuterRef("version") * SEQUENCE_STEP
        )
        rows: QuerySet[Any] = (
            super().get_queryset(request).filter(needs_operator(Release.current(), wiring.clock.now()))
        )
        listed: QuerySet[Any] = rows.annotate(in_flight=Subquery(last.values("effect")[:1]))
        return listed

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Count and page as usual."""
        del request, kwargs
        return Few

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """Put the rows first that have been due for the longest time."""
        del request
        # No index has this order, so that the database cannot walk through all rows in search of these few.
        return (Coalesce("stuck_since", "lease_until", "deadline"), "-pk")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whether to offer it; Django asks by this name."""
        return self.may_operate(request, OPERATIONS["retry"])

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whether to offer it; Django asks by this name."""
        return self.may_operate(request, OPERATIONS["cancel"])

    def has_abandon_permission(self, request: HttpRequest) -> bool:
        """Whether to offer it; Django asks by this name."""
        return self.may_operate(request, OPERATIONS["abandon"])

    @admin.action(description=gettext_lazy("Retry the selected transactions"), permissions=["retry"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask for confirmation."""
        return self._choose(request, queryset, OPERATIONS["retry"])

    @admin.action(description=gettext_lazy("Cancel the selected transactions"), permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask for confirmation."""
        return self._choose(request, queryset, OPERATIONS["cancel"])

    @admin.action(description=gettext_lazy("Abandon the selected transactions"), permissions=["abandon"])
    def abandon_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask for confirmation."""
        return self._choose(request, queryset, OPERATIONS["abandon"])

    def _choose(
        self, request: HttpRequest, queryset: QuerySet[Any], operation: Operation
    ) -> HttpResponse | None:
        # Selected rows that are no longer listed are shown too, with the reason.
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if request.POST.get("select_across") == "1":
            chosen = [str(pk) for pk in queryset.values_list("pk", flat=True)[: MOST + 1]]
        if len(chosen) > MOST:
            text = _("Select at most %(most)s transactions.") % {"most": MOST}
            self.message_user(request, text, messages.ERROR)
            return None
        return self._confirm(request, operation, Selection.parsed(chosen), ReasonForm())

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Accept only ids: Django would fail on anything else. Django 6.1 passes further arguments."""
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if len(Selection.parsed(selected).versions) != len(set(selected)):
            self.message_user(request, _("The selection is not valid."), messages.ERROR)
            return None
        found: HttpResponse | None = super().response_action(request, queryset, *args, **kwargs)
        return found

    @admin.display(description=gettext_lazy("situation"))
    def situation(self, row: FlowTransaction) -> SafeString | str:
        """Return why the row is listed. For a quarantined row, return what is unknown."""
        release = Release.current()
        found = situation_of(row, release, wiring.clock.now())
        if found is None:
            return ""
        mark = format_html(
            '<span class="so-mark so-{}" title="{}">{}</span>', found, found.means, found.label
        )
        return format_html("{} {}", mark, release.unknown_about(row))

    @admin.display(description=gettext_lazy("effect in flight"))
    def effect(self, row: Any) -> str:
        """Return the effect in flight, from the log."""
        return str(row.in_flight or "")

    @admin.display(
        description=gettext_lazy("due, or stuck since"),
        ordering=Coalesce("stuck_since", "lease_until", "deadline"),
    )
    def due(self, row: FlowTransaction) -> SafeString | str:
        """Return when recovery is due, or since when the row is stuck."""
        when = row.stuck_since or row.lease_until or row.deadline
        return durations.moment(when, wiring.clock.now()) if when else ""


def _gap(line: LogLine) -> str:
    return "" if line.gap is None else durations.shown(timedelta(seconds=line.gap))

"""What the user's own page in the admin shows: identities, sessions, grants, and links. Read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from stateful_oauth.django.sessions.endings import sign_out_everywhere
from stateful_oauth.storage.models import AccountLink, Grant, Identity, Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet
    from django.http import HttpRequest

    Base = admin.TabularInline[Any, Any]
else:
    Base = admin.TabularInline


class ReadOnlyInline(Base):
    """Rows of one kind that belong to the user, with the permissions of their own pages."""

    extra, max_num, can_delete = 0, 0, False
    show_change_link = True
    never_read: ClassVar[Sequence[str]] = ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows come from the engine."""
        del request, obj
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the operator may see the rows on their own pages; a user who is being added has none."""
        match = request.resolver_match
        is_new = match is not None and str(match.url_name).endswith("_add")
        return not is_new and super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are changed by the engine."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are deleted with the user, by the database."""
        del request, obj
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows, without the columns that no page needs."""
        return super().get_queryset(request).order_by("-pk").defer(*self.never_read)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return all fields that are shown."""
        del request, obj
        return self.fields


class IdentityInline(ReadOnlyInline):
    """Who the user is at the provider."""

    model = Identity
    fields = ("subject", "issuer", "email", "email_verified", "linked", "created_at")

    @admin.display(description=_("accounts linked to it"))
    def linked(self, identity: Identity) -> str:
        """Return the accounts that are part of this one at the provider."""
        links = AccountLink.objects.filter(primary_digest=identity.digest, unlinked_at__isnull=True)
        return ", ".join(links.order_by("pk").values_list("secondary_subject", flat=True)) or "-"


class GrantInline(ReadOnlyInline):
    """What the provider grants to the user's sign-ins now, and never with what."""

    model = Grant
    fields = ("tenant", "scope", "audience", "created_at")
    never_read = ("refresh_token", "access_tokens")
    verbose_name_plural = _("living grants")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out those that have ended: there may be one for each sign-in of years."""
        return super().get_queryset(request).filter(ended_at__isnull=True)


class SessionInline(ReadOnlyInline):
    """Where the user is signed in."""

    model = Session
    fields = ("user_agent", "tenant", "organization", "started_at", "seen_at", "expires_at")
    never_read = ("session_key", "sid")


class AccountLinkInline(ReadOnlyInline):
    """The links by which an account of this user became another one's."""

    model = AccountLink
    fk_name = "secondary_user"
    fields = ("primary_subject", "secondary_subject", "connection", "rule", "linked_at", "unlinked_at")
    never_read = ("primary_digest", "secondary_digest", "evidence")
    verbose_name_plural = _("account links")


INLINES = (IdentityInline, SessionInline, GrantInline, AccountLinkInline)


@admin.action(description=_("Sign out of every browser"), permissions=["change"])
def sign_out_users(page: admin.ModelAdmin[Any], request: HttpRequest, users: QuerySet[Any]) -> None:
    """End all sessions and grants of the chosen users, each in a database transaction of its own."""
    ended = 0
    for user in users:
        ended += sign_out_everywhere(user)
        page.log_change(request, user, "Signed out of every browser.")
    page.message_user(
        request,
        ngettext("%(ended)d session was ended.", "%(ended)d sessions were ended.", ended) % {"ended": ended},
    )


def add_inlines(site: admin.AdminSite) -> None:
    """Add the inlines to the user's page and the action to its list, if this admin has that page."""
    page: Any = site._registry.get(get_user_model())  # noqa: SLF001 - `get_model_admin` raises where there is none
    if page is not None:
        page.inlines = [*page.inlines, *(each for each in INLINES if each not in page.inlines)]
        if sign_out_users not in (actions := list(page.actions or ())):
            page.actions = [*actions, sign_out_users]

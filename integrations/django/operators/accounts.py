"""The pages of what belongs to users: identities, grants, sessions, connected accounts, links."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from stateful_oauth.django.operators.read_only import ReadOnlyAdmin

_USERS = _("Search by the user's name, email, or primary key, or by subject.")


class IdentityAdmin(ReadOnlyAdmin):
    """Who users are at the provider."""

    fields = ("subject", "issuer", "user", "email", "email_verified", "link_checked", "created_at")
    list_display = ("subject", "issuer", "user", "email", "email_verified", "created_at")
    list_select_related = ("user",)
    never_read = ("digest",)
    search_users, search_help_text = ("user_id",), _USERS


class GrantAdmin(ReadOnlyAdmin):
    """Which grants there are, and never what they grant access with."""

    fields = ("id", "user", "identity", "tenant", "scope", "audience", "created_at", "ended_at", "code",
              "claimed_until", "version")  # fmt: skip
    list_display = ("id", "user", "identity", "tenant", "scope", "created_at", "ended_at", "code")
    list_select_related = ("user", "identity")
    never_read = ("refresh_token", "access_tokens")
    search_users, search_key = ("user_id",), "id"
    search_help_text = _("Search by the user's name, email, or primary key, by subject, or by a grant's id.")


class SessionAdmin(ReadOnlyAdmin):
    """Which sessions there are, and never the keys that open them."""

    fields = ("id", "user", "subject", "tenant", "organization", "user_agent", "started_at", "seen_at",
              "expires_at")  # fmt: skip
    list_display = ("id", "user", "subject", "tenant", "organization", "user_agent", "started_at", "seen_at")
    list_select_related = ("user",)
    never_read = ("session_key", "sid")
    search_users, search_key = ("user_id",), "id"
    search_help_text = _("Search by the user's name, email, or primary key, or by a session's id.")


class BackchannelLogoutAdmin(ReadOnlyAdmin):
    """What the provider said of sessions that it has ended, and what that ended here."""

    fields = ("tenant", "subject", "sid", "issued_at", "received_at", "sessions")
    list_display = ("received_at", "tenant", "subject", "sid", "sessions")
    never_read = ("token_digest",)
    search_key, search_help_text = "id", _("Search by the id of the line.")


class ConnectedAccountAdmin(ReadOnlyAdmin):
    """Accounts at other providers."""

    fields = ("owner", "tenant", "connection", "provider_user_id", "email", "owner_verified", "scopes",
              "access_type", "remote_id", "connected_at", "expires_at")  # fmt: skip
    list_display = (
        "connection",
        "provider_user_id",
        "email",
        "owner",
        "tenant",
        "connected_at",
        "expires_at",
    )
    list_select_related = ("owner",)
    search_users, search_help_text = ("owner__user_id",), _USERS


class AccountLinkAdmin(ReadOnlyAdmin):
    """Which Auth0 users were made one, and why."""

    fields = ("primary_subject", "secondary_subject", "secondary_user", "tenant", "connection", "provider",
              "provider_user_id", "email", "rule", "evidence", "transaction_id", "linked_at",
              "unlinked_at")  # fmt: skip
    list_display = (
        "primary_subject",
        "secondary_subject",
        "connection",
        "rule",
        "tenant",
        "linked_at",
        "unlinked_at",
    )
    never_read = ("primary_digest", "secondary_digest")
    search_users, search_help_text = ("secondary_user_id",), _USERS
    search_digests = ("primary_digest", "secondary_digest")


class TenantDifferenceAdmin(ReadOnlyAdmin):
    """What `flows_reconcile` found and left to an operator."""

    fields = ("what", "key", "subject", "linked_to", "tenant", "found_at")
    list_display = fields

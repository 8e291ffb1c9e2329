"""The registry of sessions: which Django session belongs to which sign-in."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Session(models.Model):
    """One Django session that a sign-in made, until it ends.

    The session holds the row's key, and the row the session's. Written in the database transaction that
    settles the sign-in, before the session is filled: a session without a row was ended.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    # Empty for an engine whose sessions have no key, which is Django's signed cookies.
    session_key = models.CharField(max_length=128, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="auth0_sessions")
    tenant = models.CharField(_("tenant"), max_length=32)
    subject = models.CharField(max_length=255)
    # The session at the provider: OpenID Connect Back-Channel Logout 1.0 §2.1.
    sid = models.CharField(max_length=255, blank=True)
    organization = models.CharField(_("organization"), max_length=255, blank=True)
    # Which transaction made the session, or gave it another key: a sign-out finds one whose response is late.
    transaction_id = models.UUIDField(null=True)
    grant_id = models.UUIDField(null=True)  # ends with the session; not a foreign key: either may go first
    user_agent = models.CharField(_("browser"), max_length=32, blank=True)
    started_at = models.DateTimeField(_("signed in"))
    seen_at = models.DateTimeField(_("last seen"))
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("users' sessions")
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["subject"], name="stateful_oauth_subject"),
            models.Index(fields=["sid"], condition=~Q(sid=""), name="stateful_oauth_sid"),
            models.Index(fields=["expires_at"], name="stateful_oauth_expires"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["session_key"], condition=~Q(session_key=""), name="stateful_oauth_one_session"
            ),
        ]

    def __str__(self) -> str:
        return f"session {self.id}"


class BackchannelLogout(models.Model):
    """A logout token that was accepted: used once, and what it ended.

    No sign-in of the session that it names makes a session here any more.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    tenant = models.CharField(_("tenant"), max_length=32)
    token_digest = models.BinaryField(max_length=32)  # SHA-256 over issuer and `jti`
    subject = models.CharField(max_length=255, blank=True)
    sid = models.CharField(max_length=255, blank=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    received_at = models.DateTimeField(_("received"))
    sessions = models.PositiveIntegerField(_("sessions ended"), default=0)

    class Meta:
        verbose_name = _("logout by the provider")
        verbose_name_plural = _("users' logouts by the provider")
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["sid"], condition=~Q(sid=""), name="stateful_oauth_ended_sid"),
            models.Index(fields=["received_at"], name="stateful_oauth_received"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "token_digest"], name="stateful_oauth_one_logout"),
        ]

    def __str__(self) -> str:
        return f"logout of {self.sid or self.subject}"

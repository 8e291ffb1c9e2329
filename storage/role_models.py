"""The tables of roles: which token decided a user's privileges last, and which groups roles have made."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class RoleDecision(models.Model):
    """The newest ID token by which a user's privileges were decided. An older one decides nothing."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+", db_index=False
    )
    issued_at = models.DateTimeField()  # `iat`, in whole seconds
    asked_at = models.DateTimeField()  # by our clock, for tokens of the same second

    class Meta:
        verbose_name = _("decision about roles")
        verbose_name_plural = _("decisions about roles")
        default_permissions = ()

    def __str__(self) -> str:
        return f"user {self.user_id}"


class RoleGroup(models.Model):
    """A group that was made for a role of its name. Roles give no other group, unless a setting names it."""

    group = models.OneToOneField(
        "auth.Group", models.CASCADE, primary_key=True, related_name="+", db_index=False
    )
    made_at = models.DateTimeField()

    class Meta:
        verbose_name = _("group of a role")
        verbose_name_plural = _("groups of roles")
        default_permissions = ()

    def __str__(self) -> str:
        return f"group {self.group_id}"

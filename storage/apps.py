"""The Django app that keeps transactions."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StorageConfig(AppConfig):
    """Label `stateful_oauth`: tables are called `stateful_oauth_…`."""

    name = "stateful_oauth.storage"
    label = "stateful_oauth"
    verbose_name = _("Auth0 sign-in")
    default_auto_field = "django.db.models.BigAutoField"

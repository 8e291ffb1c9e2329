"""The Django app that serves the pages."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class DjangoIntegrationConfig(AppConfig):
    """Label `stateful_oauth_django`; it has templates and checks, and no tables."""

    name = "stateful_oauth.django"
    label = "stateful_oauth_django"
    verbose_name = _("Auth0 sign-in pages")

    def ready(self) -> None:
        """Register the system checks and the receivers."""
        from stateful_oauth.django import checks, wiring  # noqa: F401, PLC0415 - checks register on import
        from stateful_oauth.django.sessions import receivers  # noqa: F401, PLC0415 - registers on import
        from stateful_oauth.django.sweeps import first_attempts  # noqa: F401, PLC0415 - registers on import
        from stateful_oauth.storage import releases  # noqa: PLC0415 - needs the apps

        releases.can_revoke.is_asked_of(wiring.can_revoke)
        if apps.is_installed("django.contrib.admin"):
            from django.contrib import admin  # noqa: PLC0415 - needs the apps

            from stateful_oauth.django.operators.user_page import add_inlines  # noqa: PLC0415 - needs the apps

            add_inlines(admin.site)  # where the admin comes first, all pages are registered by now

"""The Django app of the demo: templates, and nothing in the database."""

from __future__ import annotations

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Label `stateful_oauth_demo`."""

    name = "stateful_oauth.demo"
    label = "stateful_oauth_demo"
    verbose_name = "Demo"

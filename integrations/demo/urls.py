"""The demo's URLs."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from stateful_oauth.demo.views import accounts
from stateful_oauth.demo.views.home import home
from stateful_oauth.demo.views.profile import profile
from stateful_oauth.demo.views.timeline import attempt, timeline
from stateful_oauth.demo.views.what_if import entry, menu

# For looking only: no project has these.
_demo = [
    path("", home, name="home"),
    path("profile/", profile, name="profile"),
    path("accounts/", accounts.page, name="accounts"),
    path("accounts/compare/", accounts.compare, name="compare-accounts"),
    path("accounts/connect-more/", accounts.connect_more, name="connect-more"),
    path("accounts/token/", accounts.token, name="provider-token"),
    path("timeline/", timeline, name="timeline"),
    path("timeline/<uuid:transaction_id>/", attempt, name="attempt"),
    path("what-if/", menu, name="what-if"),
    path("what-if/<slug:slug>/", entry, name="what-if-entry"),
]

urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),  # what a project writes
    path("admin/", admin.site.urls),
    path("", include((_demo, "demo"))),
]

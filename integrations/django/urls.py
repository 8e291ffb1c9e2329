"""The package's addresses, to be included where the project likes.

`path("auth/", include("stateful_oauth.integrations.django.urls"))`
"""

from __future__ import annotations

from django.urls import path

from stateful_oauth.integrations.django.views import login, logout, pages

app_name = "stateful_oauth"

urlpatterns = [
    path("login/", login.login, name="login"),
    path("callback/", login.callback, name="callback"),
    path("logout/", logout.logout, name="logout"),
    path("restart/", pages.restart, name="restart"),
    path("error/<slug:code>/", pages.error, name="error"),
    path("progress/<uuid:transaction_id>/", pages.progress, name="progress"),
    # A site with several tenants gives each its own callback (RFC 9700 §4.4).
    path("<slug:tenant>/login/", login.login, name="login"),
    path("<slug:tenant>/callback/", login.callback, name="callback"),
]

"""The package's addresses, to be included where the project likes.

`path("auth/", include("stateful_oauth.django.urls"))`
"""

from __future__ import annotations

from django.urls import path
from stateful_oauth.django.views import (
    account_linking,
    connect_account,
    disconnect_account,
    login,
    logout,
    pages,
    unlink_account,
)

app_name = "stateful_oauth"

urlpatterns = [
    path("login/", login.login, name="login"),
    path("callback/", login.callback, name="callback"),
    path("logout/", logout.logout, name="logout"),
    path("connect/", connect_account.connect, name="connect"),
    path("connect/callback/", connect_account.callback, name="connect_callback"),
    path("disconnect/", disconnect_account.disconnect, name="disconnect"),
    path("link/callback/", account_linking.callback, name="link_callback"),
    path("link/<uuid:transaction_id>/", account_linking.page, name="link"),
    path("link/<uuid:transaction_id>/confirm/", account_linking.confirm, name="link_confirm"),
    path("link/<uuid:transaction_id>/cancel/", account_linking.cancel, name="link_cancel"),
    path("unlink/", unlink_account.unlink, name="unlink"),
    path("restart/", pages.restart, name="restart"),
    path("error/<slug:code>/", pages.error, name="error"),
    path("progress/<uuid:transaction_id>/", pages.progress, name="progress"),
    # A site with several tenants gives each its own callbacks (RFC 9700 §4.4).
    path("<slug:tenant>/login/", login.login, name="login"),
    path("<slug:tenant>/callback/", login.callback, name="callback"),
    path("<slug:tenant>/connect/callback/", connect_account.callback, name="connect_callback"),
    path("<slug:tenant>/link/callback/", account_linking.callback, name="link_callback"),
]

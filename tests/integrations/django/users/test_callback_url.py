"""`CALLBACK_URL`: the callback of the sign-in by the name of a URL pattern, by path, or as a whole URL."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import include, path

from stateful_oauth.django import callback_view, complete
from stateful_oauth.django.actions.callbacks import callback_url
from tests.support.users_and_claims import ADA

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db, pytest.mark.urls(__name__)]


@callback_view
def callback(request):
    return complete(request)


urlpatterns = [
    path("welcome/back/", callback, name="welcome"),
    path("auth/", include("stateful_oauth.django.urls")),
]


@pytest.mark.parametrize(
    "form", ["welcome", "/welcome/back/", "https://app.example/welcome/back/"], ids=["name", "path", "url"]
)
def test_sign_in_comes_back_to_the_url_that_the_setting_names(browser, tenant, choose, form):
    choose(CALLBACK_URL=form)
    tenant.clients["web"].callbacks = ["https://app.example/welcome/back/"]
    start = browser.start("/somewhere/")
    (sent,) = parse_qs(urlsplit(start).query)["redirect_uri"]
    assert sent == "https://app.example/welcome/back/"
    back = browser.authorize(start, ADA)
    assert back.startswith(sent)
    assert browser.get(back)["Location"] == "/somewhere/"
    assert browser.user_id is not None


def test_other_flows_keep_their_own_callbacks(choose):
    choose(CALLBACK_URL="welcome")
    assert callback_url("default", "connect_callback") == "https://app.example/auth/connect/callback/"

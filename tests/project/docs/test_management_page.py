"""The snippets of docs/management-api.md work as they stand."""

from __future__ import annotations

import pytest
from django.urls import include, path

from tests.support.snippets import loader

ADA = "ada@example.com"
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


loaded = loader("docs/management-api.md")
urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
    path("last/", loaded("def last_sign_in").last_sign_in),
]


def test_endpoint_of_the_sdk_is_called(tenant):
    ada = tenant.users.by_email(ADA)[0].user_id
    assert loaded("def set_theme").set_theme(ada, "dark") == {"theme": "dark"}


def test_profile_is_shown_to_its_user(browser):
    browser.sign_in(ADA)
    assert browser.get("/last/").content.decode() == ADA


def test_ping_names_what_is_wrong(tenant):
    tenant.clients["linker"].client_secret = "another-one"
    assert any(line.startswith("m2m_token") for line in loaded("def check_auth0").check_auth0())

"""The snippets of docs/own-api.md work as they stand."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.test import AsyncClient, Client
from django.urls import include, path

from tests.support.api_tokens import user_token
from tests.support.snippets import loader

ADA = "ada@example.com"
API = "https://api.example.com/"
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


loaded = loader("docs/own-api.md")
views = loaded("def reports")
urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
    path("reports/", views.reports),
    path("async/", views.async_reports),
    path("members/<name>/", loaded("def members").members),
    path("profile/", loaded("def profile").profile),
    path("drf/", loaded("class Reports").Reports.as_view()),
]


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("url", ["/reports/", "/drf/"])
def test_protected_view_answers_for_the_token(tenant, url):
    token = user_token(tenant, ADA, scopes=["read:reports"], audience=API)
    subject = tenant.users.by_email(ADA)[0].user_id
    assert Client().get(url, headers=bearer(token)).json() == {"reports_of": subject}
    assert Client().get(url).status_code == 401
    assert Client().get(url, headers=bearer(user_token(tenant, ADA, audience=API))).status_code == 403


def test_async_view_answers_for_the_token(tenant):
    token = user_token(tenant, ADA, scopes=["read:reports"], audience=API)
    answer = async_to_sync(AsyncClient().get)("/async/", headers=bearer(token))
    assert answer.status_code == 200


def test_organization_of_the_path_is_the_tokens(tenant):
    acme = tenant.add_organization(name="acme", members=[tenant.users.by_email(ADA)[0].user_id])
    token = user_token(tenant, ADA, audience=API, organization_id=acme.id)
    assert Client().get(f"/members/{acme.id}/", headers=bearer(token)).json() == {"organization": acme.id}
    assert Client().get("/members/org_other/", headers=bearer(token)).status_code == 401


def test_row_of_the_user_is_found_after_a_sign_in(tenant, browser):
    token = user_token(tenant, ADA, audience=API)
    assert Client().get("/profile/", headers=bearer(token)).status_code == 403
    browser.sign_in(ADA)
    name = get_user_model().objects.get().get_username()
    assert Client().get("/profile/", headers=bearer(token)).json() == {"name": name}


def test_function_tells_refusals_from_faults(tenant):
    subject_of = loaded("def subject_of").subject_of
    token = user_token(tenant, ADA, scopes=["read:reports"], audience=API)
    tenant.faults.add("/.well-known/jwks.json", "server_error", 1)
    assert subject_of(token).startswith("later")
    assert subject_of(token) == tenant.users.by_email(ADA)[0].user_id
    assert subject_of("a.b.c") == "refused: access_token_malformed"

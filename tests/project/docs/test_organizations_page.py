"""The snippets of docs/organizations.md and of step-up in docs/customising.md work as they stand."""

from __future__ import annotations

import pytest
from django.urls import include, path

from tests.support.snippets import loaded

ADA = "ada@example.com"

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


views = loaded("docs/organizations.md", "def desk")
urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
    path("<organization>/desk/", views.desk),
    path("welcome/", views.home),
    path("change-password/", loaded("docs/customising.md", "def change_password").change_password),
]


def test_member_opens_the_desk_of_the_organization(browser, tenant):
    tenant.clients["web"].organization_usage = "allow"
    ada = tenant.users.by_email(ADA)[0].user_id
    tenant.add_organization(name="acme", org_id="org_acme", members=[ada])
    started = browser.get("/org_acme/desk/")
    back = browser.get(browser.authorize(started["Location"], ADA))
    assert browser.opens(back).content == b"The desk of org_acme"
    assert browser.get("/welcome/").content == b"You work for org_acme"


def test_user_proves_a_recent_authentication_before_a_change(browser):
    browser.sign_in(ADA)
    started = browser.get("/change-password/")
    back = browser.get(browser.authorize(started["Location"], ADA))
    assert browser.opens(back).status_code == 200

"""Signing in to Django's admin with the provider, for a project that turns it on."""

from __future__ import annotations

import sys
from types import ModuleType
from urllib.parse import urlsplit

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import include, path

from tests.support.error_pages import Form

pytestmark = pytest.mark.database

ADA = "ada@example.com"
OPS = admin.AdminSite(name="ops")


@pytest.fixture(autouse=True)
def urls(settings):
    module = ModuleType("urls_with_the_admin")
    module.urlpatterns = [
        path("admin/", include("stateful_oauth.django.admin_urls")),
        path("admin/", admin.site.urls),
        path("ops/", include("stateful_oauth.django.admin_urls"), {"site_name": "ops"}),
        path("ops/", OPS.urls),
        path("auth/", include("stateful_oauth.django.urls")),
    ]
    sys.modules[module.__name__] = module
    settings.ROOT_URLCONF = module.__name__
    yield
    sys.modules.pop(module.__name__)


def travel(browser, tenant, url):
    """Follow redirects as a browser does; return the last page, and all URLs."""
    visited = []
    for _ in range(20):
        visited.append(url)
        response = browser.get(url)
        if response.status_code not in (302, 303):
            return response, visited
        url = response["Location"]
        if url.startswith(tenant.issuer):
            url = browser.authorize(url, ADA)
    raise AssertionError(f"in circles: {visited}")


def exchanged(tenant):
    return tenant.ledger.count("code_exchanged")


@pytest.mark.parametrize("site", ["admin", "ops"])
def test_staff_sign_in_at_the_provider_and_land_in_the_admin(browser, tenant, known_user, site):
    known_user(ADA, is_staff=True)
    page, visited = travel(browser, tenant, f"/{site}/")
    assert page.status_code == 200
    assert urlsplit(visited[-1]).path == f"/{site}/"
    assert exchanged(tenant) == 1


def test_staff_land_at_the_page_that_they_wanted(browser, tenant, known_user):
    known_user(ADA, is_staff=True, is_superuser=True)
    page, visited = travel(browser, tenant, "/admin/auth/user/?q=ada")
    assert (page.status_code, visited[-1]) == (200, "/admin/auth/user/?q=ada")


def test_staff_who_are_signed_in_go_to_the_admin_without_the_provider(browser, tenant, known_user):
    known_user(ADA, is_staff=True)
    browser.sign_in(ADA)
    page, _ = travel(browser, tenant, "/admin/login/")
    assert page.status_code == 200
    assert exchanged(tenant) == 1


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("site", ["admin", "ops"])
def test_user_who_is_no_staff_gets_a_page_with_both_ways_out(browser, tenant, known_user, site, signed_in):
    known_user(ADA, is_staff=False)
    if signed_in:
        browser.sign_in(ADA)
    before = exchanged(tenant)
    page, _ = travel(browser, tenant, f"/{site}/")
    assert page.status_code == 403
    text = page.content.decode()
    assert "You are signed in as ada@example.com, who may not open this page." in text
    assert "Use another account" in text
    assert "Sign out of tenant.example" in text
    assert exchanged(tenant) - before == 1
    assert Form.of(page).press(browser, "another")["Location"].count("prompt=login") == 1


def test_projects_templates_of_the_admin_stay_its_own(browser, known_user, tenant):
    known_user(ADA, is_staff=True)
    page, _ = travel(browser, tenant, "/admin/")
    assert "admin/index.html" in [template.name for template in page.templates]
    assert not any("stateful_oauth" in template.name for template in page.templates)


def test_sign_out_of_the_admin_ends_the_session_at_the_provider(browser, tenant, known_user):
    known_user(ADA, is_staff=True)
    travel(browser, tenant, "/admin/")
    assert browser.post("/admin/logout/")["Location"].startswith("https://tenant.example/oidc/logout?")
    assert browser.user_id is None


@pytest.mark.security("S9")
@pytest.mark.parametrize("target", ["//evil.example/", "https://evil.example/"])
def test_admins_sign_in_leads_nowhere_else(browser, tenant, known_user, target):
    known_user(ADA, is_staff=True)
    _, visited = travel(browser, tenant, f"/admin/login/?next={target}")
    assert visited[-1] == "/admin/"
    _, visited = travel(browser, tenant, f"/admin/login/?next={target}")
    assert visited[-1] == "/admin/"


def test_name_of_no_admin_is_not_found(browser, settings):
    module = sys.modules["urls_with_the_admin"]
    module.urlpatterns.insert(
        0, path("none/", include("stateful_oauth.django.admin_urls"), {"site_name": "none"})
    )
    assert browser.get("/none/login/?next=/profile/").status_code == 404


def test_admin_of_a_project_that_does_not_turn_it_on_is_djangos_own(browser, settings):
    settings.ROOT_URLCONF = "tests.support.testsite.urls"
    page = browser.get("/admin/login/")
    assert page.status_code == 200
    assert "admin/login.html" in [template.name for template in page.templates]
    assert not get_user_model().objects.exists()

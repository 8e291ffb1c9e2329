"""A URL that takes a form is opened as a page: from a bookmark, by a link, or by a reload of a refusal."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import override_settings
from django.urls import include, path

from stateful_oauth.storage.models import FlowTransaction
from tests.support.error_pages import Form

pytestmark = [pytest.mark.django_db]

ADA = "ada@example.com"
FORMS = ["/auth/connect/", "/auth/disconnect/", "/auth/unlink/", "/auth/step-up/"]
OF_A_LINK = [f"/auth/link/01900000-0000-7000-8000-000000000000/{name}/" for name in ("confirm", "cancel")]

urlpatterns = [
    path("admin/", include("stateful_oauth.django.admin_urls")),
    path("admin/", admin.site.urls),
    path("auth/", include("stateful_oauth.django.urls")),
]


@pytest.mark.parametrize("url", [*FORMS, *OF_A_LINK])
@pytest.mark.parametrize("is_signed_in", [False, True])
def test_page_says_that_nothing_was_changed_and_leads_on(strict_browser, url, is_signed_in):
    if is_signed_in:
        strict_browser.sign_in(ADA)
    before = FlowTransaction.objects.count()
    page = strict_browser.get(f"{url}?next=https://evil.example/&connection=github")
    assert (page.status_code, page["Allow"]) == (405, "POST")
    text = page.content.decode()
    assert "<code>form_needed</code>" in text
    assert 'href="/profile/">Go back' in text
    assert "evil" not in text
    assert FlowTransaction.objects.count() == before


def test_page_of_the_sign_out_has_the_button(strict_browser):
    strict_browser.sign_in(ADA)
    page = strict_browser.get("/auth/logout/?next=https://evil.example/&tenant=other")
    assert (page.status_code, page["Allow"]) == (405, "POST")
    assert strict_browser.user_id is not None, "A link signs no user out."
    assert "evil" not in page.content.decode()
    location = Form.of(page).submit(strict_browser)["Location"]
    assert location.startswith("https://tenant.example/oidc/logout")
    assert strict_browser.user_id is None


def test_page_of_the_admins_sign_out_has_the_button(strict_browser):
    with override_settings(ROOT_URLCONF=__name__):
        strict_browser.sign_in(ADA)
        page = strict_browser.get("/admin/logout/")
        assert page.status_code == 405
        assert Form.of(page).submit(strict_browser)["Location"].startswith("https://tenant.example/")
    assert strict_browser.user_id is None


@pytest.mark.parametrize("url", ["/auth/logout/", *FORMS])
@pytest.mark.parametrize("method", ["head", "put", "delete", "options"])
def test_other_methods_are_answered_without_a_page(strict_browser, url, method):
    response = getattr(strict_browser.client, method)(url, secure=True, headers={"host": "app.example"})
    assert (response.status_code, response.content) == (405, b"")


def test_reload_of_a_refused_form_is_a_page(strict_browser):
    refused = strict_browser.post("/auth/connect/", {"connection": "github"})
    assert refused.status_code == 403
    assert "form_needed" in strict_browser.get("/auth/connect/").content.decode()

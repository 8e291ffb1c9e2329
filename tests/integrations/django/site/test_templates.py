"""Pages: one per error code, in the visitor's language, with what a project puts in their place."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import translation

from stateful_oauth.flows.error_codes import ERROR_CODES
from tests.support.error_pages import Form
from tests.support.rows import dump

ADA = "ada@example.com"


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_error_code_has_a_page_with_its_status_and_a_way_on(browser, code):
    page = browser.get(f"/auth/error/{code}/")
    known = ERROR_CODES[code]
    assert page.status_code == known.status
    text = page.content.decode()
    assert f"<code>{code}</code>" in text
    assert Form.of(page).action == "/auth/login/"
    for hidden in (known.meaning, known.operator):
        assert hidden not in text  # those are for developers and operators


@pytest.mark.security("B49")
@pytest.mark.parametrize("code", ["nothing", "Access_Denied", "access-denied", "__class__", "0"])
def test_an_unknown_code_is_not_found(browser, code):
    """The address of a page chooses among our texts, and brings none of its own."""
    assert browser.get(f"/auth/error/{code}/").status_code == 404


@pytest.mark.security("S7", "B49")
@pytest.mark.parametrize(
    "query",
    [
        "transaction=",
        "transaction=not-an-id",
        "transaction=%00",
        "transaction=0190163d-8694-739b-aea5-966c26f8ad91",
        "transaction=a&transaction=b",
        "message=<script>alert(1)</script>",
        "tenant=<script>alert(1)</script>",
        "error_description=<script>alert(1)</script>",
        "next=//evil.example/",
    ],
)
def test_whatever_the_address_says_the_page_repeats_none_of_it(browser, query):
    browser.start()
    page = browser.get(f"/auth/error/access_denied/?{query}")
    text = page.content.decode()
    assert page.status_code == 403
    assert "<script" not in text
    assert "evil.example" not in text
    assert "next" not in Form.of(page).fields


@pytest.mark.security("S7", "S16")
@pytest.mark.parametrize(
    "description",
    ["<script>alert(1)</script>", "Call 0900-EVIL", "a" * 5000, "line\r\nbreak", "\u202eevil", "%00"],
)
def test_the_providers_own_words_are_shown_to_no_user_and_kept_in_the_log_alone(browser, description):
    callback = browser.visitor.authorize(browser.start(), ADA)
    response = browser.client.get(
        "/auth/callback/",
        {"error": "access_denied", "error_description": description, "state": callback.fields["state"]},
        secure=True,
        headers={"host": "app.example"},
    )
    text = browser.opens(response).content.decode()
    assert description[:20] not in text
    found = [place for place, kept in dump().items() if description[:20] in kept]
    assert {place.partition(".")[0] for place in found} <= {"stateful_oauth_transitionrecord"}, found


def test_messages_of_pages_are_escaped_in_templates():
    context = {
        "code": "<b>",
        "message": "<script>",
        "next_url": '"><script>',
        "reference": "<i>",
        "tenant": "default",
    }
    text = render_to_string("stateful_oauth/error.html", context, request=RequestFactory().get("/"))
    for raw in ("<script>", "<b>", "<i>"):
        assert raw not in text.replace("<style>", "")


@pytest.fixture
def own_templates(tmp_path, settings):
    """A folder of the project's own templates."""
    folder = tmp_path / "stateful_oauth"
    folder.mkdir()
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [str(tmp_path)]}]
    return folder


def test_a_project_puts_its_own_page_in_place_of_ours(browser, own_templates):
    (own_templates / "error.html").write_text(
        "Oh dear: {{ message }} ({{ code }}, {{ reference }}, {{ next_url }})"
    )
    refused = browser.get(str(browser.visitor.decline(browser.start("/profile/?tab=2"))))
    page = browser.opens(refused)
    assert page.content.decode().startswith("Oh dear: The sign-in was cancelled. (access_denied, ")
    assert page.content.decode().endswith(", /profile/?tab=2)")
    assert (page.status_code, page["Cache-Control"]) == (403, "no-store")


def test_a_project_puts_its_own_frame_around_ours(browser, own_templates):
    (own_templates / "base.html").write_text("<h1>Our shop</h1>{% block content %}{% endblock %}")
    for address in ("/auth/restart/", "/auth/error/access_denied/"):
        page = browser.get(address)
        assert page.content.decode().startswith("<h1>Our shop</h1>")
        assert Form.of(page).action == "/auth/login/"


@pytest.mark.parametrize("language", ["de", "ar", "zh-hans", "xx"])
def test_another_language_shows_a_page_as_well(browser, settings, language):
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", *settings.MIDDLEWARE]
    with translation.override(language):
        for address in ("/auth/restart/", "/auth/error/access_denied/"):
            page = browser.get(address, HTTP_ACCEPT_LANGUAGE=language)
            assert page.status_code in (200, 403)
            assert '<html lang="' in page.content.decode()


@pytest.mark.security("B50")
def test_a_projects_catalogue_translates_the_messages(browser, monkeypatch):
    monkeypatch.setattr("stateful_oauth.django.pages.failures.gettext", lambda text: f"übersetzt: {text}")
    assert (
        "übersetzt: The sign-in was cancelled." in browser.get("/auth/error/access_denied/").content.decode()
    )


def test_pages_work_without_context_processors_and_without_translation(browser, settings):
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "OPTIONS": {}}]
    settings.USE_I18N = False
    assert browser.get("/auth/error/access_denied/").status_code == 403


def test_looking_at_an_error_page_alarms_nobody(browser, caplog):
    """Django logs each 5xx as an error, which goes to ADMINS by mail; anybody can open this address."""
    assert browser.get("/auth/error/internal_error/").status_code == 500
    assert browser.get("/auth/error/provider_error/").status_code == 502
    assert caplog.records == []

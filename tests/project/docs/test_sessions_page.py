"""The snippets of docs/sessions.md work as they stand."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.urls import include, path

from tests.support.snippets import loader

ADA = "ada@example.com"
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


loaded = loader("docs/sessions.md")
devices = loaded("def devices")
urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
    path("devices/", devices.devices, name="devices"),
    path("devices/end/", devices.end_device),
    path("devices/end-others/", devices.end_other_devices),
]


@pytest.fixture
def own_page(settings, tmp_path):
    (tmp_path / "devices.html").write_text(
        "{% for each in sessions %}{{ each.id }} {{ each.is_current }};{% endfor %}"
    )
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]


def test_a_user_ends_other_devices_with_the_views_of_the_page(browser, another_browser, own_page):
    elsewhere, third = another_browser(), another_browser()
    for each in (elsewhere, third, browser):
        each.sign_in(ADA)
    shown = browser.get("/devices/").content.decode().split(";")
    other = next(line.split()[0] for line in shown if "False" in line)
    browser.post("/devices/end/", {"session": other})
    assert browser.get("/devices/").content.decode().count(";") == 2
    browser.post("/devices/end-others/")
    assert browser.get("/devices/").content.decode().count(";") == 1
    assert (elsewhere.user_id, third.user_id) == (None, None)


def test_the_middleware_of_the_page_is_accepted(browser, settings):
    settings.MIDDLEWARE = loaded("MIDDLEWARE").MIDDLEWARE
    browser.sign_in(ADA)
    assert browser.user_id is not None


def test_the_snippet_signs_a_user_out_everywhere(browser, another_browser):
    another_browser().sign_in(ADA)
    browser.sign_in(ADA)
    user = get_user_model().objects.get(pk=browser.user_id)
    assert loaded("account_was_stolen").account_was_stolen(user) == 2

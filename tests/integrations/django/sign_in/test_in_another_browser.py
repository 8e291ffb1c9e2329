"""The answer is opened in another browser: a mail app, a phone. The page says that, and goes on here."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import FlowTransaction
from tests.support.error_pages import Form, shown

pytestmark = [pytest.mark.database, pytest.mark.security("S22")]

ADA = "ada@example.com"
WANTED = "/profile/?secret-plan"
NAVIGATION = {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document"}
EACH_WAY = pytest.mark.parametrize(
    ("headers", "has_binding", "code"),
    [
        ({}, False, "browser_unknown"),
        ({}, True, "other_browser"),
        (NAVIGATION, False, "browser_mismatch"),
        (NAVIGATION, True, "browser_mismatch"),
    ],
    ids=["older phone", "older phone that signs in too", "phone", "phone that signs in too"],
)


@pytest.fixture
def callback(strict_browser):
    return strict_browser.authorize(strict_browser.start(WANTED), ADA)


@pytest.fixture
def phone(tenant, db):
    from stateful_oauth.testing.browser import Browser

    return Browser(tenant, enforce_csrf_checks=True)


@EACH_WAY
def test_page_says_that_it_is_another_browser_and_tells_nothing_else(
    callback, phone, headers, has_binding, code
):
    if has_binding:
        phone.start()
    refused = phone.get(callback, **headers)
    assert "secret-plan" not in refused["Location"]
    page = phone.opens(refused).content.decode()
    assert shown(phone, refused) == (code, 403)
    assert "another browser" in page
    assert "ookie" not in page
    assert "secret-plan" not in page
    assert str(FlowTransaction.objects.earliest("created_at").pk) not in page


@EACH_WAY
def test_new_start_there_goes_where_the_user_wanted_to_go(callback, phone, headers, has_binding, code):
    if has_binding:
        phone.start()
    page = phone.opens(phone.get(callback, **headers))
    location = Form.of(page).submit(phone)["Location"]
    assert phone.get(phone.authorize(location, ADA))["Location"] == WANTED
    assert phone.user_id is not None


def test_long_next_survives_the_change_of_browser(strict_browser, phone):
    wanted = "/profile/?q=" + "x" * 8_192
    callback = strict_browser.authorize(strict_browser.start(wanted), ADA)
    page = phone.opens(phone.get(callback, **NAVIGATION))
    location = Form.of(page).submit(phone)["Location"]
    assert phone.get(phone.authorize(location, ADA))["Location"] == wanted


@pytest.mark.parametrize("headers", [{}, NAVIGATION], ids=["older browser", "browser"])
def test_browser_that_blocks_cookies_is_told_to_allow_them(callback, phone, headers):
    refused = phone.get(callback, **headers)
    phone.client.cookies.clear()
    assert "Allow cookies" in phone.opens(refused).content.decode()


def test_wrong_state_brings_nothing_of_the_attempt(callback, phone):
    state = callback.fields["state"]
    changed = str(callback).replace(state, state[:-1] + ("A" if state[-1] != "A" else "B"))
    refused = phone.get(changed)
    assert "elsewhere=" not in refused["Location"]
    assert "elsewhere" not in Form.of(phone.opens(refused)).fields


@pytest.mark.parametrize("change", ["made up", "of another purpose", "too old"])
def test_reference_that_we_did_not_make_for_this_leads_nowhere(callback, phone, change, clock, monkeypatch):
    from django.core.signing import TimestampSigner

    row = FlowTransaction.objects.get()
    if change == "made up":
        reference = f"{row.pk.hex}:1tYQ3c:{'A' * 43}"
    elif change == "of another purpose":
        reference = TimestampSigner(salt="another").sign(row.pk.hex)
    else:
        reference = TimestampSigner(salt="stateful_oauth.other_browser").sign(row.pk.hex)
        monkeypatch.setattr("stateful_oauth.django.pages.other_browser.binding_lifetime", lambda: -1)
    page = phone.get(f"/auth/error/browser_unknown/?elsewhere={reference}")
    form = Form.of(page)
    assert "elsewhere" not in form.fields
    form.fields["elsewhere"] = reference
    location = form.submit(phone)["Location"]
    assert phone.get(phone.authorize(location, ADA))["Location"] == "/profile/"


def test_next_that_is_no_longer_allowed_is_not_gone_to(callback, phone):
    page = phone.opens(phone.get(callback))
    FlowTransaction.objects.update(inputs={"next": "https://evil.example/"})
    location = Form.of(page).submit(phone)["Location"]
    assert phone.get(phone.authorize(location, ADA))["Location"] == "/profile/"


def test_own_start_is_still_finished_in_the_first_browser(strict_browser, callback, phone):
    phone.opens(phone.get(callback))
    assert strict_browser.get(callback)["Location"] == WANTED

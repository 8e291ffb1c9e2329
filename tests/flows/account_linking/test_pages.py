"""What the pages of connecting and linking say and offer: each failure has the way on that its code needs."""

from __future__ import annotations

import re

import pytest

from stateful_oauth.django.pages.failures import failure
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.flows.registry import BUILT_IN
from tests.support.accounts_site import QWERTY, XPTO, site
from tests.support.error_pages import Form, error_code

pytestmark = [pytest.mark.django_db(transaction=True)]

KINDS = tuple(flow.kind for flow in BUILT_IN if flow.needs_user)
GOOGLE = "google-oauth2"


@pytest.fixture
def person(tenant, browser):
    """A browser in which Xpto is signed in."""
    tenant.add_user(email=XPTO, password="a good one")
    tenant.add_user(email=QWERTY, connection=GOOGLE, signed_up=False)
    browser.sign_in(XPTO)
    return browser


def text_of(page) -> str:
    return re.sub(
        r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page.content.decode(), flags=re.DOTALL)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_no_page_speaks_of_a_sign_in_that_nobody_tried(browser, kind):
    for code, known in ERROR_CODES.items():
        page = browser.get(f"/auth/error/{code}/?kind={kind}")
        text = text_of(page)
        assert (page.status_code, f"mention {code}" in text) == (known.status, True)
        for words in ("This sign-in", "while signing in", "Sign-in d", "Signing you in"):
            assert words not in text, code


@pytest.mark.parametrize(
    ("code", "button"),
    [
        ("provider_declined", "Connect Google again"),
        ("connect_session_over", "Connect Google again"),
        ("transaction_expired", "Connect Google again"),
        ("rate_limited", "Connect Google again"),
        ("grant_dead", "Sign in again"),
        ("grant_missing", "Sign in again"),
        ("step_up_required", "Sign in again"),
        ("user_changed", "Sign in again"),
        ("connect_unconfirmed", "Sign in again"),
        ("scope_not_granted", "Go back"),
        ("audience_not_granted", "Go back"),
        ("connection_unknown", "Go back"),
    ],
)
def test_the_way_on_is_what_the_code_needs(code, button):
    assert failure(code, "connect_account", {"connection": GOOGLE}, "default").label == button


def test_a_declined_account_is_offered_again_and_can_be_connected_then(tenant, person):
    started = person.post("/auth/connect/", {"connection": GOOGLE, "next": "/accounts/"})["Location"]
    refused = person.get(str(person.visitor.decline(started)))
    assert error_code(refused) == "provider_declined"
    page = person.opens(refused)
    assert "The account was not connected" in text_of(page)
    form = Form.of(page)
    assert (form.action, form.fields["connection"], form.fields["next"]) == (
        "/auth/connect/", GOOGLE, "/accounts/"
    )  # fmt: skip
    assert 'href="/accounts/">Go back' in page.content.decode()
    again = form.submit(person)["Location"]
    arrived = person.get(person.visitor.connect(again, as_account=QWERTY))
    assert arrived["Location"] == "/accounts/"


def test_a_dead_grant_leads_to_a_sign_in_that_comes_back(tenant, person):
    tenant.revoke_refresh_tokens(tenant.users.by_email(XPTO)[0].user_id)
    failed = person.post("/auth/connect/", {"connection": GOOGLE, "next": "/accounts/"})
    assert error_code(failed) == "grant_dead"
    form = Form.of(person.opens(failed))
    assert (form.action, form.fields["next"]) == ("/auth/login/", "/accounts/")


def test_a_callback_that_is_nobodys_still_knows_what_it_was_for(person):
    page = person.opens(person.get("/auth/connect/callback/?state=forged&connect_code=x"))
    assert "The account was not connected" in text_of(page)
    assert "We cannot find this attempt" in text_of(page)


def test_a_visitor_who_is_nobody_is_asked_to_sign_in_and_comes_back(tenant, another_browser):
    page = another_browser().post("/auth/connect/", {"connection": GOOGLE, "next": "/accounts/"})
    assert error_code(page) == "sign_in_needed"
    page = another_browser().opens(page)
    assert "<h1>Please sign in</h1>" in page.content.decode()
    assert Form.of(page).fields["next"] == "/accounts/"


@pytest.fixture
def question(tenant, browser):
    """The page that asks whether two accounts with one address are the same person's."""
    with site(LINKING="confirm"):
        tenant.add_user(email=XPTO, connection=GOOGLE, user_id="google-oauth2|1")
        tenant.add_user(email=XPTO, password="a good one", user_id="auth0|1")
        tenant.add_user(email="other@example.com", connection=GOOGLE, user_id="google-oauth2|2")
        asked = browser.sign_in("auth0|1", next_url="/profile/")
        assert re.fullmatch(r"/auth/link/[0-9a-f-]{36}/", asked["Location"])
        yield asked["Location"]


def test_the_question_names_the_other_account_masked_and_both_ways_on(browser, question):
    page = browser.get(question)
    text, source = text_of(page), page.content.decode()
    assert "Is this your account too?" in text
    assert "You signed in with email and password as x•••@a•••.com." in text
    assert "Google x•••@a•••.com" in text
    assert XPTO not in source, "Either address may be somebody else's."
    assert "Sign in with Google" in text
    assert "Keep the accounts separate" in text
    assert source.count("<h1") == 1
    assert " on" + "click" not in source


def test_another_account_is_named_as_such_with_the_tries_that_are_left(browser, question):
    back = browser.confirm(question, "google-oauth2|2")
    page = browser.opens(back)
    text = text_of(page)
    assert "You used a different account" in text
    assert "Please sign in with this account: Google x•••@a•••.com" in text
    assert "You can try 2 more times." in text
    back = browser.confirm(question, "google-oauth2|2")
    assert "You can try once more." in text_of(browser.opens(back))


def test_somebody_who_comes_back_from_the_provider_may_go_on_or_not(browser, question):
    browser.post(f"{question}confirm/", {})
    text = text_of(browser.get(question))
    assert "Your sign-in is not finished" in text
    assert "Continue signing in" in text
    assert "Keep the accounts separate" in text
    assert browser.post(f"{question}cancel/")["Location"] == "/profile/"


def test_pages_with_a_form_send_their_origin(browser, question):
    assert browser.get(question)["Referrer-Policy"] == "same-origin"


def test_a_link_that_ran_out_of_tries_says_what_was_not_done(browser, question):
    for _ in range(3):
        back = browser.confirm(question, "google-oauth2|2")
    assert error_code(back) == "wrong_account"
    text = text_of(browser.opens(back))
    assert "The accounts were not linked" in text
    assert "Sign in again" in text


def test_question_that_took_too_long_starts_the_sign_in_again_that_led_to_it(tenant, browser, clock):
    tenant.add_user(email=XPTO, password="a good one")
    tenant.add_user(email=XPTO, connection=GOOGLE)
    with site(LINKING="confirm", REQUEST_PARAMETERS=["ui_locales", "connection"]):
        start = browser.get(f"/auth/login/?next=/accounts/&ui_locales=de&connection={GOOGLE}")["Location"]
        question = browser.get(browser.visitor.authorize(start, as_user=XPTO, connection=GOOGLE))["Location"]
        assert question.startswith("/auth/link/")
        clock.advance(3_000)
        over = browser.get(question)
        assert error_code(over) == "transaction_expired"
        again = Form.of(browser.opens(over)).submit(browser)["Location"]
        assert "ui_locales=de" in again
        assert f"connection={GOOGLE}" in again

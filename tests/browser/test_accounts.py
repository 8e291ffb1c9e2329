"""Connecting, linking and taking it back, as people do it with a real browser."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

HERE = "/accounts/"


def sign_in(browser, person: str) -> None:
    browser.open("/")
    browser.press("Sign in", within="main")
    browser.choose(person)
    browser.sees("Identity")


def sign_out(browser) -> None:
    browser.press("Sign out", within="header")
    browser.sees("Not signed in")


def start(browser, entry: str) -> None:
    browser.open(f"/what-if/{entry}/")
    browser.press("Try it", within=f"section[aria-labelledby=entry-{entry}]")


def card(name: str) -> str:
    return f"section[aria-labelledby={name}]"


def test_an_account_is_connected_signs_in_is_linked_unlinked_and_disconnected(browser):
    sign_in(browser, "Xenia Pto")
    browser.open(HERE)
    browser.press("Connect Google")
    browser.choose("Xenia at home")
    browser.sees("qwerty@gmail.com")
    assert browser.path == HERE
    browser.press("Ask for a token of Google")
    browser.sees("Token Vault gave a token of Google")
    browser.press("Read the calendar, too")
    browser.choose("Xenia at home")
    browser.sees("calendar.readonly")
    assert browser.text.count("qwerty@gmail.com") == 1, "the same account again is the same row"

    sign_out(browser)
    sign_in(browser, "Xenia at home")
    browser.sees("auth0|xenia")
    browser.open(HERE)
    browser.sees("because you had connected it")
    browser.press("how it happened")
    diagram = browser.driver.find_element("css selector", "svg .state.current")
    assert diagram.get_attribute("id") == "account_linking-state-linked"
    browser.open(HERE)
    browser.press("Unlink Google")
    browser.sees("None. Sign out, and sign in")

    sign_out(browser)
    sign_in(browser, "Xenia Pto")
    browser.open(HERE)
    browser.press("Disconnect Google")
    browser.sees("None yet.")


def test_declining_to_connect_offers_to_connect_again(browser):
    sign_in(browser, "Ada Lovelace")
    browser.open(HERE)
    browser.press("Connect GitHub")
    browser.press("Decline")
    browser.sees("The account was not connected")
    browser.press("Connect GitHub again")
    browser.choose("Alan Turing")
    browser.sees("alan@example.com")
    assert browser.path == HERE
    browser.press("Disconnect GitHub")
    browser.sees("None yet.")


def test_a_question_is_answered_with_the_other_account(browser):
    start(browser, "link-asked")
    browser.sees("Is this your account too?")
    browser.press("Sign in with GitHub")
    choose_the_owner(browser)
    browser.sees("confirm")
    browser.sees("linked")


def test_the_wrong_account_may_be_followed_by_the_right_one(browser):
    start(browser, "link-wrong")
    browser.sees("You used a different account")
    browser.sees("You can try 2 more times.")
    browser.press("Sign in with GitHub")
    choose_the_owner(browser)
    browser.sees("mismatch")
    browser.sees("linked")


def test_back_at_the_provider_leads_to_a_page_that_goes_on(browser):
    start(browser, "link-asked")
    question = browser.path
    browser.press("Sign in with GitHub")
    browser.open(question)
    browser.sees("Your sign-in is not finished")
    browser.press("Continue signing in")
    choose_the_owner(browser)
    browser.sees("linked")


def test_accounts_can_be_kept_apart(browser):
    start(browser, "link-asked")
    browser.press("Keep the accounts separate")
    browser.sees("kept apart")
    browser.open("/profile/")
    browser.sees("auth0|")


def test_a_busy_management_api_is_waited_for_without_doing_anything(browser):
    start(browser, "link-busy")
    browser.sees("Linking your accounts…")
    browser.sees("Linked, when the provider took requests again.")


def choose_the_owner(browser) -> None:
    """Choose the account that the site expects: its address is the hint that the provider was given."""
    hint = browser.driver.find_element("css selector", "input[name=email]").get_attribute("value")
    browser.choose(hint)

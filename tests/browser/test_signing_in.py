"""What people do with a real browser: its cookies, its history, its tabs, its policies."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def sign_in(browser, person: str = "Ada Lovelace") -> None:
    browser.open("/")
    browser.press("Sign in", within="main")
    browser.choose(person)
    browser.sees("Identity")


def test_a_user_signs_in_by_clicking_in_chromium(browser):
    sign_in(browser)
    assert browser.path == "/profile/"
    browser.sees("auth0|ada")
    browser.press("See how you got here")
    browser.sees("awaiting_callback→exchanging_code")
    diagram = browser.driver.find_element("css selector", "svg .state.current")
    assert diagram.get_attribute("id") == "login-state-signed_in"


def test_signing_in_with_a_password(browser):
    browser.open("/")
    browser.press("Sign in", within="main")
    browser.driver.find_element("xpath", "//summary[contains(., 'password')]").click()
    browser.driver.find_element("css selector", "input[name=username]").send_keys("ada@example.com")
    browser.driver.find_element("css selector", "input[type=password]").send_keys("analytical-engine")
    browser.press("Continue")
    browser.sees("auth0|ada")


def test_a_page_that_needs_a_sign_in_is_shown_after_it(browser):
    browser.open("/profile/?from=a-bookmark")
    browser.choose("Grace Hopper")
    browser.sees("grace@example.com")
    assert browser.driver.current_url == browser.site + "/profile/?from=a-bookmark"


def test_a_user_who_declines_can_sign_in_again(browser):
    browser.open("/")
    browser.press("Sign in", within="main")
    browser.press("Decline")
    browser.sees("The sign-in was cancelled.")
    browser.press("Sign in again")
    browser.choose("Ada Lovelace")
    browser.sees("auth0|ada")


def test_two_tabs_finish_in_the_other_order(browser):
    first = browser.driver.current_window_handle
    browser.open("/profile/?tab=first")
    second = browser.new_tab()
    browser.open("/profile/?tab=second")
    browser.choose("Ada Lovelace")
    browser.sees("auth0|ada")
    assert browser.driver.current_url.endswith("/profile/?tab=second")
    browser.to_tab(first)
    browser.choose("Ada Lovelace")
    browser.sees("auth0|ada")
    assert browser.driver.current_url.endswith("/profile/?tab=first")
    browser.to_tab(second)
    browser.open("/timeline/")
    assert browser.text.count("signed in") >= 2


def test_the_second_tab_may_be_another_person(browser):
    first = browser.driver.current_window_handle
    browser.open("/profile/")
    browser.new_tab()
    browser.open("/profile/")
    browser.choose("Grace Hopper")
    browser.sees("grace@example.com")
    browser.to_tab(first)
    browser.choose("Ada Lovelace")
    browser.sees("ada@example.com")
    browser.open("/profile/")
    assert "grace@example.com" not in browser.text


def test_back_after_signing_in_shows_no_error(browser):
    sign_in(browser)
    for _ in range(2):
        browser.back()
        assert "did not work" not in browser.text
        assert "/auth/callback/" not in browser.driver.current_url
    browser.open("/profile/")
    browser.sees("auth0|ada")


def test_the_code_is_not_left_in_the_history(browser):
    sign_in(browser)
    history = browser.driver.execute_cdp_cmd("Page.getNavigationHistory", {})["entries"]
    assert history
    assert not [entry["url"] for entry in history if "code=" in entry["url"]]


def test_the_callback_may_be_opened_again(browser):
    browser.open("/what-if/")
    browser.press("Try it", within="section[aria-labelledby=entry-twice]")
    browser.sees("You are signed in as Ada")
    for _ in range(2):
        browser.press("Open the callback again")
        browser.sees("already_completed")
        browser.sees("ada@example.com")


def test_signing_out_and_back_shows_nothing_of_the_session(browser):
    sign_in(browser)
    browser.press("Sign out", within="header")
    browser.sees("Not signed in")
    for _ in range(3):
        browser.back()
        assert "auth0|ada" not in browser.text
        assert "did not work" not in browser.text
    browser.open("/")
    browser.sees("Not signed in")


def test_after_signing_out_the_callback_signs_nobody_in(browser):
    browser.open("/what-if/")
    browser.press("Try it", within="section[aria-labelledby=entry-after-sign-out]")
    browser.press("Sign out and open the callback again")
    browser.sees("browser_unknown")
    browser.open("/")
    browser.sees("Not signed in")


def test_a_double_click_waits_and_goes_on_by_itself(browser):
    browser.open("/what-if/")
    browser.press("Try it", within="section[aria-labelledby=entry-double-click]")
    browser.sees("Signing you in…")
    browser.sees("You are signed in as Ada")

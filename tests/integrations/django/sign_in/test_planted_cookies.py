"""A binding cookie that another host has planted is not read: exact name, once, signed by this site."""

from __future__ import annotations

import logging

import pytest

from stateful_oauth.django.browser.binding import binding_of, cookie_name, new_binding
from tests.support.error_pages import error_code
from tests.support.rows import the_row

pytestmark = [pytest.mark.database_in_ci, pytest.mark.security("S21")]

ADA = "ada@example.com"
OURS = "__Host-stateful_oauth"
# What Django's parser, another parser, or a reader of the header may take for our name.
LOOK_ALIKES = {
    "en quad": "\u2000" + OURS,
    "no-break space": "\u00a0" + OURS,
    "next line": "\u0085" + OURS,
    "behind the name": OURS + "\u3000",
    "on both sides": "\u2028" + OURS + "\u2029",
    "separator": "\x1c" + OURS,
    "vertical tab": "\x0b" + OURS,
    "zero-width space": "\u200b" + OURS,
    "byte order mark": "\ufeff" + OURS,
    "lower case": OURS.lower(),
    "fullwidth letters": "__\uff28ost-stateful_oauth",
    "white space inside": "__Host-\u00a0stateful_oauth",
}
SPELLINGS = pytest.mark.parametrize("name", LOOK_ALIKES.values(), ids=LOOK_ALIKES)


def get(browser, address, *cookies):
    """Open an address with exactly these cookies, as bytes of UTF-8 in the header (PEP 3333)."""
    header = "; ".join(f"{name}={value}" for name, value in cookies)
    browser.client.cookies.clear()
    return browser.get(address, HTTP_COOKIE=header.encode().decode("latin-1"))


@pytest.fixture
def attacker(browser, another_browser):
    """An attempt of another browser, signed in at the provider: its cookie's value, and its callback."""
    other = another_browser()
    callback = other.authorize(other.start(), ADA)
    return other.client.cookies[OURS].value, callback


@SPELLINGS
def test_a_look_alike_alone_is_no_binding(browser, attacker, name, caplog):
    value, callback = attacker
    with caplog.at_level(logging.WARNING, "stateful_oauth.browser"):
        assert error_code(get(browser, callback, (name, value))) == "browser_unknown"
    assert [record.levelname for record in caplog.records if record.name == "stateful_oauth.browser"]
    assert value not in caplog.text


@SPELLINGS
def test_a_look_alike_is_not_adopted_by_a_start(browser, attacker, name):
    value, _ = attacker
    set_cookie = get(browser, "/auth/login/", (name, value)).cookies[OURS].value
    assert not {*binding_of(set_cookie).browsers} & {*binding_of(value).browsers}


@SPELLINGS
@pytest.mark.parametrize("planted_first", [True, False])
def test_a_look_alike_beside_the_genuine_cookie_changes_nothing(browser, attacker, name, planted_first):
    """Another host can plant one for good: the visitor must be able to sign in all the same."""
    value, callback = attacker
    mine = new_binding().value
    cookies = [(name, value), (OURS, mine)][:: 1 if planted_first else -1]
    assert error_code(get(browser, callback, *cookies)) == "other_browser"
    started = get(browser, "/auth/login/", *cookies)
    assert binding_of(started.cookies[OURS].value).browser == binding_of(mine).browser
    answer = browser.authorize(started["Location"], ADA)
    assert get(browser, answer, *cookies)["Location"] == "/profile/"


@pytest.mark.parametrize("planted_first", [True, False])
def test_two_cookies_of_the_exact_name_are_none(browser, attacker, planted_first, caplog):
    value, callback = attacker
    cookies = [(OURS, value), (OURS, new_binding().value)][:: 1 if planted_first else -1]
    assert error_code(get(browser, callback, *cookies)) == "browser_unknown"
    assert "was sent 2 times" in caplog.text


def test_on_plain_http_a_look_alike_is_not_read_either(browser, attacker, configure):
    value, callback = attacker
    configure(BASE_URL="http://app.example")
    assert cookie_name() == "stateful_oauth"
    assert error_code(get(browser, callback, ("\u2000stateful_oauth", value))) == "browser_unknown"


@pytest.mark.parametrize(
    "value", ["x" * 43, "x" * 22 + ".1790000000", "x" * 22 + ".1790000000:" + "y" * 43, ":", "~", '"quoted"']
)
def test_a_value_that_we_did_not_sign_is_replaced(browser, value):
    started = get(browser, "/auth/login/", (OURS, value))
    binding = binding_of(started.cookies[OURS].value)
    assert bytes(the_row().browser) == binding.browser
    assert "x" * 22 not in started.cookies[OURS].value


def test_a_cookie_signed_under_an_earlier_secret_key_is_read(browser, settings):
    callback = browser.authorize(browser.start(), ADA)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key"
    assert browser.get(callback)["Location"] == "/profile/"


def test_a_cookie_signed_under_a_key_that_is_gone_is_not_read(browser, settings):
    callback = browser.authorize(browser.start(), ADA)
    settings.SECRET_KEY = "another key"
    assert error_code(browser.get(callback)) == "browser_unknown"


def test_a_value_signed_for_another_purpose_is_not_read(browser):
    from django.core.signing import Signer

    callback = browser.authorize(browser.start(), ADA)
    text = browser.client.cookies[OURS].value.rpartition(":")[0]
    browser.client.cookies[OURS] = Signer(salt="another").sign(text)
    assert error_code(browser.get(callback)) == "browser_unknown"

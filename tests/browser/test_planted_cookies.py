"""What another host can plant beside the binding cookie: a browser sends it, and we do not read it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

# The demo is on plain http, so its cookie has no prefix.
NAME = "stateful_oauth"
SPACES = {"en quad": "\u2000", "no-break space": "\u00a0", "next line": "\u0085", "ideographic": "\u3000"}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.security("S21")
def test_a_cookie_whose_name_only_looks_like_ours_is_not_read(browser, space):
    """The planted value is a genuine one, which the attacker got with a browser of their own."""
    browser.open("/")
    browser.press("Sign in", within="main")
    genuine = cookie(browser, NAME)
    browser.driver.delete_all_cookies()
    browser.open("/")
    planted = f"{space}{NAME}={genuine}; Path=/"
    browser.driver.execute_script("document.cookie = arguments[0]", planted)
    stored = {each["name"]: each["value"] for each in everything(browser)}
    assert stored.get(space + NAME) == genuine, f"The browser does not store such a cookie: {[*stored]}"
    browser.press("Sign in", within="main")
    issued = cookie(browser, NAME)
    assert issued.partition(".")[0] != genuine.partition(".")[0], "The planted value was adopted."


def everything(browser):
    cookies = browser.driver.execute_cdp_cmd("Network.getAllCookies", {})["cookies"]
    return [each for each in cookies if each["domain"].lstrip(".") == "127.0.0.1"]


def cookie(browser, name):
    return next(each["value"] for each in everything(browser) if each["name"] == name)

"""Which cookies a real browser sends when the provider is another site, as it always is outside of a demo."""

from __future__ import annotations

from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
import requests

from stateful_oauth.demo.smoke import Page

pytestmark = [pytest.mark.browser, pytest.mark.security("S17")]

# A browser takes these two for different sites, and both lead to this machine.
OURS, THEIRS = "127.0.0.1", "localhost"
FORM = """
const form = document.createElement("form");
form.method = "post";
form.action = arguments[0];
for (const [name, value] of Object.entries(arguments[1])) {
  const field = document.createElement("input");
  field.name = name;
  field.value = value;
  form.append(field);
}
document.body.append(form);
form.submit();
"""


@pytest.fixture
def callback(browser):
    """The callback of a sign-in that the browser started; it shows a page of another site now."""
    browser.open("/auth/login/")
    with requests.Session() as http:
        http.trust_env = False
        # The same browser starts once more, so that the URL of the request can be read: a redirect hides it.
        cookies = {each["name"]: each["value"] for each in everything(browser)}
        login = f"{browser.site}/auth/login/?next=/profile/"
        started = http.get(login, cookies=cookies, allow_redirects=False, timeout=10)
        form = Page(http.get(started.headers["Location"], timeout=10)).form(account="auth0|ada")
        answer = http.post(form.action, form, allow_redirects=False, timeout=10)
        while not (location := urljoin(answer.url, answer.headers["Location"])).startswith(browser.site):
            answer = http.get(location, allow_redirects=False, timeout=10)
    elsewhere = urlsplit(started.headers["Location"])._replace(path="/.well-known/jwks.json", query="")
    browser.driver.get(elsewhere._replace(netloc=f"{THEIRS}:{elsewhere.port}").geturl())
    assert urlsplit(browser.driver.current_url).hostname == THEIRS
    return location


def everything(browser):
    cookies = browser.driver.execute_cdp_cmd("Network.getAllCookies", {})["cookies"]
    return [each for each in cookies if each["domain"] == OURS]


def test_the_binding_cookie_comes_along_with_a_redirect_from_another_site(browser, callback):
    browser.driver.execute_script("location.href = arguments[0]", callback)
    browser.sees("auth0|ada")
    assert browser.path == "/profile/"


def test_a_form_of_another_site_that_posts_a_callback_signs_no_user_in(browser, callback):
    """The cookie stays away, as in another browser, and the attempt ends: its code has been seen."""
    fields = dict(parse_qsl(urlsplit(callback).query))
    browser.driver.execute_script(FORM, callback.partition("?")[0], fields)
    browser.open("/profile/")
    assert "auth0|ada" not in browser.text


def test_a_form_of_another_site_signs_no_user_out(browser, callback):
    elsewhere = browser.driver.current_url
    browser.driver.get(callback)
    browser.sees("auth0|ada")
    browser.driver.get(elsewhere)
    browser.driver.execute_script(FORM, f"{browser.site}/auth/logout/", {})
    browser.open("/profile/")
    browser.sees("auth0|ada")

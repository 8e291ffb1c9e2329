"""A browser opens several tabs at once, and sends none of them with a cookie: all of them finish."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from stateful_oauth.django.browser.binding import binding_of, cookie_name, new_binding
from tests.support.error_pages import error_code
from tests.support.rows import check_rows

pytestmark = [pytest.mark.database_in_ci, pytest.mark.security("S21")]

ADA = "ada@example.com"
OURS = "__Host-stateful_oauth"
ORDERS = list(permutations(range(3)))
TWO_ORDERS = list(product(ORDERS, ORDERS))


class Tab:
    """A tab of a browser: it asks with the cookies of then, and its response may come later."""

    def __init__(self, browser, another_browser):
        self.browser, self.elsewhere = browser, another_browser()

    def ask(self, url):
        """Send a request with the browser's cookies of now; the response is on its way."""
        self.elsewhere.client.cookies.clear()
        for name, morsel in self.browser.client.cookies.items():
            self.elsewhere.client.cookies[name] = morsel.value
        self.response = self.elsewhere.get(url)
        return self.response

    def arrive(self):
        """Let the response come: the browser keeps its cookies."""
        for name, morsel in self.response.cookies.items():
            self.browser.client.cookies.pop(name, None)
            if morsel["max-age"] != 0:
                self.browser.client.cookies[name] = morsel.value
        return self.response["Location"]


@pytest.fixture
def tab(browser, another_browser):
    return lambda: Tab(browser, another_browser)


@pytest.fixture
def open_tabs(tab):
    """Start in so many tabs at once, none of them with a cookie."""

    def start(number):
        tabs = [tab() for _ in range(number)]
        for each, opened in enumerate(tabs):
            opened.ask(f"/auth/login/?next=/profile/%3Ftab%3D{each}")
        return tabs

    return start


@pytest.mark.parametrize(("arrivals", "returns"), TWO_ORDERS, ids=str)
def test_first_tabs_finish_in_every_order(browser, open_tabs, arrivals, returns):
    tabs = open_tabs(3)
    locations = {number: tabs[number].arrive() for number in arrivals}
    for number in returns:
        callback = browser.authorize(locations[number], ADA)
        assert browser.get(callback)["Location"] == f"/profile/?tab={number}"
    assert browser.user_id is not None
    check_rows()


@pytest.mark.parametrize(("asked", "answered"), TWO_ORDERS, ids=str)
def test_first_tabs_finish_when_their_callbacks_overlap(browser, open_tabs, tab, asked, answered):
    locations = [each.arrive() for each in open_tabs(3)]
    callbacks = [browser.authorize(location, ADA) for location in locations]
    tabs = {number: tab() for number in asked}
    for number in asked:
        assert tabs[number].ask(callbacks[number])["Location"] == f"/profile/?tab={number}"
    for number in answered:
        tabs[number].arrive()
    assert browser.user_id is not None
    for number in answered:  # a reload is answered as before
        assert browser.get(callbacks[number])["Location"] == f"/profile/?tab={number}"


@pytest.mark.parametrize("number", [2, 5, 10, 20])
def test_browser_with_more_tabs_restores_them_all(browser, open_tabs, number):
    locations = [each.arrive() for each in open_tabs(number)]
    for each, location in enumerate(locations):
        assert browser.get(browser.authorize(location, ADA))["Location"] == f"/profile/?tab={each}"


def test_late_response_to_a_first_tab_loses_no_tab_that_came_after_it(browser, open_tabs, tab):
    """The first tab has signed in, and another has started with its new binding, before the last response."""
    first, late = open_tabs(2)
    browser.get(browser.authorize(first.arrive(), ADA))
    after = browser.start("/profile/?after")
    last = late.arrive()
    assert browser.get(browser.authorize(after, ADA))["Location"] == "/profile/?after"
    assert browser.get(browser.authorize(last, ADA))["Location"] == "/profile/?tab=1"


def test_callback_that_overtakes_another_first_tab_finishes(browser, open_tabs, tab):
    first, second, late = open_tabs(3)
    callbacks = [browser.authorize(each.arrive(), ADA) for each in (first, second)]
    slow, quick = tab(), tab()
    slow.ask(callbacks[0])
    last = late.arrive()
    quick.ask(callbacks[1])
    assert [quick.arrive(), slow.arrive()] == ["/profile/?tab=1", "/profile/?tab=0"]
    assert browser.get(browser.authorize(last, ADA))["Location"] == "/profile/?tab=2"


def test_every_cookie_of_a_first_tab_is_as_guarded_as_the_binding_cookie(browser):
    response = browser.get("/auth/login/")
    assert len(response.cookies) == 2
    for name, morsel in response.cookies.items():
        assert name.startswith(OURS)
        assert (morsel["samesite"], morsel["path"], morsel["domain"]) == ("Lax", "/", "")
        assert morsel["secure"]
        assert morsel["httponly"]
        assert morsel["max-age"] == 4_500


def test_cookies_of_first_tabs_are_deleted_when_the_binding_holds_them(browser, open_tabs, clock):
    locations = [each.arrive() for each in open_tabs(3)]
    assert len(names(browser)) == 4
    browser.start()
    clock.advance(121)
    browser.start()
    assert names(browser) == [OURS]
    for each, location in enumerate(locations):
        assert browser.get(browser.authorize(location, ADA))["Location"] == f"/profile/?tab={each}"


def test_browser_keeps_a_bounded_number_of_cookies_of_first_tabs(browser, open_tabs):
    for each in open_tabs(30):
        each.arrive()
    browser.start()
    assert len(names(browser)) == 21
    browser.sign_in(ADA)
    assert len(names(browser)) == 21


def test_signing_out_deletes_the_cookies_of_first_tabs(browser, open_tabs):
    locations = [each.arrive() for each in open_tabs(3)]
    browser.sign_in(ADA)
    browser.post("/auth/logout/")
    assert names(browser) == []
    assert error_code(browser.get(browser.authorize(locations[0], ADA))) == "browser_unknown"


def names(browser):
    cookies = browser.client.cookies
    return [name for name, morsel in cookies.items() if name.startswith(OURS) and morsel.value]


class TestPlanted:
    """A cookie of a first tab is no way to plant an id."""

    @pytest.fixture
    def attacker(self, another_browser):
        """An attempt of another browser: the cookie of its first tab, and its callback."""
        other = another_browser()
        callback = other.authorize(other.start(), ADA)
        name = next(name for name in other.client.cookies if name.startswith(f"{OURS}-"))
        return name, other.client.cookies[name].value, callback, other.client.cookies[OURS].value

    def get(self, browser, url, *cookies):
        header = "; ".join(f"{name}={value}" for name, value in cookies)
        browser.client.cookies.clear()
        return browser.get(url, HTTP_COOKIE=header.encode().decode("latin-1"))

    def test_first_tabs_cookie_without_the_binding_cookie_is_not_read(self, browser, attacker):
        name, value, callback, _ = attacker
        assert error_code(self.get(browser, callback, (name, value))) == "browser_unknown"

    @pytest.mark.parametrize("look_alike", ["\u2000{}", "{}\u00a0", "\u200b{}", "\x1c{}"])
    def test_look_alike_of_a_first_tabs_cookie_is_not_read(self, browser, attacker, look_alike, caplog):
        name, value, callback, _ = attacker
        cookies = [(OURS, new_binding().value), (look_alike.format(name), value)]
        assert error_code(self.get(browser, callback, *cookies)) == "other_browser"
        assert "looks like" in caplog.text

    def test_first_tabs_cookie_in_lower_case_is_not_read(self, browser, attacker):
        name, value, callback, _ = attacker
        cookies = [(OURS, new_binding().value), (name.lower(), value)]
        assert error_code(self.get(browser, callback, *cookies)) == "other_browser"

    def test_value_of_the_binding_cookie_is_none_of_a_first_tab(self, browser, attacker):
        name, _, callback, value = attacker
        cookies = [(OURS, new_binding().value), (name, value)]
        assert error_code(self.get(browser, callback, *cookies)) == "other_browser"

    def test_value_of_a_first_tab_is_none_of_the_binding_cookie(self, browser, attacker):
        _, value, callback, _ = attacker
        assert binding_of(value) is None
        assert error_code(self.get(browser, callback, (OURS, value))) == "browser_unknown"

    def test_first_tabs_cookie_under_another_name_is_not_read(self, browser, attacker):
        name, value, callback, _ = attacker
        other = f"{OURS}-{'0' * 8}"
        assert other != name
        assert (
            error_code(self.get(browser, callback, (OURS, new_binding().value), (other, value)))
            == "other_browser"
        )

    def test_first_tabs_cookie_that_is_sent_twice_is_not_read(self, browser, attacker):
        name, value, callback, _ = attacker
        cookies = [(OURS, new_binding().value), (name, value), (name, value)]
        assert error_code(self.get(browser, callback, *cookies)) == "other_browser"

    def test_changed_value_of_a_first_tab_is_not_read(self, browser, attacker):
        name, value, callback, _ = attacker
        cookies = [(OURS, new_binding().value), (name, value[:-2] + ("AA" if value[-2:] != "AA" else "BB"))]
        assert error_code(self.get(browser, callback, *cookies)) == "other_browser"

    def test_new_start_deletes_cookies_of_first_tabs_without_the_binding_cookie(self, browser, attacker):
        name, value, _, _ = attacker
        response = self.get(browser, "/auth/login/", (name, value))
        assert response.cookies[name]["max-age"] == 0


def test_on_plain_http_first_tabs_finish_too(browser, open_tabs, configure, tenant):
    configure(BASE_URL="http://app.example")
    tenant.clients["web"].callbacks = ["http://app.example/auth/callback/"]
    assert cookie_name() == "stateful_oauth"
    locations = [each.arrive() for each in open_tabs(3)]
    for each, location in enumerate(locations):
        assert browser.get(browser.authorize(location, ADA))["Location"] == f"/profile/?tab={each}"

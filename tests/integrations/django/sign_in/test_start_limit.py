"""Clients that keep no cookie look new at every start: how many of them one network address may bring."""

from __future__ import annotations

import logging

import pytest
from django.core.cache import cache

from stateful_oauth.django.browser.start_limit import WINDOW
from stateful_oauth.storage.models import FlowTransaction

pytestmark = [pytest.mark.security("S18"), pytest.mark.django_db]

ADA = "ada@example.com"
CLIENT = "93.184.215.14"  # a global address


@pytest.fixture
def cookieless(browser):
    """Start without cookies, from an address or through proxies; return the response."""

    def start(address=CLIENT, **headers):
        browser.client.cookies.clear()
        return browser.get("/auth/login/?next=/profile/", REMOTE_ADDR=address, **headers)

    return start


def test_the_start_after_the_last_allowed_one_gets_429_and_makes_no_row(cookieless, configure):
    configure(STARTS_PER_CLIENT=3)
    for _ in range(3):
        assert cookieless()["Location"].startswith("https://")
    response = cookieless()
    assert response.status_code == 429
    assert "<code>too_many_starts</code>" in response.content.decode()
    assert 0 < int(response["Retry-After"]) <= WINDOW
    assert not any("stateful_oauth" in name for name in response.cookies)
    assert FlowTransaction.objects.count() == 3
    assert "/profile/" in response.content.decode(), "The button starts with the same `next`."


@pytest.mark.slow
def test_ten_thousand_starts_of_one_client_make_a_bounded_number_of_rows(cookieless):
    for _ in range(10_000):
        cookieless()
    assert FlowTransaction.objects.count() == 600, "STARTS_PER_CLIENT is 600 by default."


def test_a_browser_that_keeps_its_cookie_is_not_counted(cookieless, browser, configure):
    configure(STARTS_PER_CLIENT=1)
    assert cookieless().status_code == 303
    for _ in range(5):
        assert browser.get("/auth/login/", REMOTE_ADDR=CLIENT)["Location"].startswith("https://")
    assert cookieless().status_code == 429


def test_the_client_starts_again_when_the_window_is_over(cookieless, configure, clock):
    configure(STARTS_PER_CLIENT=1)
    assert [cookieless().status_code for _ in range(2)] == [303, 429]
    clock.advance(WINDOW)
    assert cookieless().status_code == 303


def test_zero_switches_the_limit_off(cookieless, configure):
    configure(STARTS_PER_CLIENT=0)
    assert {cookieless().status_code for _ in range(20)} == {303}


def test_background_requests_count_for_nothing(cookieless, configure):
    configure(STARTS_PER_CLIENT=1)
    for _ in range(5):
        assert cookieless(HTTP_SEC_FETCH_MODE="cors", HTTP_SEC_FETCH_DEST="empty").status_code == 401
    assert cookieless().status_code == 303


def test_an_address_of_another_client_has_a_count_of_its_own(cookieless, configure):
    configure(STARTS_PER_CLIENT=1)
    assert [cookieless(each).status_code for each in (CLIENT, CLIENT, "93.184.215.15")] == [303, 429, 303]


def test_all_addresses_of_one_ipv6_network_are_one_client(cookieless, configure):
    configure(STARTS_PER_CLIENT=1)
    addresses = ("2606:4700:1:2::1", "2606:4700:1:2:ffff::9", "2606:4700:1:3::1")
    assert [cookieless(each).status_code for each in addresses] == [303, 429, 303]


def test_an_ipv4_address_written_as_ipv6_is_the_same_client(cookieless, configure):
    configure(STARTS_PER_CLIENT=1)
    assert [cookieless(each).status_code for each in (CLIENT, f"::ffff:{CLIENT}")] == [303, 429]


@pytest.mark.parametrize("proxy", ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "", "unix:"])
def test_visitors_behind_a_proxy_that_no_setting_names_are_not_one_client(
    cookieless, configure, caplog, proxy
):
    configure(STARTS_PER_CLIENT=1)
    with caplog.at_level(logging.WARNING, "stateful_oauth.browser"):
        statuses = {cookieless(proxy, HTTP_X_FORWARDED_FOR=CLIENT).status_code for _ in range(3)}
    assert statuses == {303}
    assert caplog.text.count("TRUSTED_PROXIES") == 1, "The log says it once, and what to set."


@pytest.mark.parametrize(
    ("proxies", "forwarded", "same_client"),
    [
        (1, [f"1.1.1.{n}, {CLIENT}" for n in range(2)], True),  # the client wrote the first entry
        (1, [f"{CLIENT}, 1.1.1.{n}" for n in range(2)], False),
        (2, [f"1.1.1.1, {CLIENT}, 10.0.0.{n}" for n in range(2)], True),
        (2, [f"1.1.1.{n}, 10.0.0.1" for n in range(2)], False),
        (1, [f"{CLIENT}:{4711 + n}" for n in range(2)], True),  # some proxies add the port
        (1, [f"[2606:4700:1:2::{n}]:4711" for n in range(1, 3)], True),
        (2, [f"1.1.1.{n}" for n in range(2)], True),  # fewer proxies than named: what connects counts
        (1, [f"nonsense {n}" for n in range(2)], True),
    ],
)
def test_the_client_is_what_the_outermost_trusted_proxy_saw(
    cookieless, configure, proxies, forwarded, same_client
):
    configure(STARTS_PER_CLIENT=1, TRUSTED_PROXIES=proxies)
    statuses = [cookieless("10.0.0.9", HTTP_X_FORWARDED_FOR=each).status_code for each in forwarded]
    assert statuses == [303, 429 if same_client else 303]


def test_a_cache_that_fails_refuses_no_user(cookieless, configure, monkeypatch, caplog):
    configure(STARTS_PER_CLIENT=1)

    def fails(*args, **kwargs):
        raise ConnectionError

    monkeypatch.setattr(type(cache._connections["default"]), "incr", fails)
    assert [cookieless().status_code for _ in range(3)] == [303, 303, 303]
    assert "ConnectionError" in caplog.text


def test_the_cache_holds_no_address(cookieless, configure, monkeypatch):
    configure(STARTS_PER_CLIENT=5)
    keys = []
    real = type(cache._connections["default"]).add
    monkeypatch.setattr(
        type(cache._connections["default"]),
        "add",
        lambda self, key, *args, **kwargs: keys.append(key) or real(self, key, *args, **kwargs),
    )
    cookieless()
    assert any("start_limit" in key for key in keys)
    assert not any(CLIENT in key for key in keys)


def test_a_user_can_sign_in_after_others_of_the_network_were_refused(cookieless, browser, configure):
    configure(STARTS_PER_CLIENT=1)
    cookieless()
    assert browser.sign_in(ADA)["Location"], "A browser that has a cookie goes on."

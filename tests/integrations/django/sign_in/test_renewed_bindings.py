"""The binding is renewed at sign-in and at sign-out, and other tabs go on working."""

from __future__ import annotations

import pytest

from stateful_oauth.django.browser.binding import binding_of
from stateful_oauth.storage.models import FlowTransaction
from tests.support.crashes import crash_at
from tests.support.error_pages import error_code, shown

pytestmark = [pytest.mark.database_in_ci, pytest.mark.security("S21")]

ADA, BOB = "ada@example.com", "bob@example.com"
OURS = "__Host-stateful_oauth"


def binding(browser):
    return binding_of(browser.client.cookies[OURS].value)


def with_cookie(browser, value):
    browser.client.cookies[OURS] = value
    return browser


def test_a_sign_in_renews_it_and_keeps_the_earlier_id(browser):
    callback = browser.authorize(browser.start(), ADA)
    before = binding(browser)
    browser.get(callback)
    assert binding(browser).browsers == (binding(browser).browser, before.browser)
    assert binding(browser).browser != before.browser


def test_what_starts_after_a_sign_in_is_unknown_to_who_knew_the_id_of_before(browser, another_browser):
    browser.start()
    known = browser.client.cookies[OURS].value
    browser.sign_in(ADA)
    callback = browser.authorize(browser.start(), ADA)
    assert error_code(with_cookie(another_browser(), known).get(callback)) == "other_browser"


def test_who_plants_an_id_does_not_learn_its_successor_for_another_user(browser, another_browser):
    """The attacker has a genuine value of their own, and the victim's browser has it, too."""
    browser.start()
    planted = browser.client.cookies[OURS].value
    attacker, victim = with_cookie(another_browser(), planted), with_cookie(another_browser(), planted)
    attacker.sign_in(BOB)
    victim.sign_in(ADA)
    assert binding(victim).browser not in binding(attacker).browsers


def test_attempts_of_other_tabs_go_on_after_a_sign_in(browser):
    callbacks = [browser.authorize(browser.start(f"/tab/{number}/"), ADA) for number in range(10)]
    for number, callback in enumerate(callbacks):
        assert browser.get(callback)["Location"] == f"/tab/{number}/"


def test_every_delivery_of_one_callback_renews_to_the_same_id(browser, another_browser):
    callback = browser.authorize(browser.start(), ADA)
    before = browser.client.cookies[OURS].value
    deliveries = [with_cookie(another_browser(), before) for _ in range(3)]
    for each in deliveries:
        assert each.get(callback)["Location"] == "/profile/"
        assert each.user_id is not None
    assert len({binding(each).browser for each in deliveries}) == 1


def test_two_tabs_that_sign_in_at_once_renew_to_the_same_id(browser, another_browser):
    callbacks = [browser.authorize(browser.start(), ADA) for _ in range(2)]
    before = browser.client.cookies[OURS].value
    tabs = [with_cookie(another_browser(), before) for _ in callbacks]
    for tab, callback in zip(tabs, callbacks, strict=True):
        tab.get(callback)
    assert binding(tabs[0]).browser == binding(tabs[1]).browser


def test_the_cap_of_open_attempts_counts_those_under_an_earlier_id(browser, configure, clock):
    configure(OPEN_PER_BROWSER=2)
    first = browser.start()
    clock.advance(1)  # the oldest is closed, by the second
    browser.sign_in(ADA)
    browser.start()
    browser.start()
    browser.get(browser.authorize(first, ADA))
    assert FlowTransaction.objects.earliest("created_at").code == "superseded"


def test_it_holds_a_bounded_number_of_ids(browser):
    for _ in range(14):
        browser.sign_in(ADA)
    assert len(binding(browser).browsers) == 11
    assert len(browser.client.cookies[OURS].value) < 500


def test_a_refused_sign_in_renews_nothing(browser, django_user_model):
    browser.sign_in(ADA)
    django_user_model.objects.update(is_active=False)
    before = browser.client.cookies[OURS].value
    assert error_code(browser.sign_in(ADA)) == "account_inactive"
    assert binding(browser).browsers == binding_of(before).browsers


def test_signing_out_deletes_it_and_the_next_start_carries_nothing(browser):
    browser.sign_in(ADA)
    callback = browser.authorize(browser.start(), ADA)
    before = binding(browser)
    assert browser.post("/auth/logout/").cookies[OURS].value == ""
    browser.start()
    assert len(binding(browser).browsers) == 1
    assert binding(browser).browser not in before.browsers
    assert error_code(browser.get(callback)) == "other_browser"


def test_signing_out_unbinds_what_started_under_an_earlier_id(browser):
    callback = browser.authorize(browser.start(), ADA)
    browser.sign_in(ADA)
    kept = browser.client.cookies[OURS].value
    browser.post("/auth/logout/")
    assert error_code(with_cookie(browser, kept).get(callback)) == "other_browser"


def test_signing_out_withdraws_the_grace_of_a_sign_in_under_an_earlier_id(browser):
    callback = browser.authorize(browser.start(), ADA)
    browser.get(callback)
    kept = browser.client.cookies[OURS].value
    browser.post("/auth/logout/")
    assert error_code(with_cookie(browser, kept).get(callback)) == "already_completed"


@pytest.mark.parametrize(("seconds", "code"), [(4_500, "transaction_expired"), (4_501, "browser_unknown")])
def test_it_counts_as_long_as_an_attempt_lives_and_an_hour_more(browser, clock, seconds, code):
    callback = browser.authorize(browser.start(), ADA)
    assert browser.client.cookies[OURS]["max-age"] == 4_500
    clock.advance(seconds)
    assert shown(browser, browser.get(callback))[0] == code


def test_it_never_counts_longer_than_two_hours(browser, configure):
    configure(TRANSACTION_LIFETIME=3_600, LINKING="automatic")
    browser.start()
    assert browser.client.cookies[OURS]["max-age"] == 7_200


def test_a_start_makes_it_count_from_now(browser, clock):
    browser.start()
    before = binding(browser)
    clock.advance(4_000)
    callback = browser.authorize(browser.start(), ADA)
    clock.advance(599)
    assert binding(browser).browser == before.browser
    assert browser.get(callback)["Location"] == "/profile/"


def test_an_earlier_id_ends_by_its_own_age(browser, clock):
    browser.sign_in(ADA)
    clock.advance(4_000)
    browser.start()
    clock.advance(600)
    assert len(binding(browser).browsers) == 1


def test_the_progress_page_of_a_sign_in_that_was_finished_elsewhere_renews_it(browser, another_browser):
    callback = browser.authorize(browser.start(), ADA)
    before = browser.client.cookies[OURS].value
    with_cookie(another_browser(), before).get(callback)
    page = browser.get(f"/auth/progress/{FlowTransaction.objects.get().pk}/")
    assert browser.user_id is not None
    assert page.cookies[OURS].value.partition(".")[0] != before.partition(".")[0]


def test_it_counts_while_the_browser_watches_an_attempt_that_is_still_worked_on(browser, clock):
    with crash_at("effect.before", "exchange_code"):
        browser.get(browser.authorize(browser.start(), ADA))
    row = FlowTransaction.objects.get()
    FlowTransaction.objects.update(stuck_since=clock.now())
    for _ in range(4):
        clock.advance(4_000)
        assert browser.get(f"/auth/progress/{row.pk}/").status_code == 202
    assert bytes(row.browser) in binding(browser).browsers

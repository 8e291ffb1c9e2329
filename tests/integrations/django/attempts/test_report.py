"""What a report says about all attempts of a span of time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stateful_oauth.django.attempts.counting import count_hours
from stateful_oauth.django.sweeps.purging import purge
from stateful_oauth.storage.attempt_figures import OTHER, Durations, Figures, hour_of
from stateful_oauth.storage.models import FlowTransaction, HourOfAttempts
from tests.support.counting import counted as counted_statements

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]

ADA = "ada@example.com"


def steps(report):
    return {step.name: step.count for step in report.funnel}


@pytest.fixture
def attempts(browser, another_browser, clock):
    """Six attempts: two sign in, one declines, one brings a code that is refused, two never come back."""
    browser.sign_in(ADA)
    another_browser().sign_in(ADA)
    third = another_browser()
    third.get(str(third.visitor.decline(third.start())))
    fourth = another_browser()
    callback = fourth.authorize(fourth.start(), ADA)
    fourth.get(str(callback).replace(callback.fields["code"], "x" * 40))
    another_browser().start()
    another_browser().start()
    clock.advance(60)


def test_the_funnel_tells_what_became_of_those_who_started(attempts, report):
    found = report()
    assert steps(found) == {
        "started": 6,
        "came_back": 4,
        "signed_in": 2,
        "awaiting_callback": 2,
        "cancelled": 1,
        "failed": 1,
    }
    percents = {step.name: step.percent for step in found.funnel}
    assert (percents["started"], percents["signed_in"], percents["came_back"]) == (100.0, 33.3, 66.7)


def test_codes_come_with_what_to_do_about_them(attempts, report):
    found = {line.code: line for line in report().codes}
    assert {code: line.count for code, line in found.items()} == {"access_denied": 1, "code_rejected": 1}
    assert all(line.meaning and line.remedy for line in found.values())


def test_edges_are_counted_with_their_codes(attempts, report):
    edges = {(each.source, each.event, each.target): each for each in report().edges}
    assert edges["created", "start", "awaiting_callback"].count == 6
    assert edges["awaiting_callback", "callback", "exchanging_code"].count == 3
    declined = edges["awaiting_callback", "cancel", "cancelled"]
    assert (declined.count, declined.codes) == (1, (("access_denied", 1),))


def test_states_tell_how_many_are_there_now_and_how_long_attempts_stayed(browser, clock, report):
    location = browser.start()
    clock.advance(40)
    browser.get(browser.authorize(location, ADA))
    browser.start()
    (waiting,) = [line for line in report().states if line.state == "awaiting_callback"]
    assert waiting.now == 1
    assert waiting.p50 == pytest.approx(timedelta(seconds=40), rel=0.1)


def test_the_span_before_stands_beside_it(browser, another_browser, clock, report):
    browser.sign_in(ADA)
    clock.advance(4 * 3600)
    another_browser().sign_in(ADA)
    another_browser().start()
    clock.advance(1)
    (started, *_rest) = report(hours=3).funnel
    assert (started.name, started.count, started.before) == ("started", 2, 1)


def test_an_organization_that_was_asked_for_is_told_apart(browser, another_browser, configure, clock, report):
    configure(REQUEST_PARAMETERS=["organization", "connection"])
    browser.get("/auth/login/?organization=org_a1b2c3d4e5f6g7h8")
    another_browser().get("/auth/login/?connection=google-oauth2")
    clock.advance(1)
    assert steps(report(organization="org_a1b2c3d4e5f6g7h8"))["started"] == 1
    assert steps(report(connection="google-oauth2"))["started"] == 1
    assert {part.name for part in report().parts["connection"]} == {"", "google-oauth2"}


def test_a_visitor_who_invents_connections_makes_no_endless_list(browser, configure, clock):
    configure(REQUEST_PARAMETERS=["connection"], OPEN_PER_BROWSER=100)
    for number in range(60):
        browser.get(f"/auth/login/?connection=invented-{number}")
    clock.advance(3600)
    count_hours()
    figures = Figures.of(HourOfAttempts.objects.get(attempts=60))
    names = {edge.connection for edge in figures.edges}
    assert len(names) == 51
    assert OTHER in names, "Fifty are told apart, and the others are one."


class TestKeptFigures:
    def test_an_hour_that_is_over_is_counted_once_and_read_from_then_on(self, attempts, clock, report):
        clock.advance(3600)
        before = steps(report())
        assert count_hours() >= 1
        kept = HourOfAttempts.objects.get(attempts=6)
        assert (kept.still_open, kept.is_final) == (2, False)
        assert steps(report()) == before

    def test_an_hour_with_open_attempts_is_counted_again_until_none_is(self, browser, clock, report):
        location = browser.start()
        clock.advance(599)
        count_hours()
        browser.get(browser.authorize(location, ADA))
        clock.advance(3600)
        count_hours()
        assert steps(report())["signed_in"] == 1
        assert HourOfAttempts.objects.get(attempts=1).is_final
        assert count_hours() == 0, "Nothing can change any more."

    def test_figures_stay_when_the_attempts_are_purged(self, attempts, clock, report):
        clock.advance(3 * 3600)
        assert purge(timedelta(hours=2)) == 4
        assert FlowTransaction.objects.count() == 2
        count_hours()
        assert steps(report(hours=5))["started"] == 6
        assert steps(report(hours=5))["signed_in"] == 2

    def test_a_second_purge_of_the_same_hour_loses_no_figures(self, attempts, clock, report):
        clock.advance(3 * 3600)
        purge(timedelta(hours=2), states=["signed_in"])
        purge(timedelta(hours=2))
        assert steps(report(hours=5))["started"] == 6

    def test_kept_figures_hold_no_personal_data(self, attempts, clock):
        clock.advance(3600)
        count_hours()
        kept = str(list(HourOfAttempts.objects.values()))
        assert "ada" not in kept
        assert "@" not in kept


def test_a_page_counts_only_so_many_attempts_itself(attempts, clock, report, monkeypatch):
    monkeypatch.setattr("stateful_oauth.django.attempts.counting.MOST_COUNTED", 3)
    clock.advance(3600)
    assert report().uncounted > 0
    count_hours()
    found = report()
    assert steps(found)["started"] == 6


def test_an_old_hour_that_is_not_over_hides_no_new_attempts(
    attempts, another_browser, clock, report, monkeypatch
):
    """An attempt that waits for an operator keeps its hour open, and empty hours are never counted."""
    count_hours(before=clock.now() + timedelta(hours=1))
    monkeypatch.setattr("stateful_oauth.django.attempts.counting.MOST_COUNTED", 3)
    clock.advance(5 * 3600)
    another_browser().start()
    clock.advance(1)
    found = report(hours=10)
    assert steps(found)["started"] == 7
    assert found.uncounted == 0


def test_a_report_takes_the_same_statements_for_any_number_of_attempts(browser, another_browser, report):
    browser.sign_in(ADA)
    with counted_statements() as few:
        report(hours=24)
    for _ in range(5):
        another_browser().start()
    with counted_statements() as many:
        report(hours=24 * 30)
    assert few.statements == many.statements
    assert len(few.statements) == 5


def test_an_empty_site_has_an_empty_report(report):
    found = report()
    assert [(step.name, step.count, step.percent) for step in found.funnel] == [
        ("started", 0, None),
        ("came_back", 0, None),
        ("signed_in", 0, None),
    ]
    assert (found.codes, found.edges, found.median) == ((), (), None)


@pytest.mark.parametrize("seconds", [0.002, 0.05, 1, 3.7, 59, 600, 86_400])
def test_a_quantile_is_right_to_nine_percent(seconds):
    durations = Durations()
    durations.note(timedelta(seconds=seconds), 100)
    assert durations.quantile(0.5) == pytest.approx(timedelta(seconds=seconds), rel=0.1)


def test_quantiles_of_two_hours_are_those_of_all_their_attempts():
    first, second = Durations(), Durations()
    first.note(timedelta(seconds=1), 90)
    second.note(timedelta(seconds=100), 10)
    first.merge(second)
    assert first.quantile(0.5) == pytest.approx(timedelta(seconds=1), rel=0.1)
    assert first.quantile(0.95) == pytest.approx(timedelta(seconds=100), rel=0.1)
    assert Durations().quantile(0.5) is None


def test_an_hour_begins_with_the_hour_in_utc(clock):
    assert hour_of(clock.now()).utcoffset() == timedelta(0)
    assert (hour_of(clock.now()).minute, hour_of(clock.now()).microsecond) == (0, 0)

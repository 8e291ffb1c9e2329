"""Thirty-two deliveries of one callback: one token request, thirty-two good answers."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.outcomes import Rejected
from stateful_oauth.storage.models import Identity
from tests.support import rows
from tests.support.attempts import Attempt
from tests.support.callers import Person
from tests.support.deliveries import answer_of, copies, deliver_at_once, one_winner
from tests.support.lockstep import DELIVERIES, LockstepStore
from tests.support.together import together

pytestmark = [pytest.mark.security("S5"), pytest.mark.database]

ADA = "ada@example.com"
ROUNDS = 3


@pytest.mark.security("B11")
@pytest.mark.parametrize("before", ["nobody", "the same user", "another user"])
def test_parallel_deliveries_through_the_views_have_one_winner(tenant, browser, before):
    """In one browser: nobody signed in yet, or somebody, whose session the sign-in replaces."""
    if before != "nobody":
        browser.sign_in(ADA if before == "the same user" else "bob@example.com")
        assert browser.user_id
        browser.visitor.close_browser()
        tenant.requests.clear()
    callback = browser.authorize(browser.start("/profile/"), ADA)
    tabs = copies(browser, tenant, DELIVERIES)
    responses = together([lambda tab=tab: answer_of(tab, callback) for tab in tabs])

    row = rows.FlowTransaction.objects.order_by("pk").last()
    text = rows.show(row.pk)
    assert row.state == "signed_in", text
    assert tenant.requests["/oauth/token"] == 1, f"{tenant.requests['/oauth/token']} token requests:\n{text}"
    answers = {(response.status_code, response["Location"]) for response in responses}
    assert answers == {(303, "/profile/")}, f"Some deliveries were sent elsewhere: {answers}\n{text}"
    users = {tab.user_id for tab in tabs}
    assert users == {str(row.user_id)}, (
        f"A browser follows the last answer, so each must sign in: {users}\n{text}"
    )
    people = 1 if before != "another user" else 2
    assert (Identity.objects.count(), get_user_model().objects.count()) == (people, people)
    rows.check_rows()
    assert Session.objects.count() <= DELIVERIES


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_parallel_deliveries_through_the_engine_have_one_winner(tenant, round_):
    person_per_delivery = [Person() for _ in range(DELIVERIES)]
    attempt = Attempt(tenant).authorize()
    outcomes = deliver_at_once(wiring.engine(), attempt, person_per_delivery)
    one_winner(tenant, attempt, person_per_delivery, outcomes)


def test_through_the_engine_when_all_have_read_the_row_before_one_may_write(tenant, engine_on):
    """The race itself, made certain: thirty-two workers hold the same version in their hands."""
    people = [Person() for _ in range(DELIVERIES)]
    attempt = Attempt(tenant).authorize()
    outcomes = deliver_at_once(engine_on(LockstepStore(DELIVERIES)), attempt, people)
    one_winner(tenant, attempt, people, outcomes)


def test_when_the_winner_is_slow_everybody_waits_for_it(tenant, engine_on, clock):
    """The winner holds the row until the last of the others waits for it."""
    import threading

    from tests.support.crashes import at

    people = [Person() for _ in range(DELIVERIES)]
    attempt = Attempt(tenant).authorize()
    waiting: set[int] = set()
    all_wait = threading.Event()
    sleep = clock.sleep

    def counted(seconds):
        waiting.add(threading.get_ident())
        if len(waiting) == DELIVERIES - 1:
            all_wait.set()
        sleep(seconds)

    clock.sleep = counted
    with at("effect.after", "exchange_code", lambda: all_wait.wait(20)):
        outcomes = deliver_at_once(engine_on(LockstepStore(DELIVERIES)), attempt, people)
    assert len(waiting) == DELIVERIES - 1, "Somebody did not wait."
    one_winner(tenant, attempt, people, outcomes)


def test_a_foreign_browser_in_the_crowd_changes_nothing(tenant, engine_on):
    """Half of the deliveries come from an attacker who has the callback's URL."""
    attempt = Attempt(tenant).authorize()
    owners = [Person() for _ in range(8)]
    thieves = [Person("eve's laptop") for _ in range(8)]
    outcomes = deliver_at_once(engine_on(LockstepStore(16)), attempt, [*owners, *thieves])
    one_winner(tenant, attempt, owners, outcomes[:8])
    for outcome, thief in zip(outcomes[8:], thieves, strict=True):
        assert isinstance(outcome, Rejected)
        assert outcome.code == "other_browser"
        assert not thief.told

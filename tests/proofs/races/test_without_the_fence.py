"""Negative controls: the same race on a store that lost its fence must fail, or the test proves nothing."""

from __future__ import annotations

import pytest

from stateful_oauth.django.browser.seen_codes import SiteCodeMemory
from tests.support.attempts import Attempt
from tests.support.callers import Person
from tests.support.deliveries import deliver_at_once, one_winner
from tests.support.lockstep import LockstepStore, UnfencedStore

pytestmark = pytest.mark.database

WORKERS = 8


def race(tenant, engine) -> None:
    people = [Person() for _ in range(WORKERS)]
    attempt = Attempt(tenant).authorize()
    outcomes = deliver_at_once(engine, attempt, people)
    one_winner(tenant, attempt, people, outcomes)


def test_the_race_passes_with_the_fence(tenant, engine_on):
    race(tenant, engine_on(LockstepStore(WORKERS)))


def test_without_the_fence_and_without_unique_log_numbers_a_code_is_sent_more_than_once(
    tenant, engine_on, monkeypatch
):
    # The site's memory of codes is another line of defence: a cache that is not there takes it away.
    monkeypatch.setattr(SiteCodeMemory, "may_send", lambda self, code: True)
    with pytest.raises(AssertionError, match="token requests for one code"):
        race(tenant, engine_on(UnfencedStore(WORKERS, log_too=True)))
    assert tenant.requests["/oauth/token"] > 1


def test_without_the_fence_the_log_still_keeps_the_code_from_being_sent_twice_but_the_race_is_seen(
    tenant, engine_on
):
    """The second line of defence: no two transitions have one number. It is an error, and no good answer."""
    with pytest.raises(ExceptionGroup, match="threads failed"):
        race(tenant, engine_on(UnfencedStore(WORKERS, log_too=False)))
    assert tenant.requests["/oauth/token"] <= 1

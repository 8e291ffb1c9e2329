"""Starting a sign-in, and how many a browser may have open."""

from __future__ import annotations

import uuid

import pytest
from django.conf import settings
from django.test import override_settings

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.engine import Engine, EnginePolicy
from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.flows.engine.outcomes import Expired, Failed, InProgress, RedirectTo
from stateful_oauth.flows.oauth.outcomes import SignedIn
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from tests.support import rows
from tests.support.attempts import INPUTS, Attempt
from tests.support.callers import Person
from tests.support.engines import engine_with

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def engine_whose(**policy) -> Engine:
    return engine_with(policy=EnginePolicy(**policy))


def states(kind: str = "login") -> list[str]:
    return list(FlowTransaction.objects.filter(kind=kind).order_by("pk").values_list("state", flat=True))


def test_a_start_is_one_row_and_one_line(tenant):
    attempt = Attempt(tenant)
    assert isinstance(attempt.outcome, RedirectTo)
    assert (FlowTransaction.objects.count(), TransitionRecord.objects.count()) == (1, 1)
    row = rows.the_row(attempt.id)
    assert (row.state, row.version) == ("awaiting_callback", 1)
    assert row.inputs["next"] == "/profile/"
    assert rows.steps() == [("created", "start", "awaiting_callback")]


def test_two_tabs_share_no_state_nonce_or_challenge(tenant):
    first, second = Attempt(tenant), Attempt(tenant)
    from urllib.parse import parse_qs, urlsplit

    one, other = (parse_qs(urlsplit(a.outcome.url).query) for a in (first, second))
    for name in ("state", "nonce", "code_challenge"):
        assert one[name] != other[name], f"Two tabs have the same {name}."
    assert isinstance(second.authorize().deliver(), SignedIn)
    assert isinstance(first.authorize().deliver(), SignedIn), "One tab's end ended the other."


@pytest.mark.parametrize("par", [False, True], ids=["plain", "pushed"])
def test_a_provider_that_cannot_be_reached_makes_a_failed_row_and_keeps_no_secrets(tenant, par):
    tenant.settings.par = par
    with override_settings(STATEFUL_OAUTH={**settings.STATEFUL_OAUTH, "PUSHED_AUTHORIZATION_REQUESTS": par}):
        tenant.faults.add("*", "lost_request")
        outcome = Attempt(tenant).outcome
    assert isinstance(outcome, Failed)
    assert outcome.code == "provider_unreachable"
    row = rows.the_row()
    assert (row.state, row.secrets, row.code) == ("failed", None, "provider_unreachable")
    rows.check_rows()


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"parameters": {"state": "mine"}}, "parameter_reserved"),
        ({"scope": "profile"}, "scope_invalid"),
        ({"parameters": {"max_age": "soon"}}, "input_invalid"),
    ],
)
def test_inputs_that_a_flow_must_not_have_make_no_row(tenant, inputs, code):
    with pytest.raises(InvalidInput) as caught:
        wiring.engine().start("login", {**INPUTS, **inputs}, Person())
    assert caught.value.code == code
    assert not FlowTransaction.objects.exists()


def test_the_oldest_attempts_of_a_browser_make_room_for_a_new_one(tenant, clock):
    engine = engine_whose(open_per_browser=3)
    attempts = []
    for _ in range(5):
        attempts.append(Attempt(tenant, engine=engine))
        clock.advance(1)
    assert states() == ["expired", "expired", "awaiting_callback", "awaiting_callback", "awaiting_callback"]
    assert rows.the_row(attempts[0].id).code == "superseded"
    # The late callback of a closed tab is told so, and signs nobody in.
    late = attempts[0].authorize().deliver()
    assert isinstance(late, Expired)
    assert late.code == "superseded"
    assert isinstance(attempts[4].authorize().deliver(), SignedIn)
    rows.check_rows()


def test_another_browser_and_an_attempt_at_work_are_left_alone(tenant, clock):
    from tests.support.crashes import crash_at

    engine = engine_whose(open_per_browser=1)
    other = Attempt(tenant, Person("bob's phone"), engine)
    working = Attempt(tenant, engine=engine).authorize()
    with crash_at("effect.before", "exchange_code"):
        working.deliver()
    Attempt(tenant, engine=engine)
    assert rows.the_row(other.id).state == "awaiting_callback"
    assert rows.the_row(working.id).state == "exchanging_code"


def test_a_new_browser_costs_no_look_at_its_open_attempts(tenant, django_assert_num_queries):
    Attempt(tenant)
    with django_assert_num_queries(4):  # BEGIN, two INSERTs, COMMIT
        Attempt(tenant, Person("new", is_new_browser=True))


def test_a_browser_whose_open_attempt_nobody_can_open_any_more_can_start_again(tenant):
    """After a key was taken out of the ring, everybody's cookie names rows that are sealed for good."""
    Attempt(tenant)
    with override_settings(SECRET_KEY="another key, and no fallback"):
        engine = engine_whose(open_per_browser=1)
        again = Attempt(tenant, engine=engine)
        assert isinstance(again.outcome, RedirectTo)
        assert isinstance(again.authorize().deliver(), SignedIn)


def test_following_an_attempt_tells_the_browser_where_to_go(tenant):
    attempt = Attempt(tenant)
    followed = wiring.engine().follow(attempt.id, attempt.person)
    assert isinstance(followed, RedirectTo)
    assert followed.url == attempt.outcome.url


def test_following_is_for_the_browser_that_started_it(tenant):
    attempt = Attempt(tenant)
    unknown = wiring.engine().follow(uuid.uuid4(), Person(None))
    for person in (Person("eve's"), Person(None)):
        assert wiring.engine().follow(attempt.id, person) == unknown


def test_following_brings_on_what_a_dead_worker_left(tenant, clock):
    from tests.support.crashes import crash_at

    attempt = Attempt(tenant).authorize()
    with crash_at("effect.before", "exchange_code"):
        attempt.deliver()
    assert isinstance(wiring.engine().follow(attempt.id, attempt.person), InProgress)
    clock.advance(31)
    assert wiring.engine().follow(attempt.id, attempt.person).code == "code_exchange_lost"

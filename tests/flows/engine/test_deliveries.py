"""Callbacks that come twice, late, from elsewhere, or for something else."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import override_settings

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.outcomes import (
    Abandoned,
    Cancelled,
    Expired,
    Failed,
    InProgress,
    Mismatched,
    Rejected,
)
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
from stateful_oauth.flows.oauth.outcomes import SignedIn
from stateful_oauth.storage.models import Grant, Identity
from stateful_oauth.storage.store import REJECTIONS_KEPT, DjangoTransactionStore
from tests.support import rows
from tests.support.attempts import Attempt
from tests.support.callers import Operator, Person
from tests.support.crashes import at, crash_at
from tests.support.engines import engine_with

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db]


@pytest.fixture
def attempt(tenant) -> Attempt:
    return Attempt(tenant).authorize()


# The same callback again.


@pytest.mark.security("S5")
def test_a_second_delivery_gets_the_first_ones_outcome_and_asks_nothing_of_the_provider(attempt, tenant):
    first, second = attempt.deliver(), attempt.deliver()
    assert isinstance(first, SignedIn)
    assert isinstance(second, SignedIn)
    assert (first.replayed, second.replayed) == (False, True)
    assert (second.user_id, second.next_url, second.session) == (first.user_id, first.next_url, first.session)
    assert attempt.person.told == [first]
    assert tenant.requests["/oauth/token"] == 1
    assert rows.rejections(attempt.id) == [("callback", "already_completed")]


@pytest.mark.security("S6")
@pytest.mark.parametrize("end", ["cancelled", "mismatched", "failed", "expired", "abandoned"])
def test_every_end_is_replayed_as_it_was(tenant, clock, end):
    attempt = Attempt(tenant)
    if end == "cancelled":
        attempt.decline()
    else:
        attempt.authorize()
    if end == "mismatched":
        tenant.id_token_hook = lambda claims, header: claims.update(nonce="x")
    elif end == "failed":
        tenant.faults.add("/oauth/token", "server_error")
    elif end == "expired":
        clock.advance(600)
    elif end == "abandoned":
        wiring.engine().dispatch(attempt.id, Event("abandon", code="abandoned"), Operator(), kind="login")
    first, second = attempt.deliver(), attempt.deliver()
    assert rows.the_row(attempt.id).state == end
    assert type(first) is type(second)
    assert (first.code, second.code, second.replayed) == (first.code, first.code, True)
    assert not isinstance(second, SignedIn)
    assert attempt.person.told == ([] if end == "abandoned" else [first])


def test_a_delivery_during_the_exchange_waits_for_the_winner_up_to_the_policys_patience(attempt, clock):
    late: list[object] = []

    def second_delivery():
        before = clock.now()
        late.append(attempt.deliver())
        late.append((clock.now() - before).total_seconds())

    with at("effect.after", "exchange_code", second_delivery):
        assert isinstance(attempt.deliver(), SignedIn)
    assert isinstance(late[0], InProgress)
    assert late[0].replayed
    assert late[1] == pytest.approx(3.0, abs=0.1), (
        "It gave up earlier, or waited longer, than the policy says."
    )
    assert rows.rejections(attempt.id) == [("callback", "in_progress")]


@pytest.mark.security("S5")
def test_a_delivery_that_waits_gets_the_winners_outcome(tenant, clock, monkeypatch):
    """The winner settles while the other one sleeps."""
    attempt = Attempt(tenant).authorize()
    with crash_at("effect.before", "exchange_code"):
        attempt.deliver()
    row = rows.the_row(attempt.id)

    class Meanwhile(type(clock)):
        def sleep(self, seconds):
            super().sleep(60)
            wiring.engine().recover(row.pk, SystemCaller())

    monkeypatch.setattr(wiring, "clock", Meanwhile(clock.now()))
    outcome = attempt.deliver()
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.replayed) == ("code_exchange_lost", True)


# Late.


@pytest.mark.security("S6", "B7")
@pytest.mark.parametrize(("seconds", "outcome"), [(599, SignedIn), (600, Expired), (86400, Expired)])
def test_the_deadline_is_looked_at_when_the_callback_comes(attempt, clock, tenant, seconds, outcome):
    clock.advance(seconds - (clock.now() - rows.the_row(attempt.id).changed_at).total_seconds())
    assert isinstance(attempt.deliver(), outcome)
    assert tenant.requests["/oauth/token"] == int(outcome is SignedIn)


def test_the_sweep_closes_what_nobody_came_back_for(attempt, clock):
    sweep = SystemCaller()
    clock.advance(599)
    wiring.engine().recover(attempt.id, sweep)
    assert rows.the_row(attempt.id).state == "awaiting_callback"
    clock.advance(1)
    assert isinstance(wiring.engine().recover(attempt.id, sweep), Expired)
    assert isinstance(attempt.deliver(), Expired)


def test_the_lifetime_is_the_projects(tenant, clock):
    with override_settings(STATEFUL_OAUTH={**settings.STATEFUL_OAUTH, "TRANSACTION_LIFETIME": 60}):
        attempt = Attempt(tenant).authorize()
        clock.advance(60)
        assert isinstance(attempt.deliver(), Expired)


# From elsewhere, or for something else: recorded, refused, and nothing is destroyed.

STRANGERS = {
    "another browser": ({"person": Person("eve's laptop")}, "other_browser"),
    "no cookie": ({"person": Person(None)}, "browser_unknown"),
    "another flow's address": ({"kind": "connect_account"}, "wrong_flow"),
    "another tenant's address": ({"tenant": "partners"}, "wrong_flow"),
}


@pytest.mark.security("S1", "B5")
@pytest.mark.parametrize(("how", "code"), STRANGERS.values(), ids=STRANGERS)
def test_a_strangers_callback_is_recorded_and_the_right_browser_still_finishes(attempt, tenant, how, code):
    refused = attempt.deliver(**how)
    assert isinstance(refused, Rejected)
    assert refused.code == code
    assert tenant.requests["/oauth/token"] == 0
    assert rows.rejections(attempt.id) == [("callback", code)]
    assert isinstance(attempt.deliver(), SignedIn)
    rows.check_rows()


@pytest.mark.security("S1")
@pytest.mark.parametrize(("how", "code"), STRANGERS.values(), ids=STRANGERS)
def test_a_stranger_does_not_get_the_outcome_of_a_finished_attempt_either(attempt, how, code):
    attempt.deliver()
    refused = attempt.deliver(**how)
    assert isinstance(refused, Rejected)
    assert refused.code == code


@pytest.mark.security("S1", "B5")
def test_a_row_is_found_only_with_the_state_that_belongs_to_it(attempt, tenant):
    other = Attempt(tenant).authorize()
    assert other.response is not None
    event = Event("callback", other.response)
    for id_, state in (
        (attempt.id, other.response.state),
        (attempt.id, Secret("forged")),
        (uuid4(), other.response.state),
    ):
        outcome = wiring.engine().dispatch(id_, event, attempt.person, kind="login", state=state)
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.transaction_id) == ("transaction_unknown", None)
    assert rows.rejections(attempt.id) == []


def test_rejections_are_kept_up_to_a_cap_and_the_attempt_survives_them_all(attempt):
    eve = Person("eve's laptop")
    for _ in range(REJECTIONS_KEPT + 15):
        assert attempt.deliver(eve).code == "other_browser"
    assert len(rows.rejections(attempt.id)) == REJECTIONS_KEPT
    assert isinstance(attempt.deliver(), SignedIn)
    rows.check_rows()


@pytest.mark.security("S2")
def test_two_attempts_of_one_person_do_not_mix_up_their_codes(tenant):
    """The code of one tab at the state of another: PKCE and nonce make the exchange fail."""
    one, other = Attempt(tenant).authorize(), Attempt(tenant).authorize()
    assert one.response is not None
    one.response = AuthorizationResponse(state=one.response.state, code=Secret(other.code))
    assert isinstance(one.deliver(), Failed)
    assert not Identity.objects.exists()


# What the provider answered.


@pytest.mark.security("S4")
def test_an_error_with_a_wrong_issuer_is_no_cancellation(attempt):
    """The issuer is looked at before anything else in the answer is believed."""
    assert attempt.response is not None
    attempt.response = AuthorizationResponse(
        state=attempt.response.state, error="access_denied", issuer="https://evil.example/"
    )
    outcome = attempt.deliver()
    assert isinstance(outcome, Mismatched)
    assert outcome.code == "issuer_mismatch"


@pytest.mark.security("S4")
def test_a_provider_that_announces_its_issuer_has_to_send_it(tenant):
    tenant.settings.iss_on_callback = True
    attempt = Attempt(tenant).authorize()
    assert attempt.response is not None
    assert attempt.response.issuer == tenant.issuer
    attempt.response = AuthorizationResponse(state=attempt.response.state, code=attempt.response.code)
    assert attempt.deliver().code == "issuer_missing"


@pytest.mark.security("B4")
def test_a_declined_sign_in_ends_as_cancelled(tenant):
    outcome = Attempt(tenant).decline().deliver()
    assert isinstance(outcome, Cancelled)
    assert outcome.code == "access_denied"


def test_who_asks_for_a_subject_gets_that_one_and_no_other(tenant):
    outcome = Attempt(tenant, subject="auth0|another").authorize().deliver()
    assert isinstance(outcome, Mismatched)
    assert outcome.code == "subject_mismatch"
    assert not Identity.objects.exists()

    subject = next(iter(tenant.people.users))
    assert isinstance(Attempt(tenant, subject=subject).authorize().deliver(), SignedIn)


# The exchange.

LOST = {
    "the answer is lost": ("lost_answer", 1, "code_exchange_lost"),
    "it is too slow": ("slow", 1, "code_exchange_lost"),
    "the request is lost": ("lost_request", 0, "code_exchange_lost"),
    "it is cut off": ("truncated", 1, "code_exchange_lost"),
    "it is no JSON": ("malformed", 1, "provider_answer_invalid"),
    "a gateway answers": ("html", 0, "provider_answer_invalid"),
    "it is too long": ("huge", 1, "provider_answer_invalid"),
    "it leads elsewhere": ("redirect", 0, "provider_answer_invalid"),
}


@pytest.mark.security("S5")
@pytest.mark.parametrize(("fault", "exchanged", "code"), LOST.values(), ids=LOST)
def test_a_code_is_sent_once_whatever_comes_back(attempt, tenant, clock, fault, exchanged, code):
    tenant.faults.add("/oauth/token", fault, times=None)
    outcome = attempt.deliver()
    assert isinstance(outcome, Failed)
    assert outcome.code in (code, "provider_unreachable"), outcome.code
    for _ in range(3):
        clock.advance(3600)
        attempt.deliver()
        wiring.engine().recover(attempt.id, SystemCaller())
    sent = tenant.requests["/oauth/token"] + (fault == "lost_request")
    assert sent == 1, "A code was sent twice, which revokes what it bought (RFC 6749 §4.1.2)."
    assert tenant.ledger.count("code_exchanged", code=attempt.code) == exchanged
    assert not Identity.objects.exists()


def test_a_fresh_sign_in_works_after_a_lost_one(attempt, tenant):
    tenant.faults.add("/oauth/token", "lost_answer")
    assert isinstance(attempt.deliver(), Failed)
    assert isinstance(Attempt(tenant).authorize().deliver(), SignedIn)


@pytest.mark.security("S5")
def test_a_dead_worker_does_not_send_the_code_again(attempt, tenant, clock):
    with crash_at("effect.after", "exchange_code"):
        attempt.deliver()
    clock.advance(29)
    assert isinstance(attempt.deliver(), InProgress), "The lease of thirty seconds is not over."
    clock.advance(30)
    outcome = attempt.deliver()
    assert isinstance(outcome, Failed)
    assert outcome.code == "code_exchange_lost"
    assert tenant.requests["/oauth/token"] == 1


# Late results.


@pytest.mark.security("S20")
@pytest.mark.parametrize("when", ["effect.before", "effect.after"])
def test_a_result_that_comes_after_an_operator_gave_up_signs_nobody_in(
    attempt, tenant, when, django_user_model
):
    def abandon():
        outcome = wiring.engine().dispatch(
            attempt.id, Event("abandon", code="abandoned"), Operator(), kind="login"
        )
        assert isinstance(outcome, Abandoned)

    with at(when, "exchange_code", abandon):
        outcome = attempt.deliver()
    assert isinstance(outcome, Abandoned)
    assert attempt.person.told == []
    assert not django_user_model.objects.exists(), "What a dropped result had found out was written."
    assert not Identity.objects.exists()
    assert rows.the_row(attempt.id).state == "abandoned"
    rows.check_rows()


def test_the_browser_of_a_dropped_result_gets_no_session(tenant, browser):
    callback = browser.authorize(browser.start("/profile/"), "ada@example.com")

    def abandon():
        wiring.engine().dispatch(
            rows.the_row().pk, Event("abandon", code="abandoned"), Operator(), kind="login"
        )

    with at("effect.after", "exchange_code", abandon):
        response = browser.get(callback)
    assert (response.status_code, browser.user_id) == (303, None)
    assert "/error/abandoned/" in response["Location"]


# What a sign-in leaves.


def test_a_refresh_token_is_kept_when_it_was_asked_for_and_only_then(tenant):
    Attempt(tenant).authorize().deliver()
    assert not Grant.objects.exists()
    with_grant = Attempt(tenant, scope="openid offline_access").authorize().deliver()
    assert isinstance(with_grant, SignedIn)
    assert str(Grant.objects.get().pk) == with_grant.session["grant"]


def test_a_refresh_token_that_nobody_asked_for_is_not_kept(attempt, tenant):
    tenant.token_reply_hook = lambda body: body.update(refresh_token="unasked-for")
    outcome = attempt.deliver()
    assert isinstance(outcome, SignedIn)
    assert "grant" not in outcome.session
    assert not Grant.objects.exists()


def test_a_claim_that_is_always_overtaken_is_given_up_and_moves_nothing(tenant, clock):
    """Each lost claim means that somebody else made progress; five in a row are answered with a code."""

    class AlwaysSecond(DjangoTransactionStore):
        tries = 0

        def save(self, *args, **kwargs):
            self.tries += 1
            return False

    store = AlwaysSecond()
    engine = engine_with(store=store)
    attempt = Attempt(tenant, engine=engine).authorize()
    outcome = attempt.deliver()
    assert isinstance(outcome, Rejected)
    assert (outcome.code, store.tries) == ("fence_lost", 5)
    assert tenant.requests["/oauth/token"] == 0
    assert attempt.person.told == []
    attempt.engine = wiring.engine()
    assert isinstance(attempt.deliver(), SignedIn)


def test_the_state_parameter_finds_its_row(attempt):
    from stateful_oauth.flows.engine.identifiers import transaction_id_of

    state = parse_qs(urlsplit(attempt.outcome.url).query)["state"][0]
    assert transaction_id_of(state) == attempt.id

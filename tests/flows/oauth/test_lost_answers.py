"""A refresh token whose answer never came: with rotation it may be spent, and is never sent again."""

from __future__ import annotations

import pytest
from django.db import connection

from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.flows.engine.errors import AnswerLost, RateLimited, ServiceRefused
from stateful_oauth.flows.oauth.errors import ProviderUnreachable
from stateful_oauth.storage.grants import DjangoGrantStore, end_grant
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.storage.rows import secrets_of
from tests.support.crashes import at, crash_at

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db]

CLAIM = 10 + 20  # seconds: the call's time limit and the margin
both = pytest.mark.parametrize("rotation", [True, False], ids=["rotation", "no rotation"])
LOST = ["lost_answer", "lost_request", "server_error", "html", "malformed", "truncated"]


def refused(grant) -> str:
    with pytest.raises(ServiceRefused) as caught:
        grant.token()
    code: str = caught.value.code
    return code


@pytest.mark.security("S15")
@pytest.mark.parametrize("fault", LOST)
def test_with_rotation_the_grant_is_over(granted, fault):
    """RFC 9700 §4.14: sending a spent one again makes the provider revoke the whole family."""
    grant = granted(rotation=True)
    grant.tenant.faults.add("/oauth/token", fault)
    assert refused(grant) == "refresh_lost"
    assert grant.end == ("refresh_lost", True)
    assert refused(grant) == "grant_dead"
    arrived = 0 if fault == "lost_request" else 1
    assert grant.sent == arrived, "A refresh token that may be spent was sent again."
    assert grant.tenant.ledger.count("refresh_reused") == 0


@pytest.mark.parametrize("fault", LOST)
def test_without_rotation_it_is_sent_again_by_whoever_asks_next(granted, fault):
    grant = granted(rotation=False)
    grant.tenant.faults.add("/oauth/token", fault)
    with pytest.raises(AnswerLost):
        grant.token()
    assert (grant.row.claimed_until, grant.row.ended_at) == (None, None)
    assert grant.token()


@both
@pytest.mark.parametrize(
    ("fault", "error"), [("unreachable", ProviderUnreachable), ("rate_limit", RateLimited)]
)
def test_what_was_never_taken_spends_nothing(granted, rotation, fault, error):
    grant = granted(rotation=rotation)
    grant.tenant.faults.add("/oauth/token", fault)
    with pytest.raises(error):
        grant.token()
    assert (grant.row.claimed_until, grant.row.ended_at) == (None, None)
    assert grant.token()
    assert grant.tenant.ledger.count("refresh_reused") == 0


# A process that ends in the middle.


@both
@pytest.mark.parametrize("place", ["refresh.claimed", "refresh.answered"])
def test_a_worker_that_died_with_the_refresh_token(granted, clock, rotation, place):
    grant = granted(rotation=rotation)
    with crash_at(place, "refresh"):
        grant.token()
    sent = grant.sent
    assert sent == (0 if place == "refresh.claimed" else 1)
    assert refused(grant) == "grant_in_use", "Until the claim ends it may still be at work."
    clock.advance(CLAIM)
    if rotation:
        assert refused(grant) == "refresh_lost", "Nobody can tell whether it was spent."
        assert grant.end == ("refresh_lost", True)
        assert grant.sent == sent
    else:
        assert grant.token()
        assert grant.sent == sent + 1
    assert grant.tenant.ledger.count("refresh_reused") == 0


@both
def test_a_worker_that_died_after_it_had_kept_the_answer(granted, rotation):
    grant = granted(rotation=rotation)
    with crash_at("refresh.settled", "refresh"):
        grant.token()
    assert grant.token()
    assert grant.sent == 1
    assert grant.row.claimed_until is None


@pytest.mark.security("S15")
@both
def test_who_waits_gets_what_the_other_brought(granted, clock, rotation):
    """It looks again every moment, and asks nobody."""
    grant = granted(rotation=rotation)
    other = []
    first = True

    def ask_meanwhile():
        nonlocal first
        if first:
            first = False
            with pytest.raises(ServiceRefused) as caught:
                grant.token()
            other.append(caught.value.code)

    with at("refresh.claimed", "refresh", ask_meanwhile):
        assert grant.token()
    assert other == ["grant_in_use"]
    assert clock.slept == pytest.approx(3, abs=0.1), "The patience of DUPLICATE_PATIENCE."
    assert grant.sent == 1


# Who is late.


@both
def test_a_sign_out_while_it_is_refreshed_wins(granted, clock, rotation):
    grant = granted(rotation=rotation)
    with at("refresh.answered", "refresh", lambda: end_grant(grant.id, now=clock.now())):
        assert grant.token(), "Whoever asked has a token that lasts, and nothing to come back with."
    assert grant.end == ("", True)


def test_a_worker_that_comes_back_after_its_claim_changes_nothing(granted, clock):
    grant = granted(rotation=False)

    def take_over():
        clock.advance(CLAIM)
        taken.append(grant.token())

    taken: list[object] = []
    with at("refresh.answered", "refresh", take_over):
        grant.token()
    assert grant.token() == taken[0], "The late one overwrote what the other had kept."


def test_a_sign_out_is_not_overtaken_by_a_rotation(granted, clock):
    """The refresh token changes between the look at it and its end: it ends all the same, and is revoked."""
    grant = granted(rotation=True)
    store = DjangoGrantStore()
    raced = []

    def rotate_first(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and "stateful_oauth_grant" in sql and not raced:
            raced.append("")
            grant.token()
            raced.append(store.load(grant.id).refresh_token.reveal())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(rotate_first):
        end_grant(grant.id, now=clock.now())
    assert raced
    assert grant.end == ("", True)
    revoking = FlowTransaction.objects.get(kind="end_grant")
    revoked = secrets_of(revoking)["refresh_token"].reveal()
    assert revoked == raced[-1], "The spent one may say nothing to the provider."
    assert store.load(grant.id) is None
    recover_due()
    assert grant.tenant.ledger.count("refresh_revoked") == 1
    assert grant.tenant.ledger.count("refresh_reused") == 0

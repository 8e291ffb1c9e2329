"""Two who want different things of one row: one wins, and everything that follows agrees with it."""

from __future__ import annotations

import pytest

from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.outcomes import Abandoned, Expired, Failed, Rejected
from stateful_oauth.flows.oauth.outcomes import SignedIn
from stateful_oauth.storage.models import Identity
from stateful_oauth.storage.store import DjangoTransactionStore
from tests.support import rows
from tests.support.attempts import Attempt
from tests.support.callers import Operator, Person
from tests.support.crashes import crash_at
from tests.support.lockstep import LockstepStore
from tests.support.together import together

pytestmark = pytest.mark.database

ROUNDS = 10


def test_an_operator_abandons_while_the_callback_comes(tenant, engine_on):
    """Both have read the waiting row: either the browser claims it, or it is abandoned under it."""
    ends = set()
    for _ in range(ROUNDS):
        attempt, person = Attempt(tenant).authorize(), Person()
        engine = engine_on(LockstepStore(2))
        signed_in, abandoned = together(
            [
                lambda attempt=attempt, engine=engine, person=person: deliver(engine, attempt, person),
                lambda attempt=attempt, engine=engine: abandon(engine, attempt),
            ]
        )
        ends.add(agree(attempt, person, signed_in, abandoned))
    assert ends <= {"signed_in", "abandoned"}


def test_an_operator_abandons_while_the_answer_is_settled(tenant, engine_on):
    """The answer is there, and the operator clicks: they meet at the settle transaction."""
    from threading import Barrier

    from stateful_oauth.flows.engine.crash_points import observed

    for _ in range(ROUNDS):
        attempt, person = Attempt(tenant).authorize(), Person()
        engine = engine_on(DjangoTransactionStore())
        meet = Barrier(2)

        def observer(point, step, meet=meet):
            if (point, step) == ("effect.after", "exchange_code"):
                meet.wait(20)

        def click(attempt=attempt, engine=engine, meet=meet):
            meet.wait(20)
            return abandon(engine, attempt)

        with observed(observer):
            signed_in, abandoned = together([lambda a=attempt, e=engine, p=person: deliver(e, a, p), click])
        agree(attempt, person, signed_in, abandoned)


def test_the_deadline_passes_while_the_callback_comes(tenant, clock, engine_on):
    """The sweep and the browser both read the waiting row; the sweep's clock is past the deadline already."""
    for _ in range(ROUNDS):
        attempt, person = Attempt(tenant).authorize(), Person()
        engine = engine_on(LockstepStore(2))

        def sweep(attempt=attempt, engine=engine):
            clock.advance(600)
            return engine.recover(attempt.id, SystemCaller())

        delivered, swept = together([lambda a=attempt, e=engine, p=person: deliver(e, a, p), sweep])
        row = rows.the_row(attempt.id)
        text = rows.show(attempt.id)
        assert row.state in ("signed_in", "expired", "failed"), text
        assert isinstance(delivered, SignedIn) == (row.state == "signed_in"), f"{delivered}\n{text}"
        assert bool([o for o in person.told if isinstance(o, SignedIn)]) == (row.state == "signed_in"), text
        if row.state == "expired":
            assert isinstance(delivered, Expired), f"{delivered}\n{text}"
            assert tenant.ledger.count("code_exchanged", code=attempt.code) == 0
        assert not isinstance(swept, Failed) or row.state == "failed", text
        rows.check_rows()


def test_sweeps_that_find_the_same_dead_worker_close_it_once(tenant, clock, engine_on):
    attempt = Attempt(tenant).authorize()
    with crash_at("effect.before", "exchange_code"):
        attempt.deliver()
    clock.advance(60)
    engine = engine_on(LockstepStore(8))
    outcomes = together([lambda: engine.recover(attempt.id, SystemCaller())] * 8)
    assert rows.the_row(attempt.id).code == "code_exchange_lost"
    assert [step[1] for step in rows.steps(attempt.id)] == ["start", "callback", "fail"]
    assert all(isinstance(outcome, Failed) for outcome in outcomes), outcomes
    assert tenant.requests["/oauth/token"] == 0


def test_many_starts_of_one_browser_at_once_all_work(tenant):
    """The cap closes old attempts; it never fails a new one."""
    attempts = together([lambda: Attempt(tenant)] * 16)
    assert len({attempt.id for attempt in attempts}) == 16
    rows.check_rows()
    open_ = rows.FlowTransaction.objects.filter(state="awaiting_callback").count()
    assert open_ >= 10
    assert isinstance(Attempt(tenant).authorize().deliver(), SignedIn)
    assert rows.FlowTransaction.objects.filter(state="awaiting_callback").count() < 10, (
        "The next start makes room."
    )


def deliver(engine, attempt, person):
    assert attempt.response is not None
    return engine.dispatch(
        attempt.id, Event("callback", attempt.response), person, kind="login", state=attempt.response.state
    )


def abandon(engine, attempt):
    return engine.dispatch(attempt.id, Event("abandon", code="abandoned"), Operator(), kind="login")


def agree(attempt, person, delivered, abandoned) -> str:
    """Row, answers, session and identity tell one story."""
    row = rows.the_row(attempt.id)
    text = rows.show(attempt.id)
    assert row.state in ("signed_in", "abandoned"), text
    if row.state == "signed_in":
        assert isinstance(delivered, SignedIn), f"{delivered}\n{text}"
        assert isinstance(abandoned, Rejected), f"{abandoned}\n{text}"
        assert [type(outcome) for outcome in person.told] == [SignedIn]
    else:
        assert isinstance(delivered, Abandoned), f"{delivered}\n{text}"
        assert isinstance(abandoned, Abandoned), f"{abandoned}\n{text}"
        assert person.told == [], f"Signed in, and abandoned:\n{text}"
    assert Identity.objects.exists() or row.state == "abandoned"
    rows.check_rows()
    return row.state

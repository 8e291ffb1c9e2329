"""`astart`, `adispatch` and `arecover` do what their synchronous sisters do."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.outcomes import Failed, RedirectTo
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
from stateful_oauth.flows.oauth.outcomes import SignedIn
from tests.support import rows
from tests.support.attempts import INPUTS, Attempt
from tests.support.callers import Person
from tests.support.crashes import crash_at
from tests.support.engines import engine_with

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_a_whole_sign_in_without_a_synchronous_call(tenant):
    engine, person = wiring.engine(), Person()

    async def sign_in():
        started = await engine.astart("login", INPUTS, person)
        assert isinstance(started, RedirectTo)
        callback = tenant.visitor().authorize(started.url, as_user="ada@example.com")
        response = AuthorizationResponse.parse([(name, [value]) for name, value in callback.fields.items()])
        return [
            await engine.adispatch(
                started.transaction_id,
                Event("callback", response),
                person,
                kind="login",
                state=response.state,
            )
            for _ in range(2)
        ]

    first, second = async_to_sync(sign_in)()
    assert isinstance(first, SignedIn)
    assert (first.replayed, second.replayed) == (False, True)
    rows.check_rows()


def test_the_async_engine_recovers_a_crashed_attempt(tenant, clock):
    attempt = Attempt(tenant).authorize()
    with crash_at("effect.before", "exchange_code"):
        attempt.deliver()
    clock.advance(60)
    outcome = async_to_sync(wiring.engine().arecover)(attempt.id, SystemCaller())
    assert isinstance(outcome, Failed)
    assert outcome.code == "code_exchange_lost"


def test_without_an_offload_of_the_projects_own_it_runs_on_a_thread(clock):
    """The default, for engines that are made by hand: `asyncio.to_thread`."""
    import asyncio
    import threading

    seen: list[int] = []

    class Store:
        def load(self, transaction_id):
            seen.append(threading.get_ident())

    engine = engine_with(store=Store())
    import uuid

    outcome = asyncio.run(engine.arecover(uuid.uuid4(), SystemCaller()))
    assert outcome.code == "transaction_unknown"
    assert seen != [threading.get_ident()]

"""Many deliveries of one callback, and what must be true of them whoever was first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stateful_oauth.emulator import Tenant
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.engine import Engine
from stateful_oauth.flows.engine.outcomes import InProgress, Outcome
from stateful_oauth.flows.oauth.outcomes import SignedIn
from stateful_oauth.storage.models import Identity
from stateful_oauth.testing.browser import Browser
from tests.support import rows
from tests.support.attempts import Attempt
from tests.support.callers import Person
from tests.support.together import together

LOOKS = 500  # at the progress page


def deliver_at_once(engine: Engine, attempt: Attempt, people: Sequence[Person]) -> list[Outcome]:
    """Deliver the callback once per person, all at the same moment."""

    def one(person: Person) -> Outcome:
        response = attempt.response
        assert response is not None
        return engine.dispatch(
            attempt.id, Event("callback", response), person, kind="login", state=response.state
        )

    return together([lambda person=person: one(person) for person in people])


def one_winner(
    tenant: Tenant, attempt: Attempt, people: Sequence[Person], outcomes: Sequence[Outcome]
) -> None:
    """One token request, one session made in a settle transaction, and a good answer for everybody."""
    text = rows.show(attempt.id)
    requests = tenant.requests["/oauth/token"]
    assert requests == 1, f"{requests} token requests for one code:\n{text}"
    assert tenant.ledger.count("code_exchanged", code=attempt.code) == 1, text
    bad = [outcome for outcome in outcomes if not isinstance(outcome, SignedIn | InProgress)]
    assert not bad, (
        f"{len(bad)} of {len(outcomes)} deliveries got no good answer, for example {bad[0]}:\n{text}"
    )
    told = [person for person in people if person.told]
    assert len(told) == 1, (
        f"{len(told)} deliveries were told in a settle transaction that they signed in:\n{text}"
    )
    assert sum(not outcome.replayed for outcome in outcomes) == 1, text
    assert len({outcome.user_id for outcome in outcomes if isinstance(outcome, SignedIn)}) == 1
    assert Identity.objects.count() == 1
    rows.check_rows()
    rows.nothing_working()


def copies(browser: Browser, tenant: Tenant, count: int) -> list[Browser]:
    """Return the same browser several times: its tabs, each with a connection of its own to the site."""
    made = [Browser(tenant) for _ in range(count)]
    for copy in made:
        for name, morsel in browser.client.cookies.items():
            copy.client.cookies[name] = morsel.value
    return made


def answer_of(browser: Browser, callback: str) -> Any:
    """Open the callback, and follow the progress page to its end, as its Refresh header has a browser do."""
    response, address = browser.get(callback), callback
    for _ in range(LOOKS):
        if "/progress/" in response.get("Location", ""):
            address = response["Location"]
        elif response.status_code != 202:
            break
        response = browser.get(address)
    return response

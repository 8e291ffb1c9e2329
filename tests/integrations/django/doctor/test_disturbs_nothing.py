"""The diagnostics leave the process, the database and the tenant as they were."""

from __future__ import annotations

from typing import Any

import pytest

from stateful_oauth.auth0.cached import Cached
from stateful_oauth.django import wiring
from stateful_oauth.django.doctor import Verdict, diagnose, plan
from stateful_oauth.testing.browser import Browser
from tests.support.rows import dump

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def busy_site(healthy: Any, transactional_db: None) -> Any:
    """A site with a signed-in user, an attempt that waits, and every cache filled."""
    browser = Browser(healthy)
    browser.sign_in("ada@example.com")
    browser.start()
    provider = wiring.provider("default")
    provider.management.users_by_email("ada@example.com", time_limit=5)
    wiring.access_tokens().access_token(
        browser.client.session["stateful_oauth"]["grant"],
        audience=provider.my_account.audience,
        scope="read:me:connected_accounts",
        time_limit=5,
    )
    return browser


def cached(thing: object, seen: set[int] | None = None) -> list[tuple[str, Any]]:
    """Return every cached document below an object of ours, with the attempts that were made at it."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, Cached):
        copy = thing._copy
        return [(type(thing).__name__, (None if copy is None else id(copy.value), thing._attempts))]
    if not type(thing).__module__.startswith("stateful_oauth"):
        return []
    found = []
    for value in getattr(thing, "__dict__", {}).values():
        found += cached(value, seen)
        found += [each for part in (getattr(value, "__self__", None),) if part for each in cached(part, seen)]
    return found


@pytest.mark.parametrize("grant", ["", "newest"])
def test_the_caches_and_the_database_are_the_same_afterwards(busy_site, healthy, grant):
    before = (wiring.provider("default"), cached(wiring.provider("default")), dump())
    assert len(before[1]) >= 4, "Metadata, keys and two machine tokens: otherwise this test looks at nothing."
    report = diagnose(plan(), grant=grant)
    assert report.ok, report
    provider, caches, rows = (wiring.provider("default"), cached(wiring.provider("default")), dump())
    assert provider is before[0]
    assert caches == before[1]
    assert rows == before[2]


def test_the_user_is_still_signed_in_and_the_attempt_still_works(busy_site, healthy):
    location = busy_site.start("/profile/")
    diagnose(plan(), grant="newest")
    assert busy_site.get("/profile/").status_code == 200
    arrived = busy_site.get(busy_site.authorize(location, "ada@example.com"))
    assert arrived["Location"] == "/profile/"


def test_the_tenant_has_nothing_new_but_tokens_that_end_by_themselves(busy_site, healthy):
    count = len(list(healthy.ledger.entries()))
    diagnose(plan(), grant="newest")
    new = [entry.effect for entry in list(healthy.ledger.entries())[count:]]
    assert sorted(set(new)) == ["m2m_token_issued", "refreshed"], new
    assert new.count("m2m_token_issued") == 1


def test_an_examination_closes_its_connections(healthy, monkeypatch):
    from stateful_oauth.auth0.transport import Transport

    closed: list[Transport] = []

    def close(transport: Transport) -> None:
        closed.append(transport)

    monkeypatch.setattr(Transport, "close", close)
    report = diagnose(plan())
    assert report.verdict in (Verdict.OK, Verdict.NOT_PROBED)
    assert len(closed) == 1

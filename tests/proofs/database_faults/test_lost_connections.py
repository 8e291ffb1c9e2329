"""PostgreSQL goes away at every commit of every flow, and while every effect is in flight."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.effects import LostAnswer
from tests.support.commits import commits
from tests.support.crashes import at
from tests.support.faulted import AFTERWARDS, prepared, survives
from tests.support.journeys import JOURNEYS
from tests.support.postgresql_proxy import Loss, Proxy, terminate_backend, through_a_proxy

pytestmark = pytest.mark.database

# What each journey commits, in order.
COMMITS: dict[str, tuple[str, ...]] = {
    "first sign-in": (
        "start start",
        "claim callback",
        "settle code_exchanged",
        "settle no_candidates",
        "django_session",
    ),
    "another sign-in": ("start start", "claim callback", "settle code_exchanged", "django_session"),
    "connecting": (
        "start start",
        "grant",
        "grant",
        "settle connection_requested",
        "claim callback",
        "settle connection_completed",
        "settle account_identified",
        "django_session",
    ),
    "disconnecting": ("start start", "grant", "grant", "settle account_disconnected"),
    "linking without questions": (
        "start start",
        "claim callback",
        "settle code_exchanged",
        "settle pending_link",
        "settle profiles_read",
        "settle accounts_linked",
        "settle metadata_merged",
        "django_session",
    ),
    "linking after a proof": (
        "start start",
        "claim callback",
        "settle code_exchanged",
        "settle pending_link",
        "claim confirm",
        "claim callback",
        "settle primary_verified",
        "settle profiles_read",
        "settle accounts_linked",
        "settle metadata_merged",
        "django_session",
    ),
    "unlinking": ("start start", "settle account_unlinked"),
}
# Every effect, and a journey that has it on its way; and the refresh of a grant.
EFFECTS = {
    "exchange_code": "first sign-in",
    "find_candidates": "first sign-in",
    "request_connection": "connecting",
    "complete_connection": "connecting",
    "identify_account": "connecting",
    "disconnect": "disconnecting",
    "verify_primary": "linking after a proof",
    "read_profiles": "linking after a proof",
    "link_accounts": "linking after a proof",
    "merge_metadata": "linking without questions",
    "unlink": "unlinking",
}
IN_FLIGHT = [
    *((f"effect.{when}", step, name) for step, name in EFFECTS.items() for when in ("before", "after")),
    *((f"refresh.{when}", "refresh", "connecting") for when in ("claimed", "answered", "settled")),
]
EVERY_COMMIT = [
    pytest.param(name, number, id=f"{name}-{number} {commit}")
    for name, names in COMMITS.items()
    for number, commit in enumerate(names)
]


@pytest.fixture
def proxy(transactional_db: None) -> Iterator[Proxy]:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connection to lose")
    with through_a_proxy() as proxy:
        yield proxy


@pytest.fixture
def server(transactional_db: None) -> str:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server")
    host: str = connection.settings_dict["HOST"]
    return host


@pytest.mark.parametrize("name", JOURNEYS)
def test_the_table_names_every_commit(tenant, clock, name):
    journey = prepared(name, tenant, clock)
    with commits() as seen:
        journey.travel()
    assert journey.arrived()
    assert tuple(seen.names) == COMMITS[name]


@pytest.mark.parametrize("loss", ["the request", "the answer"])
@pytest.mark.parametrize(("name", "number"), EVERY_COMMIT)
def test_the_connection_is_lost_at_a_commit(tenant, clock, proxy, name, number, loss: Loss):
    def strike(commit):
        proxy.lose(loss)
        return commit()

    journey = prepared(name, tenant, clock)
    afterwards = AFTERWARDS[(number + len(loss)) % 2]
    assert survives(journey, commits(number, strike), afterwards)


def test_the_table_names_every_effect(tenant):
    """But the push of a request, which is safe to repeat: this site pushes none."""
    effects = {edge.effect for flow in wiring.flows() for edge in flow.edges if edge.effect is not None}
    calls = {each.name for each in effects if each.lost_answer is not LostAnswer.LOCAL}
    assert set(EFFECTS) == calls - {"push_request"}


@pytest.mark.parametrize(("point", "step", "name"), IN_FLIGHT)
def test_the_server_ends_the_connection_while_an_effect_is_in_flight(
    tenant, clock, server, point, step, name
):
    journey = prepared(name, tenant, clock)
    afterwards = AFTERWARDS[len(point + step) % 2]
    assert survives(journey, at(point, step, lambda: terminate_backend(server)), afterwards)

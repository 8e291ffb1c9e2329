"""The store keeps the promises of its port: the fence, the log's numbers, and errors of one kind."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections, transaction

from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.domain_events import DomainEvent
from stateful_oauth.flows.engine.errors import InvalidInput, StoreUnavailable
from stateful_oauth.flows.engine.outcomes import RedirectTo
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.engine.transaction import (
    BROWSER,
    SEQUENCE_STEP,
    Actor,
    Definition,
    StateKind,
    Transaction,
    TransitionLog,
)
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from stateful_oauth.storage.store import REJECTIONS_KEPT, DjangoTransactionStore
from tests.support import rows
from tests.support.attempts import Attempt
from tests.support.file_database import database_in_a_file
from tests.support.together import together

pytestmark = [pytest.mark.database, pytest.mark.django_db]

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
BROWSER_A, BROWSER_B = b"a" * 32, b"b" * 32


@pytest.fixture
def store() -> DjangoTransactionStore:
    return DjangoTransactionStore()


def a_transaction(at: datetime = NOW, **changes) -> Transaction:
    return Transaction(**{
        "id": identifiers.new_transaction_id(at), "kind": "login", "tenant": "default",
        "definition": Definition(1, "abc"), "state": "awaiting_callback", "state_kind": StateKind.WAITING,
        "version": 1, "browser": BROWSER_A, "state_digest": b"s" * 32,
        "inputs": {"next": "/ß?x=1", "numbers": [1, 2.5, None, True], "deep": {"\u0131": "I"}},
        "secrets": {"nonce": Secret("n\"\\ß")}, "deadline": NOW, "created_at": NOW, "changed_at": NOW,
        **changes,
    })  # fmt: skip


def a_line(sequence: int = 100, **changes) -> TransitionLog:
    return TransitionLog(**{
        "sequence": sequence, "event": "start", "source": "created", "target": "awaiting_callback", "at": NOW,
        "actor": BROWSER, **changes,
    })  # fmt: skip


def created(store, **changes) -> Transaction:
    made = a_transaction(**changes)
    with store.transaction():
        store.create(made, [a_line()])
    return made


def as_read(value: Transaction) -> Transaction:
    return replace(value, secrets=dict(value.secrets))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"browser": None},
        {"browser": bytes(range(32)), "state_digest": bytes(reversed(range(32)))},
        {"state": "exchanging_code", "state_kind": StateKind.WORKING, "deadline": None, "lease_until": NOW,
         "attempts": 3, "code": "rate_limited"},
        {"state": "failed", "state_kind": StateKind.FINAL, "deadline": None, "secrets": {},
         "result": {"a": [{}]}},
        {"kind": "tests.toy", "state": "x", "definition": Definition(32767, "0123456789ab"),
         "version": 2**31 - 1},
    ],
    ids=["waiting", "no browser", "bytes", "working", "final", "a project's own"],
)  # fmt: skip
def test_what_was_written_is_read(store, changes):
    made = created(store, **changes)
    loaded = store.load(made.id)
    assert loaded is not None
    assert as_read(loaded) == made


def test_loading_a_row_that_does_not_exist_gives_none(store):
    assert store.load(uuid.uuid4()) is None


def test_secrets_of_a_final_row_are_wiped_even_if_the_value_still_has_them(store):
    made = created(store)
    final = made.evolve(state="failed", state_kind=StateKind.FINAL, deadline=None, version=2)
    with store.transaction():
        assert store.save(final, [a_line(200)], [], seen=1)
    assert rows.the_row(made.id).secrets is None


def test_save_moves_the_row_and_its_log(store):
    made = created(store)
    moved = made.evolve(
        state="exchanging_code", state_kind=StateKind.WORKING, deadline=None, lease_until=NOW, version=2
    )
    with store.transaction():
        assert store.save(
            moved, [a_line(200, event="callback", actor=Actor("operator", "7", "ß"))], [], seen=1
        )
    loaded = store.load(made.id)
    assert loaded is not None
    assert as_read(loaded) == moved
    assert TransitionRecord.objects.count() == 2


@pytest.mark.parametrize("seen", [0, 2, 7])
def test_save_with_another_version_writes_nothing_at_all(store, seen):
    class Written(DomainEvent):
        """A fact that nobody can write: were it tried, the test would see a TypeError."""

    made = created(store)
    moved = made.evolve(version=seen + 1, code="other")
    with store.transaction():
        assert store.save(moved, [a_line(SEQUENCE_STEP * (seen + 1))], [Written()], seen=seen) is False
    loaded = store.load(made.id)
    assert loaded is not None
    assert as_read(loaded) == made
    assert TransitionRecord.objects.count() == 1


@pytest.mark.security("S20")
def test_save_never_changes_what_is_written_once(store):
    """Owner, tenant and kind are fixed when the row is made."""
    made = created(store)
    with store.transaction():
        store.save(
            made.evolve(kind="tests.toy", tenant="x", browser=BROWSER_B, created_at=NOW + timedelta(1),
                       version=2),
            [a_line(200)], [], seen=1,
        )  # fmt: skip
    loaded = store.load(made.id)
    assert loaded is not None
    for name in ("kind", "tenant", "browser", "created_at"):
        assert getattr(loaded, name) == getattr(made, name), f"{name} was changed."


def test_save_keeps_the_state_that_the_browser_was_sent_with_last(store):
    """A flow that sends the browser to the provider once more takes a fresh `state` for it."""
    made = created(store)
    with store.transaction():
        store.save(made.evolve(state_digest=b"t" * 32, version=2), [a_line(200)], [], seen=1)
    loaded = store.load(made.id)
    assert loaded is not None
    assert loaded.state_digest == b"t" * 32


def test_a_fact_that_nobody_writes_is_a_mistake_and_rolls_everything_back(store):
    class Unknown(DomainEvent):
        pass

    made = created(store)
    with pytest.raises(TypeError, match=r"handle_domain_event\.register"), store.transaction():
        store.save(made.evolve(version=2, code="x"), [a_line(200)], [Unknown()], seen=1)
    assert rows.the_row(made.id).version == 1
    assert TransitionRecord.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_surrounding_transaction_is_refused(store):
    """What the engine commits must be committed before the provider is called."""
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"), store.transaction():
        pass


# The log of rejections.


def rejected(code: str, version: int = 1) -> TransitionLog:
    return a_line(SEQUENCE_STEP * version, event="callback", target="created", code=code, rejected=True)


def numbers(of: Transaction) -> list[int]:
    found = TransitionRecord.objects.filter(transaction_id=of.id).order_by("sequence")
    return list(found.values_list("sequence", flat=True))


def test_rejections_are_numbered_after_the_transition_that_they_came_after(store):
    made = created(store)
    for code in ("a", "b", "c"):
        store.reject(made, rejected(code))
    assert numbers(made) == [100, 101, 102, 103]
    with store.transaction():
        store.save(made.evolve(version=2), [a_line(200)], [], seen=1)
    store.reject(made, rejected("late"))  # by a worker that still has the old version in hand
    store.reject(made, rejected("d", version=2))
    assert numbers(made) == [100, 101, 102, 103, 104, 200, 201]


def test_rejections_of_all_versions_together_are_capped(store):
    made = created(store)
    for _ in range(REJECTIONS_KEPT - 2):
        store.reject(made, rejected("a"))
    with store.transaction():
        store.save(made.evolve(version=2), [a_line(200)], [], seen=1)
    for _ in range(10):
        store.reject(made, rejected("b", version=2))
    assert TransitionRecord.objects.filter(rejected=True).count() == REJECTIONS_KEPT


def test_rejections_of_one_transaction_do_not_fill_anothers(store):
    full, other = created(store), created(store)
    for _ in range(REJECTIONS_KEPT + 5):
        store.reject(full, rejected("a"))
    store.reject(other, rejected("b"))
    assert numbers(other) == [100, 101]


@pytest.mark.django_db(transaction=True)
def test_rejections_at_the_same_moment_are_all_numbered_and_stay_under_the_cap(store):
    if connection.vendor != "postgresql":
        pytest.skip("needs writers in parallel")
    for already in (0, REJECTIONS_KEPT - 1):
        made = created(store)
        for _ in range(already):
            store.reject(made, rejected("earlier"))
        lookers = threading.Barrier(16)

        def one(made=made, lookers=lookers) -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")  # connect first, so that all look at the same time
            lookers.wait(30)
            store.reject(made, rejected("at once"))

        together([one] * 16)
        found = numbers(made)[1:]
        assert found == list(range(101, 101 + len(found))), f"Numbers have gaps: {found}"
        assert already < len(found) <= REJECTIONS_KEPT, (
            f"The cap is {REJECTIONS_KEPT}, and {len(found)} were kept."
        )


# Open transactions.


def test_open_transactions_are_the_browsers_waiting_ones_of_the_kind_oldest_first(store):
    moments = [NOW + timedelta(seconds=step) for step in (3, 1, 2)]
    mine = [created(store, id=identifiers.new_transaction_id(moment)) for moment in moments]
    created(store, browser=BROWSER_B)
    created(store, browser=None)
    created(store, kind="tests.toy")
    created(store, state="failed", state_kind=StateKind.FINAL, deadline=None, secrets={})
    created(store, state="exchanging_code", state_kind=StateKind.WORKING, deadline=None, lease_until=NOW)
    found = [each.id for each in store.open_transactions("login", [BROWSER_A])]
    assert found == [mine[1].id, mine[2].id, mine[0].id]


# A database that is gone.


@pytest.fixture
def lose_the_connection(transactional_db):
    """End the server's side of this thread's connection, as a restart or a failover does."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connection to lose")

    def lose() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        killer = connection.copy()
        try:
            with killer.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        finally:
            killer.close()

    yield lose
    connection.close()


def save(store, row) -> None:
    with store.transaction():
        store.save(row.evolve(version=2), [a_line(200)], [], seen=1)


CALLS = {
    "load": lambda store, row: store.load(row.id),
    "open_transactions": lambda store, row: store.open_transactions("login", [BROWSER_A]),
    "save": save,
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("call", CALLS)
def test_a_connection_that_is_gone_makes_the_store_unavailable(store, lose_the_connection, call):
    made = created(store)
    lose_the_connection()
    with pytest.raises(StoreUnavailable):
        CALLS[call](store, made)
    connection.close()
    assert store.load(made.id) is not None


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_lost_in_the_middle_makes_the_store_unavailable_and_writes_nothing(
    store, lose_the_connection
):
    made = created(store)

    def save_and_lose() -> None:
        with store.transaction():
            store.save(made.evolve(version=2), [a_line(200)], [], seen=1)
            lose_the_connection()

    with pytest.raises(StoreUnavailable):
        save_and_lose()
    connection.close()
    assert rows.the_row(made.id).version == 1


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_does_not_make_a_rejection_fail_the_request(store, lose_the_connection):
    made = created(store)
    lose_the_connection()
    store.reject(made, rejected("a"))


@pytest.mark.django_db(transaction=True)
def test_a_database_that_somebody_else_keeps_locked_is_unavailable(store, tmp_path):
    if connection.vendor != "sqlite":
        pytest.skip("SQLite locks the whole database")
    with database_in_a_file(tmp_path) as path:
        made = created(store)
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 0")
        other = sqlite3.connect(path)
        other.execute("BEGIN EXCLUSIVE")
        for call in CALLS.values():
            with pytest.raises(StoreUnavailable):
                call(store, made)
        store.reject(made, rejected("a"))  # is not worth failing a request for
        other.rollback()
        other.close()
        assert store.load(made.id) is not None


@pytest.mark.django_db(transaction=True)
def test_a_visitor_sees_a_page_and_can_go_on_when_the_database_is_back(tenant, browser, lose_the_connection):
    callback = browser.authorize(browser.start("/profile/"), "ada@example.com")
    lose_the_connection()
    response = browser.get(callback)
    assert response.status_code == 503
    assert response["Cache-Control"] == "no-store"
    connection.close()
    assert tenant.requests["/oauth/token"] == 0
    assert browser.get(callback)["Location"] == "/profile/"
    assert browser.user_id


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first_visit", [True, False], ids=["first visit", "been here before"])
def test_a_start_without_a_database_is_a_page_too(tenant, browser, lose_the_connection, first_visit):
    if not first_visit:
        browser.start()
    lose_the_connection()
    response = browser.get("/auth/login/")
    assert response.status_code == 503, response


# The same on both databases.


@pytest.mark.parametrize("text", ["\u2028", "\U0001d54f" * 100, "ß", "%00"], ids=ascii)
def test_what_json_can_hold_is_kept_as_it_is(tenant, text):
    attempt = Attempt(tenant, next=f"/profile/{text}", parameters={"login_hint": text})
    inputs = rows.the_row(attempt.id).inputs
    assert (inputs["next"], inputs["parameters"]) == (f"/profile/{text}", {"login_hint": text})


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800"], ids=ascii)
def test_what_postgresql_cannot_hold_sqlite_does_not_get_either(tenant, text):
    """A visitor writes `next`: without one they still sign in. Parameters are the project's."""
    attempt = Attempt(tenant, next=f"/profile/{text}")
    assert isinstance(attempt.outcome, RedirectTo)
    assert "next" not in rows.the_row(attempt.id).inputs
    for inputs in ({"parameters": {"login_hint": text}}, {"parameters": {text: "x"}}, {"subject": text}):
        with pytest.raises(InvalidInput) as caught:
            Attempt(tenant, **inputs)
        assert caught.value.code == "input_invalid"


def test_a_visitor_with_a_strange_return_address_still_signs_in(tenant, browser):
    callback = browser.authorize(browser.get("/auth/login/?next=/profile/%00")["Location"], "ada@example.com")
    assert browser.get(callback)["Location"] == "/profile/"


def test_connections_are_this_tests_own(store):
    created(store)
    assert list(connections.all(initialized_only=True)) == [connection]
    assert FlowTransaction.objects.count() == 1

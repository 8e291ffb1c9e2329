"""What the code promises, the database refuses to break: on SQLite and PostgreSQL alike."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from stateful_oauth.django import wiring
from stateful_oauth.storage.models import (
    FlowTransaction,
    Grant,
    Identity,
    TransitionRecord,
    identity_digest,
)
from stateful_oauth.storage.states import STATES

pytestmark = [pytest.mark.database, pytest.mark.django_db]

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(**changes: Any) -> FlowTransaction:
    return FlowTransaction.objects.create(**{
        "id": uuid.uuid4(), "kind": "login", "tenant": "default", "definition_version": 1,
        "definition_structure": "abc", "state": "awaiting_callback", "state_kind": "waiting", "version": 1,
        "state_digest": b"x" * 32, "secrets": "sealed", "deadline": NOW, "created_at": NOW, "changed_at": NOW,
        **changes,
    })  # fmt: skip


def line(of: FlowTransaction, **changes: Any) -> TransitionRecord:
    return TransitionRecord.objects.create(**{
        "transaction": of, "sequence": 100, "event": "start", "source": "created",
        "target": "awaiting_callback", "at": NOW, "actor": "browser", **changes,
    })  # fmt: skip


def identity(**changes: Any) -> Identity:
    user = get_user_model().objects.create_user(str(uuid.uuid4()))
    return Identity.objects.create(**{
        "digest": identity_digest("https://t.example/", "auth0|1"), "issuer": "https://t.example/",
        "subject": "auth0|1", "user": user, "created_at": NOW, **changes,
    })  # fmt: skip


def grant(**changes: Any) -> Grant:
    of = identity(digest=uuid.uuid4().bytes * 2)
    return Grant.objects.create(**{
        "id": uuid.uuid4(), "identity": of, "user": of.user, "tenant": "default", "refresh_token": "sealed",
        "created_at": NOW, **changes,
    })  # fmt: skip


FINAL = {"state": "signed_in", "state_kind": "final", "deadline": None, "lease_until": None, "secrets": None}
WORKING = {"state": "exchanging_code", "state_kind": "working", "deadline": None, "lease_until": NOW}

TAKEN = {
    "a waiting row": {},
    "a working row": WORKING,
    "a final row": FINAL,
    "a row of a project's own flow": {"kind": "shop.checkout", "state": "dancing"},
}
REFUSED = {
    "a state that login does not have": {"state": "dancing"},
    "a kind that nobody has": {"kind": "lugin"},
    "a final state that waits, with its secrets": {"state": "signed_in"},
    "a waiting state that is over": {**FINAL, "state": "awaiting_callback"},
    "a kind of state that nobody has": {"state_kind": "sleeping"},
    "waiting without a deadline": {"deadline": None},
    "waiting with a lease": {"lease_until": NOW},
    "working without a lease": {**WORKING, "lease_until": None},
    "working with a deadline": {**WORKING, "deadline": NOW},
    "final with secrets": {**FINAL, "secrets": "sealed"},
    "final with secrets that are empty but not wiped": {**FINAL, "secrets": ""},
    "final with a deadline": {**FINAL, "deadline": NOW},
    "final with a lease": {**FINAL, "lease_until": NOW},
    "version zero": {"version": 0},
    "a negative version": {"version": -1},
    "negative attempts": {"attempts": -1},
    "no digest of the state": {"state_digest": None},
    "no creation time": {"created_at": None},
}


@pytest.mark.parametrize("changes", TAKEN.values(), ids=TAKEN)
def test_the_database_takes_rows_that_keep_its_constraints(changes):
    row(**changes)


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_the_database_refuses_rows_that_break_its_constraints(changes):
    with pytest.raises(IntegrityError), transaction.atomic():
        row(**changes)


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_the_database_refuses_to_change_a_row_so(changes):
    there = row()
    with pytest.raises(IntegrityError), transaction.atomic():
        FlowTransaction.objects.filter(pk=there.pk).update(**changes)


def test_a_transaction_has_one_row():
    there = row()
    with pytest.raises(IntegrityError), transaction.atomic():
        row(id=there.pk)


def test_a_log_has_each_number_once():
    there = row()
    line(there)
    with pytest.raises(IntegrityError), transaction.atomic():
        line(there, event="callback")
    line(row())  # another transaction's log is another log


def test_a_rejected_event_moves_nothing():
    there = row()
    line(there, rejected=True, source="created", target="created")
    with pytest.raises(IntegrityError), transaction.atomic():
        line(there, sequence=101, rejected=True, source="created", target="signed_in")


@pytest.mark.parametrize("sequence", [-1, None])
def test_log_lines_of_one_transaction_are_numbered_uniquely(sequence):
    there = row()
    with pytest.raises((IntegrityError, ValueError)), transaction.atomic():
        line(there, sequence=sequence)


@pytest.mark.django_db(transaction=True)
def test_a_log_line_belongs_to_a_transaction():
    line(row())
    orphan = uuid.uuid4()
    with pytest.raises(IntegrityError), transaction.atomic():
        TransitionRecord.objects.create(
            transaction_id=orphan, sequence=1, event="x", source="a", target="b", at=NOW, actor="browser"
        )


def test_an_identity_belongs_to_one_user():
    identity()
    with pytest.raises(IntegrityError), transaction.atomic():
        identity()


def test_an_identity_has_a_subject():
    with pytest.raises(IntegrityError), transaction.atomic():
        identity(subject="")


@pytest.mark.parametrize(
    "changes",
    [{"refresh_token": None}, {"ended_at": NOW}, {"ended_at": None, "refresh_token": None}],
    ids=["alive and wiped", "ended and not wiped", "neither"],
)
def test_a_grant_is_wiped_exactly_when_it_has_ended(changes):
    with pytest.raises(IntegrityError), transaction.atomic():
        grant(**changes)


def test_an_ended_grant_is_taken():
    grant(ended_at=NOW, refresh_token=None)


def test_a_user_who_is_deleted_leaves_the_rows_of_the_attempts(django_user_model):
    user = django_user_model.objects.create_user("ada")
    there = row(**FINAL, user=user)
    user.delete()
    there.refresh_from_db()
    assert there.user_id is None


@pytest.mark.security("S20")
def test_the_states_that_the_database_knows_are_the_machines():
    known = {
        flow: {state: kind for kind, states in kinds.items() for state in states}
        for flow, kinds in STATES.items()
    }
    assert known == {flow.kind: dict(flow.state_kinds) for flow in wiring.flows() if "." not in flow.kind}


def test_names_of_flows_and_states_fit_their_columns():
    limits = {
        name: FlowTransaction._meta.get_field(name).max_length
        for name in ("kind", "state", "definition_structure")
    }
    for flow in wiring.flows():
        assert len(flow.kind) <= limits["kind"]
        assert len(flow.structure) <= limits["definition_structure"]
        assert max(map(len, flow.state_kinds)) <= limits["state"]
        assert max(map(len, flow.events)) <= TransitionRecord._meta.get_field("event").max_length


def test_error_codes_fit_their_columns():
    from stateful_oauth.flows.error_codes import ERROR_CODES

    assert max(map(len, ERROR_CODES)) <= TransitionRecord._meta.get_field("code").max_length


def test_migrations_are_up_to_date():
    try:
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    except SystemExit:
        pytest.fail("A model changed without a migration: run makemigrations.")


def test_the_sweeps_and_the_cap_have_partial_indexes():
    where = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index'",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes",
    }
    with connection.cursor() as cursor:
        cursor.execute(where[connection.vendor])
        found = dict(cursor.fetchall())
    for name in (
        "stateful_oauth_waiting",
        "stateful_oauth_working",
        "stateful_oauth_browser",
        "stateful_oauth_user",
    ):
        assert " WHERE " in found[name], f"{name} is not partial: {found[name]}"

"""Whatever goes wrong with an operation is said about its row, and never an error page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import OperationalError

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.django.operators.operations import PATIENCE
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.storage.store import DjangoTransactionStore
from tests.support.on_call import ALL, STUCK, OnCall, only, told
from tests.support.rows import rejections, the_row

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_a_row_that_has_moved_meanwhile_is_left_alone(operator, stuck_toy):
    row = stuck_toy()
    wiring.engine().dispatch(row.pk, Event("abandon"), _another_operator(), kind=row.kind)
    level, text = only(operator.operate("retry", row))
    assert level == "error"
    assert "It is now in abandoned" in text
    assert LogEntry.objects.count() == 0


def test_a_row_that_moves_in_the_last_moment_is_refused_by_the_engine(operator, stuck_toy, monkeypatch):
    """Between the page's own look and the engine's, somebody else ends it."""
    row = stuck_toy()
    engine = wiring.engine()
    original = DjangoTransactionStore.load
    raced = []

    def load(self, transaction_id):
        if not raced:
            raced.append(transaction_id)
            engine.dispatch(row.pk, Event("abandon"), _another_operator(), kind=row.kind)
        return original(self, transaction_id)

    monkeypatch.setattr(DjangoTransactionStore, "load", load)
    level, text = only(operator.operate("abandon", row))
    assert raced
    assert level == "error"
    assert f"Refused. event_not_allowed: {ERROR_CODES['event_not_allowed'].meaning}" in text
    assert rejections(row.pk) == [("abandon", "event_not_allowed")]


def test_a_row_that_was_purged_meanwhile_is_said_to_be_gone(operator, crashed):
    kept, gone = crashed(), crashed()
    FlowTransaction.objects.filter(pk=gone.pk).delete()
    messages = told(operator.operate("abandon", kept, gone))
    assert ("error", f"{gone.pk} no longer exists.") in messages
    assert the_row(kept.pk).state == "abandoned"


def test_a_quarantined_row_is_left_as_it_is(operator, crashed):
    row = crashed()
    FlowTransaction.objects.filter(pk=row.pk).update(definition_version=7)
    before = FlowTransaction.objects.values().get(pk=row.pk)
    for name in ("retry", "cancel", "abandon"):
        level, text = only(operator.operate(name, row))
        assert level == "error"
        assert "Nothing was changed. The row has version 7 of login. This release has version 1." in text
    assert FlowTransaction.objects.values().get(pk=row.pk) == before


def test_a_row_whose_secrets_no_key_opens_is_left_as_it_is(operator, crashed, settings):
    row = crashed()
    settings.SECRET_KEY = "another secret key, of another deployment"
    settings.SECRET_KEY_FALLBACKS = []
    again = OnCall(operator.user)  # the session is signed with the key as well
    level, text = only(again.operate("abandon", row))
    assert level == "error"
    assert "Refused. quarantined: " in text
    assert the_row(row.pk).state == "exchanging_code"


def test_a_database_that_does_not_take_the_change_is_a_message(operator, crashed, monkeypatch):
    rows = [crashed(), crashed()]

    def save(self, *args, **kwargs):
        raise OperationalError("disk full")

    monkeypatch.setattr(DjangoTransactionStore, "save", save)
    messages = told(operator.operate("abandon", *rows))
    assert [level for level, _ in messages] == ["error", "error"]
    assert all("store_unavailable: " in text for _, text in messages)
    assert "disk full" not in str(messages)


def test_a_bug_over_one_row_is_a_message_and_the_others_have_their_turn(
    operator, stuck_toy, crashed, counter, caplog
):
    broken, fine = stuck_toy(), crashed()
    counter.troubles[:] = ["bug"]
    messages = told(operator.operate("retry", broken, fine))
    assert [level for level, _ in messages] == ["error", "warning"]
    assert "internal_error: " in messages[0][1]
    assert any(
        "an operator's retry failed" in record.message and record.exc_info for record in caplog.records
    )


def test_when_it_takes_long_the_rest_is_not_tried_and_said_so(operator, stuck_toy, counter, clock):
    rows = [stuck_toy() for _ in range(3)]

    def slow(context):
        clock.advance(PATIENCE / timedelta(seconds=1) + 1)

    counter.keeps = slow
    messages = told(operator.operate("retry", *rows))
    assert [level for level, _ in messages] == ["success", "warning", "warning"]
    assert "Not tried, because the others took too long. Select it again." in messages[1][1]
    assert the_row(rows[2].pk).stuck_since is not None
    assert LogEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_it_works_where_every_request_is_a_transaction(operator, crashed, settings):
    from django.db import connection

    row = crashed()
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        for path in (STUCK, ALL, f"{STUCK}{row.pk}/change/"):
            operator.page(path)
        assert only(operator.operate("abandon", row))[0] == "success"
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


def test_the_sweep_and_the_operator_share_the_row_without_doing_it_twice(operator, stuck_toy, counter):
    row = stuck_toy()
    wiring.engine().recover(row.pk, SystemCaller())
    assert counter.value == 0, "the sweep leaves a stuck row to the operator"
    operator.operate("retry", row)
    operator.operate("retry", row)
    assert counter.value == 1


def _another_operator() -> Any:
    from tests.support.callers import Operator

    return Operator("somebody else was faster")

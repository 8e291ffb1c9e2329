"""Retry, cancel and abandon: what has to be written down, and what comes of each row."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from stateful_oauth.django import wiring
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from tests.support.on_call import ALL, REASON, STUCK, only, told
from tests.support.rows import the_row

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def last_line(row: Any) -> TransitionRecord:
    line = TransitionRecord.objects.filter(transaction_id=row.pk, rejected=False).order_by("sequence").last()
    assert line is not None
    return line


# What comes of it.


def test_a_stuck_row_is_retried_with_fresh_attempts_and_ends_well(operator, stuck_toy, counter):
    row = stuck_toy()
    level, text = only(operator.operate("retry", row))
    assert (level, text) == ("success", f"Tests.toy {row.pk}: Finished: done.")
    assert counter.value == 1
    retry = TransitionRecord.objects.get(transaction=row, reason=REASON, event="retry")
    assert retry.actor == f"operator:{operator.user.pk}"
    assert the_row(row.pk).state == "done"


def test_a_retry_of_what_cannot_be_repeated_ends_it_with_its_code(operator, crashed):
    row = crashed()
    level, text = only(operator.operate("retry", row))
    assert level == "warning"
    assert "Finished: failed. code_exchange_lost: " in text
    assert ERROR_CODES["code_exchange_lost"].operator in text
    assert the_row(row.pk).code == "code_exchange_lost"


def test_while_the_provider_is_still_down_a_retry_says_when_the_next_is_due(operator, stuck_toy, counter):
    row = stuck_toy()
    counter.troubles[:] = ["request lost"] * 9
    level, text = only(operator.operate("retry", row))
    assert level == "warning"
    assert re.search(r"Still working: counting\. provider_answer_lost: .* Recovery is due 20\d\d-", text), (
        text
    )
    now = the_row(row.pk)
    assert (now.state, now.stuck_since) == ("counting", None)


def test_when_the_provider_refuses_for_a_while_a_retry_keeps_the_row(operator, stuck_toy, counter):
    row = stuck_toy()
    counter.troubles[:] = ["busy"]
    assert "rate_limited" in only(operator.operate("retry", row))[1]
    assert the_row(row.pk).state_kind == "working"


@pytest.mark.parametrize(
    ("name", "state", "code"),
    [("cancel", "cancelled", "cancelled_by_operator"), ("abandon", "abandoned", "abandoned")],
)
def test_a_waiting_row_is_ended(operator, attempt, name, state, code):
    row = the_row(attempt().id)
    level, text = only(operator.operate(name, row, at=ALL))
    assert level == "success"
    assert f"Finished: {state}. {code}: " in text
    line = last_line(row)
    assert (line.event, line.target, line.code) == (name, state, code)
    assert (line.actor, line.reason) == (f"operator:{operator.user.pk}", REASON)
    assert the_row(row.pk).secrets is None


def test_what_was_done_stands_in_djangos_own_log(operator, crashed):
    row = crashed()
    operator.operate("abandon", row)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (operator.user, str(row.pk))
    assert entry.get_change_message().startswith(f"abandon ({REASON}): Finished: abandoned.")
    assert entry.get_admin_url() in operator.page("/admin/"), "It is under the recent actions."
    assert REASON in operator.page(f"{STUCK}{row.pk}/history/")


def test_many_rows_at_once_each_with_its_own_result(operator, crashed, stuck_toy, toy, attempt):
    gives_up, works, postponed, waits = crashed(), stuck_toy(), toy("busy"), the_row(attempt().id)
    messages = told(operator.operate("retry", gives_up, works, postponed, waits))
    assert [level for level, _ in messages] == ["warning", "success", "error", "error"]
    for row, (_, text) in zip([gives_up, works, postponed, waits], messages, strict=True):
        assert str(row.pk) in text
    assert "Nothing was changed. The provider asked to wait" in messages[2][1]
    assert "Nothing was changed. The transaction waits for its browser" in messages[3][1]
    assert LogEntry.objects.count() == 2, "what was not tried is not said to have been done"


def test_after_one_row_one_is_back_at_it_and_after_many_at_the_list(operator, crashed):
    first, *others = [crashed() for _ in range(3)]
    data = {"transaction": [str(first.pk)], "reason": REASON}
    response = operator.post(f"{STUCK}operate/abandon/", data)
    assert response["Location"] == f"{STUCK}{first.pk}/change/"
    data = {"transaction": [str(row.pk) for row in others], "reason": REASON}
    response = operator.post(f"{STUCK}operate/abandon/?_changelist_filters=flow%3Dlogin", data)
    assert response["Location"] == f"{STUCK}?flow=login"


# Confirmation.


def test_the_list_asks_for_confirmation_and_does_nothing_before(operator, crashed):
    rows = [crashed(), crashed()]
    data = {"action": "retry_selected", "_selected_action": [str(row.pk) for row in rows], "index": "0"}
    response = operator.post(STUCK + "?flow=login", data)
    page = response.content.decode()
    assert response.status_code == 200
    assert "2 transactions selected" in page
    assert page.count("exchange_code cannot be repeated") == 2
    assert f'action="{STUCK}operate/retry/?_changelist_filters=flow%3Dlogin"' in page
    assert 'name="csrfmiddlewaretoken"' in page
    assert {the_row(row.pk).state for row in rows} == {"exchanging_code"}
    # The form does it, as it stands.
    chosen = re.findall(r'name="transaction" value="([^"]+)"', page)
    response = operator.post(f"{STUCK}operate/retry/", {"transaction": chosen, "reason": REASON})
    assert {the_row(row.pk).state for row in rows} == {"failed"}


def test_the_detail_pages_button_asks_for_confirmation(operator, crashed):
    row = crashed()
    page = operator.page(f"{STUCK}{row.pk}/change/")
    address = re.search(rf'href="({STUCK}operate/abandon/\?transaction={row.pk})"', page)
    assert address is not None
    confirm = operator.page(address[1])
    assert "1 transaction selected" in confirm
    assert f'value="{row.pk}:{row.version}"' in confirm
    assert f'href="{STUCK}{row.pk}/change/"' in confirm, "the way back"
    assert the_row(row.pk).state == "exchanging_code"


def test_what_is_not_possible_is_shown_on_the_way(operator, crashed, attempt):
    waits, works = the_row(attempt().id), crashed()
    page = operator.page(f"{STUCK}operate/cancel/", {"transaction": [str(waits.pk), str(works.pk)]})
    assert "You cannot cancel a transaction in exchanging_code." in page
    assert 'value="Cancel 1 transaction"' in page
    page = operator.page(f"{STUCK}operate/cancel/", {"transaction": [str(works.pk)]})
    assert re.search(r'value="Cancel 0 transactions" disabled', page)


@pytest.mark.parametrize(
    ("reason", "complaint"),
    [
        ("", "This field is required."),
        ("   ", "This field is required."),
        ("x" * 301, "at most 300 characters"),
        ("line\nbreak", "one line of printable text"),
        ("bell\x07", "one line of printable text"),
        ("\u202eevil", "one line of printable text"),
        ("nul\0", "Null characters are not allowed."),
    ],
)
def test_an_operation_without_a_reason_is_not_done(operator, crashed, reason, complaint):
    row = crashed()
    response = operator.post(f"{STUCK}operate/abandon/", {"transaction": [str(row.pk)], "reason": reason})
    assert response.status_code == 200
    assert complaint in response.content.decode()
    assert the_row(row.pk).state == "exchanging_code"
    assert LogEntry.objects.count() == 0


def test_a_reason_in_any_script_is_kept_to_the_letter(operator, crashed):
    row, reason = crashed(), "Kundin rief an: „geht nicht“, 顧客から電話 🙂"
    operator.operate("abandon", row, reason=f"  {reason} ")
    assert last_line(row).reason == reason


@pytest.mark.parametrize("chosen", [[], ["nonsense"], ["00000000-0000-7000-8000-000000000000"], ["1:2:3"]])
@pytest.mark.parametrize("method", ["get", "post"])
def test_nothing_chosen_leads_back_to_the_list_in_words(operator, chosen, method):
    data = {"transaction": chosen, "reason": REASON}
    response = getattr(operator, method)(f"{STUCK}operate/retry/", data)
    assert response.status_code == 302
    assert [level for level, _ in told(operator.page(response["Location"]))] == ["error"]
    assert LogEntry.objects.count() == 0


@pytest.mark.parametrize("selected", ["nonsense", "1", "' OR 1=1"])
def test_a_selection_that_is_no_transaction_is_refused_in_words(operator, crashed, selected):
    crashed()
    data = {"action": "retry_selected", "_selected_action": [selected], "index": "0"}
    response = operator.post(STUCK, data)
    assert response.status_code == 302
    assert "The selection is not valid." in operator.page(response["Location"])


def test_more_than_a_page_at_once_is_refused(operator, crashed):
    first = crashed()
    values = FlowTransaction.objects.values().get(pk=first.pk)
    from stateful_oauth.flows.engine.identifiers import new_transaction_id

    FlowTransaction.objects.bulk_create(
        FlowTransaction(**{**values, "id": new_transaction_id(wiring.clock.now())}) for _ in range(100)
    )
    data = {
        "action": "abandon_selected",
        "_selected_action": [str(first.pk)],
        "index": "0",
        "select_across": "1",
    }
    response = operator.post(STUCK, data)
    assert "Select at most 100 transactions." in operator.page(response["Location"])

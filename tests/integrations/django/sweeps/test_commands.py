"""The commands as cron runs them: exit codes, reports for people and for machines, and nothing secret."""

from __future__ import annotations

import io
import json
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from stateful_oauth.flows.engine.engine import Engine
from stateful_oauth.flows.engine.errors import StoreUnavailable
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.storage.models import FlowTransaction
from tests.support import rows

pytestmark = pytest.mark.database


def test_sweep_prints_nothing_when_nothing_happened(run, db):
    for command in (["recover_flows"], ["expire_flows"], ["purge_flows", "--older-than=30d"]):
        assert run(*command) == (0, "")


def test_sweep_prints_zeros_when_it_is_asked_to(run, db):
    assert run("recover_flows", "-v2") == (
        0,
        "recovered: 0\ngiven_up: 0\npostponed: 0\novertaken: 0\nquarantined: 0\nbroken: 0\nstuck: 0\n",
    )
    assert run("expire_flows", "-v2") == (0, "expired: 0\novertaken: 0\nquarantined: 0\nbroken: 0\n")
    assert run("purge_flows", "--older-than=30d", "-v2") == (0, "purged: 0\n")


def test_sweep_is_silent_with_verbosity_zero(run, waiting, working, in_ten_minutes):
    waiting(3)
    working(2)
    in_ten_minutes()
    assert run("expire_flows", "-v0") == (0, "")
    assert run("recover_flows", "-v0") == (0, "")
    assert run("purge_flows", "--older-than=0s", "--no-input", "-v0") == (0, "")


def test_purge_of_young_transactions_asks_first(run, waiting, in_ten_minutes, monkeypatch):
    waiting(2)
    in_ten_minutes()
    run("expire_flows")
    in_ten_minutes()
    for answer in ("", "no", "y"):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer + "\n"))
        code, printed = run("purge_flows", "--older-than=23h")
        assert (code, "--no-input" in printed) == (2, True)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run("purge_flows", "--older-than=0s")[0] == 2
    assert FlowTransaction.objects.count() == 2
    assert run("purge_flows", "--older-than=0s", "--dry-run") == (0, "due: 2\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    code, printed = run("purge_flows", "--older-than=0s")
    assert (code, printed.endswith("purged: 2\n")) == (0, True)


def test_transaction_is_shown_by_the_beginning_of_its_id(run, waiting):
    first, second = waiting(2)
    digits = first.hex
    common = next(n for n in range(32) if digits[n] != second.hex[n])
    code, printed = run("flow_show", digits[: common + 1])
    assert (code, str(first) in printed) == (0, True)
    code, printed = run("flow_show", str(first)[:13])
    assert (code, str(first) in printed and str(second) in printed) == (1, True)
    assert run("flow_show", "f" * 12)[0] == 1
    assert run("flow_show", "abc")[0] == 2


@pytest.mark.parametrize(
    "pasted",
    [
        "access_denied \u00b7 {id}",
        "https://app.example/auth/error/access_denied/?transaction={id}&tenant=b",
        "urn:uuid:{id}",
        "{{{id}}}",
        "UUID('{id}')",
        "\u201c{id}\u201d.",
        "\u200e{id}\u00a0",
        "#{beginning}\u2026",
        "{beginning}...",
        "({beginning}),",
    ],
)
@pytest.mark.parametrize("dash", ["-", "\u2013", "\u2011", ""])
def test_id_is_found_in_what_users_paste(run, waiting, pasted, dash):
    (row,) = waiting(1)
    written = {"id": str(row).replace("-", dash), "beginning": str(row)[:18].replace("-", dash)}
    code, printed = run("flow_show", pasted.format(**written))
    assert (code, str(row) in printed) == (0, True), printed


@pytest.mark.parametrize("pasted", ["", "...", "abc", "%", "____", "' OR 1=1", "{id}0", "not an id"])
def test_what_holds_no_id_is_no_id(run, waiting, pasted):
    (row,) = waiting(1)
    assert run("flow_show", pasted.format(id=row))[0] == 2


def test_codes_are_explained_as_in_the_admin(run, working, in_ten_minutes):
    (row,) = working(1)
    in_ten_minutes()
    run("recover_flows")
    code, printed = run("flow_show", str(row))
    assert code == 0
    known = ERROR_CODES[rows.the_row(row).code]
    assert f"{rows.the_row(row).code}: {known.meaning}\n  What to do: {known.operator}\n" in printed


def test_a_sweep_reports_what_it_did(run, waiting, working, in_ten_minutes):
    waiting(3)
    working(2)
    in_ten_minutes()
    assert run("expire_flows", "--limit=2") == (0, "expired: 2\novertaken: 0\nquarantined: 0\nbroken: 0\n")
    code, printed = run("recover_flows", "--kind=login", "--tenant=default", "--format=json")
    found = json.loads(printed)
    assert (code, found["given_up"], found["problems"], found["dry_run"]) == (0, 2, [], False)
    rows.nothing_working()


def test_a_dry_run_says_what_is_due_and_leaves_it(run, waiting, working, in_ten_minutes):
    waiting(3)
    working(1)
    in_ten_minutes()
    assert run("expire_flows", "--dry-run") == (0, "due: 3\n  login awaiting_callback: 3\n")
    assert run("recover_flows", "--dry-run") == (0, "due: 1\nstuck: 0\n  login exchanging_code: 1\n")
    code, printed = run("expire_flows", "--dry-run", "--format=json")
    assert (code, json.loads(printed)["due_rows"]) == (
        0,
        [{"kind": "login", "state": "awaiting_callback", "number": 3}],
    )
    assert FlowTransaction.objects.filter(state_kind="final").count() == 0


def test_rows_that_need_somebody_make_the_exit_code_1_and_are_named(run, working, in_ten_minutes, clock):
    stuck, unreadable, fine = working(3)
    FlowTransaction.objects.filter(pk=stuck).update(stuck_since=clock.now(), code="recovery_exhausted")
    FlowTransaction.objects.filter(pk=unreadable).update(definition_version=99)
    in_ten_minutes()
    code, printed = run("recover_flows")
    assert code == 1
    assert "given_up: 1\n" in printed
    assert f"stuck: {stuck} login exchanging_code (default) recovery_exhausted\n" in printed
    assert f"quarantined: {unreadable} login exchanging_code (default) quarantined\n" in printed
    assert "2 transactions need an operator: 1 quarantined, 1 stuck." in printed
    assert rows.the_row(fine).state == "failed"


def test_json_is_one_object_also_when_rows_need_somebody(working, in_ten_minutes, clock, capsys):
    (stuck,) = working()
    FlowTransaction.objects.filter(pk=stuck).update(stuck_since=clock.now())
    in_ten_minutes()
    with pytest.raises(CommandError) as refused:
        call_command("recover_flows", format="json")
    assert refused.value.returncode == 1
    found = json.loads(capsys.readouterr().out)
    assert found["stuck"] == 1
    assert found["problems"] == [
        {
            "id": str(stuck),
            "kind": "login",
            "tenant": "default",
            "state": "exchanging_code",
            "what": "stuck",
            "code": "",
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["recover_flows", "--kind=logn"], "There is no flow 'logn'"),
        (["expire_flows", "--tenant=nobody"], "There is no tenant 'nobody'"),
        (["expire_flows", "--limit=0"], "at least 1"),
        (["expire_flows", "--limit=many"], "invalid int value"),
        (["purge_flows"], "--older-than"),
        (["purge_flows", "--older-than=30"], "for example 30d"),
        (["purge_flows", "--older-than=-1d"], "for example 30d"),
        (
            ["purge_flows", "--older-than=30d", "--state=awaiting_callback"],
            "No flow ends in 'awaiting_callback'",
        ),
        (["purge_flows", "--older-than=30d", "--batch=0"], "at least 1"),
        (["flow_show", "nonsense"], "This is not an id"),
        (["recover_flows", "--format=xml"], "invalid choice"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_make_no_sense_have_exit_code_2(run, db, arguments, said):
    code, printed = run(*arguments)
    assert code == 2, printed
    assert said in printed


def test_a_flow_and_a_tenant_of_an_earlier_release_can_be_named(run, waiting, in_ten_minutes):
    ids = waiting(2)
    FlowTransaction.objects.filter(pk=ids[0]).update(kind="gone.flow", tenant="gone")
    in_ten_minutes()
    code, printed = run("expire_flows", "--kind=gone.flow", "--tenant=gone")
    assert (code, "quarantined: 1\n" in printed) == (1, True), printed


def test_a_database_that_is_gone_is_said_in_a_sentence(run, waiting, in_ten_minutes, monkeypatch):
    waiting(6)
    in_ten_minutes()

    def gone(self, id_, caller):
        raise StoreUnavailable("OperationalError")

    monkeypatch.setattr(Engine, "recover", gone)
    code, printed = run("expire_flows")
    assert code == 1
    assert "The database does not respond" in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["recover_flows"], "flowtransaction"),
        (["expire_flows"], "flowtransaction"),
        (["expire_flows", "--dry-run"], "flowtransaction"),
        (["expire_flows", "--kind=gone.flow"], "flowtransaction"),
        (["purge_flows", "--older-than=30d"], "flowtransaction"),
        (["purge_flows", "--older-than=30d", "--dry-run"], "flowtransaction"),
        (["flow_show", "ID"], "flowtransaction"),
        (["flow_show", "ID"], "transitionrecord"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_every_command_says_in_a_sentence_that_the_database_does_not_answer(run, waiting, arguments, words):
    (id_,) = waiting()

    def gone(execute, sql, params, many, context):
        if words in sql:
            raise OperationalError("server closed the connection, password=planted")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(gone):
        code, printed = run(*[str(id_) if each == "ID" else each for each in arguments])
    assert code == 1
    assert "The database does not respond (" in printed
    assert "planted" not in printed


def test_progress_is_for_people_only(run, waiting, in_ten_minutes):
    waiting(3)
    in_ten_minutes()
    assert "so far" not in run("expire_flows", "--limit=1")[1], "Cron would mail it."
    assert "expiring: 2 so far" in run("expire_flows", "--verbosity=3")[1]


# One transaction.


def test_the_timeline_of_a_transaction_as_text(run, working, in_ten_minutes, clock):
    (id_,) = working()
    clock.advance(5)
    code, printed = run("flow_show", str(id_))
    assert code == 0
    head, _, log = printed.partition("\n\n")
    values = dict(line.split(":", 1) for line in head.splitlines())
    assert values["transaction"].strip() == str(id_)
    assert values["state"].strip() == "exchanging_code (working), version 2"
    assert values["started"].strip() == "2026-01-01 12:00:00.000+00:00, 5.000 s ago"
    assert values["in flight"].strip() == "exchange_code"
    assert values["attempts"].strip() == "1 of 3"
    assert values["next due"].strip() == "2026-01-01 12:00:30.000+00:00"
    start, callback = log.splitlines()
    assert "created -> awaiting_callback  by browser" in start
    assert "awaiting_callback -> exchanging_code  by browser  calls exchange_code" in callback


def test_a_rejected_event_is_marked_and_the_operators_reason_is_there(run, tenant, clock, db):
    from stateful_oauth.flows.engine.effects import Event
    from tests.support.attempts import Attempt
    from tests.support.callers import Operator, Person

    attempt = Attempt(tenant).authorize()
    clock.advance(7200)
    attempt.deliver(Person("eve's laptop"))
    attempt.engine.dispatch(attempt.id, Event("abandon"), Operator("the customer\ncalled"), kind="login")
    code, printed = run("flow_show", str(attempt.id))
    assert code == 0
    assert "awaiting_callback  REJECTED  other_browser  by browser" in printed
    assert "+2.0 h" in printed
    assert "abandoned  by operator:7  ('the customer\\ncalled')" in printed, (
        "A reason is one line, whatever is in it."
    )
    assert "next due" not in printed


def test_flow_show_gives_the_timeline_as_json(run, working):
    (id_,) = working()
    code, printed = run("flow_show", str(id_), "--format=json")
    found = json.loads(printed)
    assert (code, found["id"], found["effect"], found["max_attempts"]) == (0, str(id_), "exchange_code", 3)
    assert found["due"] == "2026-01-01T12:00:30+00:00"
    assert [(line["event"], line["rejected"]) for line in found["timeline"]] == [
        ("start", False),
        ("callback", False),
    ]


def test_a_dry_run_of_what_only_reads_is_the_same(run, working):
    """Cron jobs and scripts that put `--dry-run` behind every command need not know which of them write."""
    (id_,) = working()
    for chosen in ("text", "json"):
        shown = [run("flow_show", str(id_), f"--format={chosen}", *more) for more in ([], ["--dry-run"])]
        assert shown[0] == shown[1]
        assert shown[0][0] == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "gone.flow"}, "no flow 'gone.flow'"),
        ({"definition_version": 99}, "Add an upcast"),
        ({"tenant": "gone"}, "no tenant 'gone'"),
        ({"secrets": "no token"}, "quarantined:"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_quarantined_row_is_shown_with_what_is_unknown_about_it(run, waiting, changes, said):
    (id_,) = waiting()
    FlowTransaction.objects.filter(pk=id_).update(**changes)
    code, printed = run("flow_show", str(id_))
    assert code == 0
    assert "quarantined:" in printed
    assert said in printed


def test_a_row_whose_upcast_is_broken_is_shown_all_the_same(run, working, monkeypatch, in_ten_minutes):
    """It is what the sweep said to look at with `flow_show`."""
    from stateful_oauth.flows.login.machine import LoginFlow

    (id_,) = working()
    FlowTransaction.objects.filter(pk=id_).update(definition_version=0)
    monkeypatch.setattr(LoginFlow, "upcasts", {0: lambda row: row.inputs["planted"]})
    in_ten_minutes()
    assert f"broken: {id_} login exchanging_code (default) KeyError" in run("recover_flows")[1]
    code, printed = run("flow_show", str(id_))
    assert code == 0
    assert "quarantined: An upcast is broken (KeyError)." in printed
    assert "awaiting_callback -> exchanging_code" in printed


def test_a_stuck_row_is_shown_as_such(run, working, clock):
    (id_,) = working()
    FlowTransaction.objects.filter(pk=id_).update(stuck_since=clock.now())
    _, printed = run("flow_show", str(id_))
    assert "stuck since: 2026-01-01 12:00:00.000+00:00: an operator has to retry it" in printed
    assert "next due" not in printed


def test_a_transaction_that_is_not_there(run, db):
    code, printed = run("flow_show", str(uuid.uuid4()))
    assert (code, "There is no such transaction" in printed) == (1, True)


def test_flow_show_shows_no_secret_of_any_row(run, tenant, db, settings):
    """Whatever the row, its inputs and its result hold: a sentinel in each, and the state itself."""
    from tests.support.attempts import Attempt
    from tests.support.crashes import crash_at

    sentinel = "sentinel-0f3c"
    attempt = Attempt(
        tenant, next=f"/{sentinel}/", parameters={"login_hint": f"{sentinel}@example.com"}
    ).authorize()
    with crash_at("effect.after", "exchange_code"):
        attempt.deliver()
    row = rows.the_row(attempt.id)
    row.result = {"sub": sentinel}
    row.save()
    printed = run("flow_show", str(attempt.id))[1] + run("flow_show", str(attempt.id), "--format=json")[1]
    assert attempt.response is not None
    for secret in (sentinel, attempt.code, attempt.response.state.reveal(), row.secrets):
        assert secret not in printed

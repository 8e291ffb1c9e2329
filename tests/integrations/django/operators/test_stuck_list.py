"""The list of stuck transactions: what belongs there and what does not, and finding a row in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.browser import Browser
from tests.support.callers import Operator
from tests.support.on_call import ALL, STUCK, OnCall
from tests.support.rows import the_row

pytestmark = [pytest.mark.database, pytest.mark.django_db]

Rows = dict[str, str]


def listed(operator: OnCall, query: dict[str, Any] | None = None, at: str = STUCK) -> list[str]:
    """Return the keys that the list has, in its order."""
    return re.findall(r"<code class=\"so-nowrap\">([0-9a-f-]{36})</code>", operator.page(at, query))


def cells(operator: OnCall, row: FlowTransaction) -> Rows:
    """Return the columns of a row, as text."""
    page = operator.page(STUCK, {"q": str(row.pk)})
    line = next(part for part in page.split("<tr>") if str(row.pk) in part and "field-" in part)
    found = re.findall(r"class=\"field-(\w+)[^\"]*\">(.*?)</t[dh]>", line, re.DOTALL)
    return {name: re.sub(r"<[^>]*>", "", text).strip() for name, text in found}


def test_it_is_the_first_entry_of_the_app(operator):
    page = operator.page("/admin/stateful_oauth/")
    entries = re.findall(r"<tr class=\"model-(\w+)", page)
    assert entries[:2] == ["stucktransaction", "flowtransaction"]
    assert len(entries) == 10


def test_a_worker_that_did_not_come_back_is_overdue(operator, crashed, clock):
    row = crashed()
    clock.advance(120)
    found = cells(operator, row)
    assert found["state"] == "exchanging_code"
    assert found["situation"] == "overdue"
    assert found["in_state_since"] == "1 h 2 min ago"
    assert found["effect"] == "exchange_code"
    assert found["attempts"] == "1"
    assert found["due"].endswith(" ago")
    assert (found["kind"], found["tenant"]) == ("login", "default")


def test_a_row_that_recovery_left_to_an_operator_is_stuck(operator, stuck_toy):
    found = cells(operator, stuck_toy())
    assert found["situation"] == "stuck"
    assert found["code"] == "recovery_exhausted"
    assert found["due"] == "1 h ago", "since when it is stuck"


def test_a_row_that_waits_for_its_provider_says_until_when(operator, toy):
    found = cells(operator, toy("busy"))
    assert found["situation"] == "waiting for the provider"
    assert found["code"] == "rate_limited"
    assert found["due"] == "in 5 min"


@pytest.mark.parametrize(
    ("change", "unknown"),
    [
        ({"definition_version": 999}, "The row has version 999 of login. This release has version 1."),
        ({"definition_structure": "of-tomorrow"}, "The row has structure of-tomorrow of login, version 1"),
        ({"kind": "shop.checkout"}, "no flow “shop.checkout”"),
        ({"tenant": "elsewhere"}, "no tenant “elsewhere”"),
    ],
)
@pytest.mark.parametrize("working", [False, True], ids=["waiting", "working"])
def test_a_row_that_this_release_cannot_read_is_quarantined_and_says_what_is_unknown(
    operator, attempt, crashed, change, unknown, working
):
    row = crashed() if working else the_row(attempt().id)
    FlowTransaction.objects.filter(pk=row.pk).update(**change)
    text = cells(operator, row)["situation"]
    assert text.startswith("quarantined")
    assert unknown in text
    assert listed(operator, {"situation": "quarantined"}) == [str(row.pk)]


def test_a_state_that_this_release_does_not_have_is_quarantined(operator, toy, counter):
    row = toy("busy")
    FlowTransaction.objects.filter(pk=row.pk).update(state="pondering")
    assert "has no state “pondering”" in cells(operator, row)["situation"]


def test_a_row_of_an_older_version_that_an_upcast_moves_is_not_quarantined(
    operator, toy, counter, monkeypatch
):
    row = toy("busy")
    machine = wiring.flows()[row.kind].machine
    monkeypatch.setattr(machine, "upcasts", {0: lambda transaction: transaction})
    FlowTransaction.objects.filter(pk=row.pk).update(
        definition_version=0, definition_structure="of-yesterday"
    )
    assert cells(operator, row)["situation"] == "waiting for the provider"
    assert listed(operator, {"situation": "quarantined"}) == []


def test_what_is_in_order_is_not_listed(operator, tenant, attempt, toy, counter, clock):
    Browser(tenant).sign_in("ada@example.com")  # over
    attempt()  # waits for its browser
    clock.advance(3600)  # past its deadline: the sweep expires it, and needs nobody
    toy(crash=True)  # in flight
    assert FlowTransaction.objects.count() == 3
    assert listed(operator) == []
    assert "0 stuck transactions" in operator.page(STUCK)


def test_what_has_been_due_for_longest_comes_first(operator, crashed, toy, stuck_toy, clock):
    rows = [stuck_toy(), crashed()]
    rows.append(toy("busy"))
    assert listed(operator) == [str(row.pk) for row in rows]


def test_a_column_of_the_stuck_list_orders_it(operator, crashed, toy):
    overdue, postponed = crashed(), toy("busy")
    by_state = [postponed, overdue]
    column = 1
    assert listed(operator, {"o": str(column)}) == [str(row.pk) for row in by_state]
    assert listed(operator, {"o": f"-{column}"}) == [str(row.pk) for row in reversed(by_state)]


# Filters.


@pytest.fixture
def three(crashed: Callable[[], Any], stuck_toy: Callable[[], Any], toy: Callable[..., Any]) -> Rows:
    """Return an overdue, a stuck and a postponed row."""
    made = {"overdue": crashed, "stuck": stuck_toy}
    rows = {name: str(make().pk) for name, make in made.items()}
    return {**rows, "postponed": str(toy("busy").pk)}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"situation": "overdue"}, {"overdue"}),
        ({"situation": "stuck"}, {"stuck"}),
        ({"situation": "postponed"}, {"postponed"}),
        ({"situation": "quarantined"}, set()),
        ({"situation": "nonsense"}, {"overdue", "stuck", "postponed"}),
        ({"flow": "login"}, {"overdue"}),
        ({"flow": "tests.toy"}, {"stuck", "postponed"}),
        ({"state": "exchanging_code"}, {"overdue"}),
        ({"code": "rate_limited"}, {"postponed"}),
        ({"tenant": "default"}, {"overdue", "stuck", "postponed"}),
        ({"flow": "tests.toy", "code": "recovery_exhausted"}, {"stuck"}),
        ({"tenant": "another"}, set()),
    ],
)
def test_a_filter_leaves_what_it_says(operator, three, query, expected):
    assert set(listed(operator, query)) == {three[name] for name in expected}


def test_the_filters_offer_what_is_there(operator, three):
    page = operator.page(STUCK)
    for query in ("flow=login", "flow=tests.toy", "state=counting", "code=rate_limited", "tenant=default"):
        assert f'href="?{query}"' in page
    for query in ("flow=connect_account", "state=signed_in", "code=access_denied"):
        assert f'href="?{query}"' not in page


@pytest.mark.parametrize(
    "lookup",
    [
        "secrets__startswith",
        "state_digest",
        "inputs__next",
        "user__password__startswith",
        "browser__gt",
        "id",
    ],
)
@pytest.mark.parametrize("path", [STUCK, ALL])
def test_no_column_can_be_asked_for_by_an_address(operator, crashed, lookup, path):
    """A lookup on a secret column would tell it, letter by letter."""
    crashed()
    assert operator.get(path, {lookup: "g"}).status_code == 400


# Search.


@pytest.fixture
def adas(crashed: Callable[[], Any], tenant: Any) -> Any:
    """Return an overdue row of Ada's, beside another one that is nobody's."""
    from django.contrib.auth import get_user_model

    Browser(tenant).sign_in("ada@example.com")
    row, _other = crashed(), crashed()
    FlowTransaction.objects.filter(pk=row.pk).update(
        user=get_user_model().objects.get(email="ada@example.com")
    )
    return the_row(row.pk)


@pytest.mark.parametrize(
    "term",
    [
        lambda row: row.user.get_username(),
        lambda row: row.user.email,
        lambda row: row.user.email.upper(),
        lambda row: f"  {row.user.email} ",
        lambda row: str(row.user.pk),
        lambda row: row.user.auth0_identities.get().subject,
        lambda row: str(row.pk),
        lambda row: row.pk.hex,
        lambda row: str(row.pk)[:23],
        lambda row: row.pk.hex[:18].upper(),
    ],
    ids=[
        "name",
        "e-mail",
        "E-MAIL",
        "spaces",
        "key",
        "subject",
        "id",
        "hexadecimal",
        "beginning",
        "BEGINNING",
    ],
)
@pytest.mark.parametrize("path", [STUCK, ALL])
def test_a_row_is_found_by_its_user_and_by_its_id(operator, adas, term, path):
    found = listed(operator, {"q": term(adas)}, path)
    assert str(adas.pk) in found
    expected = FlowTransaction.objects.filter(user=adas.user).count() if path == ALL else 1
    assert len(found) in {1, expected}


@pytest.mark.parametrize(
    "term",
    [
        "nobody@example.com",
        "auth0|nobody",
        "0" * 32,
        "99999999999999999999999",
        "ffffffff",
        "' OR 1=1 --",
        "%",
        "\\",
    ],
)
@pytest.mark.parametrize("path", [STUCK, ALL])
def test_what_is_not_there_is_not_found(operator, adas, term, path):
    assert listed(operator, {"q": term}, path) == []


def test_a_term_that_no_database_takes_is_refused_in_words(operator, adas):
    page = operator.page(STUCK, {"q": "a\0b"})
    assert "Null characters are not allowed" in page


def test_a_running_flow_leaves_the_list_when_it_is_over(operator, crashed):
    row = crashed()
    assert listed(operator) == [str(row.pk)]
    wiring.engine().dispatch(row.pk, Event("abandon"), Operator(), kind="login")
    assert listed(operator) == []

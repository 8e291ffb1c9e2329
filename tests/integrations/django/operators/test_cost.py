"""What each page asks of the database: exactly, however many rows there are, and always through an index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from stateful_oauth.flows.engine.identifiers import new_transaction_id
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from stateful_oauth.testing.clock import ManualClock
from tests.support.account_rows import MODELS, make_accounts
from tests.support.counting import Count, counted
from tests.support.finished import seed_finished
from tests.support.on_call import ALL, STUCK, OnCall

pytestmark = [pytest.mark.database, pytest.mark.django_db]

WHO = ["SELECT django_session", "SELECT auth_user"]
PEOPLE = ["SELECT auth_user", "SELECT identity"]  # whom a search names
# The choices of the filters; the count; the rows, with their users and with their effects from the log.
STUCK_LIST = [*WHO, "SELECT row", "SELECT row", "SELECT log"]
# The oldest row, for the dates; the rows.
ALL_LIST = [*WHO, "SELECT row", "SELECT row"]
DETAIL = [*WHO, "SELECT row", "SELECT log"]
CONFIRM = [*WHO, "SELECT row"]
_TABLES = ("stateful_oauth_flowtransaction", "stateful_oauth_transitionrecord")
# Of 20 000 rows and 80 000 records, so that reading a whole table would never be the cheaper plan.
_MANY = 20_000


@pytest.fixture
def stuck(crashed: Callable[[], Any], clock: ManualClock) -> Callable[[int], list[Any]]:
    """Make many overdue rows, with users, as copies of one."""

    def make(count: int) -> list[Any]:
        from django.contrib.auth import get_user_model

        first = crashed()
        values = FlowTransaction.objects.values().get(pk=first.pk)
        people = get_user_model().objects.bulk_create(
            get_user_model()(username=f"somebody-{n}", email=f"somebody-{n}@example.com")
            for n in range(count - 1)
        )
        made = FlowTransaction.objects.bulk_create(
            FlowTransaction(**{**values, "id": new_transaction_id(clock.now()), "user_id": user.pk})
            for user in people
        )
        lines = list(TransitionRecord.objects.filter(transaction=first).values())
        TransitionRecord.objects.bulk_create(
            TransitionRecord(**{**line, "transaction_id": row.pk}) for row in made for line in lines
        )
        return [first, *made]

    return make


def cost(operator: OnCall, path: str, query: dict[str, Any] | None = None) -> Count:
    operator.page(path, query)  # what a process does once is done: machines, templates
    with counted() as count:
        operator.page(path, query)
    return count


@pytest.mark.parametrize("rows", [1, 50, 100])
def test_the_pages_cost_the_same_however_many_rows_they_show(operator, stuck, rows):
    made = stuck(rows)
    seed_finished(rows)
    assert cost(operator, STUCK).statements == STUCK_LIST
    assert cost(operator, STUCK, {"situation": "overdue", "flow": "login"}).statements == STUCK_LIST
    assert cost(operator, ALL).statements == ALL_LIST
    assert cost(operator, ALL, {"started": "2023-11"}).statements == ALL_LIST
    detail = f"{STUCK}{made[-1].pk}/change/"
    assert cost(operator, detail).statements == DETAIL
    chosen = {"transaction": [str(row.pk) for row in made]}
    assert cost(operator, f"{STUCK}operate/retry/", chosen).statements == CONFIRM
    assert cost(operator, "/admin/").statements == [*WHO, "SELECT django_admin_log"]


def test_a_search_asks_for_the_people_first(operator, stuck):
    stuck(5)
    for term in ("somebody-1", "somebody-1@example.com", "auth0|somebody", "01234567-89ab"):
        assert cost(operator, ALL, {"q": term}).statements in (
            [*WHO, "SELECT row", *PEOPLE, "SELECT row"],
            [*WHO, "SELECT row", *PEOPLE],  # nobody: nothing has to be looked for
        )
        count = cost(operator, STUCK, {"q": term}).statements
        assert count[:5] == [*WHO, "SELECT row", *PEOPLE]
        assert len(count) <= 7


@pytest.mark.parametrize("lines", [1, 40])
def test_a_long_log_costs_no_more(operator, crashed, lines):
    row = crashed()
    last = TransitionRecord.objects.filter(transaction=row).values().order_by("sequence").last()
    assert last is not None
    TransitionRecord.objects.bulk_create(
        TransitionRecord(**{**last, "sequence": 1000 + n}) for n in range(lines)
    )
    assert cost(operator, f"{STUCK}{row.pk}/change/").statements == DETAIL


@pytest.mark.parametrize("people", [1, 30])
def test_the_pages_of_accounts_cost_the_same_too(operator, clock, people):
    for n in range(people):
        make_accounts(clock, f"somebody-{n}")
    for model in MODELS:
        path = f"/admin/stateful_oauth/{model}/"
        assert cost(operator, path).statements == [*WHO, f"SELECT {model}"]


def test_who_is_no_superuser_costs_two_statements_for_permissions(staff, stuck):
    stuck(3)
    somebody = staff("view_stucktransaction", "retry_flow", "cancel_flow")
    found = cost(somebody, STUCK).statements
    assert sorted(found) == sorted([*STUCK_LIST, "SELECT auth_permission", "SELECT auth_permission"])


# With many finished rows.


def plan(sql: str, parameters: Any) -> str:
    explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
    with connection.cursor() as cursor:
        cursor.execute(explain + sql, parameters)
        return "\n".join(" ".join(map(str, row)) for row in cursor.fetchall())


def reads_a_whole_table(text: str) -> bool:
    """A scan of a partial index, or of the first hundred entries of a key in order, is none."""
    for table in _TABLES:
        if f"Seq Scan on {table}" in text:
            return True
        if any(
            line.split(" ", 3)[-1].startswith(f"SCAN {table}") and "USING" not in line
            for line in text.split("\n")
        ):
            return True
    return False


def uses(text: str, *indexes: str) -> bool:
    return all(index in text for index in indexes)


_KEY = {
    "postgresql": "stateful_oauth_flowtransaction_pkey",
    "sqlite": "sqlite_autoindex_stateful_oauth_flowtransaction_1",
}
_LOG = {
    "postgresql": "stateful_oauth_transitionrecord_pkey",
    "sqlite": "sqlite_autoindex_stateful_oauth_transitionrecord_1",
}


def plans(count: Count) -> list[str]:
    """Return the plan of each statement on the transactions and their log."""
    texts = [
        text
        for name, text in zip(count.statements, count.texts, strict=True)
        if name.split()[1] in {"row", "log"}
    ]
    return [f"{plan(*text)}\n\n{text[0]}" for text in texts]


def test_every_statement_finds_its_rows_by_an_index(operator, stuck):
    made = stuck(20)
    seed_finished(_MANY)
    owner = made[-1].user
    FlowTransaction.objects.filter(state="signed_in", pk__lt=_nth(300)).update(user=owner)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    key, log = _KEY[connection.vendor], _LOG[connection.vendor]
    pages: list[tuple[str, dict[str, Any], list[tuple[str, ...]]]] = [
        (STUCK, {}, [("stateful_oauth_w",), ("stateful_oauth_w",), ("stateful_oauth_w",)]),
        (
            STUCK,
            {"situation": "stuck"},
            [("stateful_oauth_w",), ("stateful_oauth_w",), ("stateful_oauth_w",)],
        ),
        (STUCK, {"q": owner.username}, [("stateful_oauth_w",), ("stateful_oauth_",), ("stateful_oauth_",)]),
        (STUCK, {"q": str(made[3].pk)}, [("stateful_oauth_w",), ("stateful_oauth_",), ("stateful_oauth_",)]),
        (ALL, {}, [(key,), (key,)]),
        (ALL, {"before": str(_nth(10_000))}, [(key,), (key,)]),
        (ALL, {"started": "2023-11-14"}, [(key,), (key,)]),
        (ALL, {"q": owner.username}, [(key,), ("stateful_oauth_user",)]),
        (ALL, {"q": owner.email}, [(key,), ("stateful_oauth_user",)]),
        (ALL, {"q": str(made[3].pk)}, [(key,), (key,)]),
        (ALL, {"q": str(made[3].pk)[:13]}, [(key,), (key,)]),
        (f"{STUCK}{made[3].pk}/change/", {}, [(key,), (log,)]),
        (f"{STUCK}operate/retry/", {"transaction": [str(row.pk) for row in made]}, [(key,)]),
    ]
    for path, query, expected in pages:
        found = plans(cost(operator, path, query))
        assert len(found) == len(expected), (path, query, found)
        for text, indexes in zip(found, expected, strict=True):
            assert not reads_a_whole_table(text), f"{path} {query}\n{text}"
            assert uses(text, *indexes), f"{path} {query}: {indexes}\n{text}"


def _nth(number: int) -> Any:
    return FlowTransaction.objects.filter(state_kind="final").order_by("pk")[number].pk

"""The list of all transactions: read-only, newest first, page by page, and as fast as the first page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from stateful_oauth.flows.engine.identifiers import earliest_id_at
from stateful_oauth.storage.models import FlowTransaction
from tests.support.finished import seed_finished
from tests.support.on_call import ALL, STUCK, OnCall

pytestmark = [pytest.mark.database, pytest.mark.django_db]

PER_PAGE = 100


def keys(page: str) -> list[str]:
    return re.findall(r"<code class=\"so-nowrap\">([0-9a-f-]{36})</code>", page)


def link(page: str, name: str) -> str | None:
    found = re.search(
        rf'<p class="paginator so-paginator">.*?<a href="([^"]+)"[^>]*>{name}</a>', page, re.DOTALL
    )
    return found[1].replace("&amp;", "&") if found else None


def walked(operator: OnCall, query: str = "") -> list[list[str]]:
    """Follow the link to older rows to the end; return the keys of each page."""
    pages, address = [], ALL + query
    while True:
        page = operator.page(address)
        pages.append(keys(page))
        older = link(page, "Older")
        if older is None:
            return pages
        address = ALL + older


def test_all_rows_are_there_newest_first_and_once(operator):
    seed_finished(2 * PER_PAGE + 1)
    pages = walked(operator)
    assert [len(page) for page in pages] == [PER_PAGE, PER_PAGE, 1]
    shown = [key for page in pages for key in page]
    assert shown == sorted(shown, reverse=True)
    assert set(shown) == {str(pk) for pk in FlowTransaction.objects.values_list("pk", flat=True)}


def test_a_full_last_page_has_no_link_to_an_empty_one(operator):
    seed_finished(PER_PAGE)
    assert [len(page) for page in walked(operator)] == [PER_PAGE]


def test_rows_that_arrive_meanwhile_move_nothing_to_another_page(operator):
    seed_finished(PER_PAGE + 50)
    first = operator.page(ALL)
    seed_finished(70, first=1000)
    second = operator.page(ALL + str(link(first, "Older")))
    assert len(keys(second)) == 50
    assert not set(keys(first)) & set(keys(second))
    assert len(keys(operator.page(ALL + str(link(second, "Newest"))))) == PER_PAGE


def test_no_page_says_how_many_there_are_which_would_mean_to_count_them(operator):
    seed_finished(PER_PAGE + 1)
    page = operator.page(ALL)
    assert "100 transactions on this page" in page
    assert not re.search(r"\b101\b", re.sub(r"<[^>]*>", " ", page))


@pytest.mark.parametrize("query", ["?before=nonsense", "?before=", "?before=%00", "?nonsense=1"])
def test_an_address_that_means_nothing_is_refused_and_breaks_nothing(operator, query):
    seed_finished(3)
    response = operator.get(ALL + query)
    assert response.status_code in {302, 400}, response.content
    if response.status_code == 302:
        assert len(keys(operator.page(response["Location"]))) == 3


@pytest.mark.parametrize("order", ["1", "-3", "4.-1", "nonsense"])
def test_no_column_orders_it_which_would_mean_to_sort_all_rows(operator, order):
    seed_finished(5)
    assert keys(operator.page(ALL, {"o": order})) == keys(operator.page(ALL))
    assert "sortable" not in operator.page(ALL).partition("<tbody>")[0].partition("<thead>")[2]


# By date.


@pytest.fixture
def years(clock: Any) -> dict[str, str]:
    """Return the keys of rows that were started at some moments, by date."""
    seed_finished(6)
    moments = ["2023-12-31T23:59:59", "2024-01-01T00:00:00", "2024-02-28T12:00:00", "2024-02-29T00:00:00",
               "2024-12-31T23:59:59", "2025-06-01T12:00:00"]  # fmt: skip
    made = {}
    for row, text in zip(list(FlowTransaction.objects.order_by("pk")), moments, strict=True):
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        FlowTransaction.objects.filter(pk=row.pk).delete()
        row.pk = earliest_id_at(moment)
        row.created_at = row.changed_at = moment
        row.save(force_insert=True)
        made[text] = str(row.pk)
    return made


@pytest.mark.parametrize(
    ("started", "expected"),
    [
        ("2023", {"2023-12-31T23:59:59"}),
        (
            "2024",
            {"2024-01-01T00:00:00", "2024-02-28T12:00:00", "2024-02-29T00:00:00", "2024-12-31T23:59:59"},
        ),
        ("2024-02", {"2024-02-28T12:00:00", "2024-02-29T00:00:00"}),
        ("2024-02-29", {"2024-02-29T00:00:00"}),
        ("2024-12", {"2024-12-31T23:59:59"}),
        ("2022", set()),
    ],
)
def test_rows_are_found_by_when_they_were_started(operator, years, started, expected, settings):
    settings.TIME_ZONE = "UTC"
    assert set(keys(operator.page(ALL, {"started": started}))) == {years[moment] for moment in expected}


@pytest.mark.parametrize(
    "started", ["", "24", "2024-13", "2024-02-30", "0000", "9999-12-31", "yesterday", "0001"]
)
def test_a_date_that_is_none_is_passed_over(operator, years, started):
    assert len(keys(operator.page(ALL, {"started": started}))) in {0, 6}


def test_the_dates_lead_from_year_to_month_to_day_and_back(operator, years, settings):
    settings.TIME_ZONE = "UTC"
    assert 'href="?started=2023"' in operator.page(ALL)
    assert 'href="?started=2022"' not in operator.page(ALL)
    page = operator.page(ALL, {"started": "2023"})
    assert 'href="?started=2023-12"' in page
    assert 'href="?started=2023-11"' not in page, "nothing is older than the oldest row"
    page = operator.page(ALL, {"started": "2024-02"})
    assert 'href="?started=2024-02-29"' in page
    assert 'href="?started=2024-02-30"' not in page
    page = operator.page(ALL, {"started": "2024-02-29"})
    assert 'href="?started=2024"' in page
    assert 'href="?started=2024-02"' in page


def test_dates_are_those_of_the_sites_time_zone(operator, years, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    assert years["2023-12-31T23:59:59"] in keys(operator.page(ALL, {"started": "2024-01-01"}))


# Read-only.


@pytest.mark.parametrize("path", [ALL, STUCK])
def test_nobody_adds_changes_or_deletes(operator, crashed, path):
    row = crashed()
    before = FlowTransaction.objects.values().get(pk=row.pk)
    detail = f"{path}{row.pk}/change/"
    assert operator.get(f"{path}add/").status_code == 403
    assert operator.post(f"{path}add/", {"state": "signed_in"}).status_code == 403
    assert operator.post(detail, {"state": "signed_in", "_save": "Save"}).status_code == 405
    assert operator.get(f"{path}{row.pk}/delete/").status_code == 403
    assert operator.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    deleting = {"action": "delete_selected", "_selected_action": [str(row.pk)], "index": "0", "post": "yes"}
    assert operator.post(path, deleting).status_code in {200, 302}
    assert FlowTransaction.objects.values().get(pk=row.pk) == before


def test_it_needs_its_own_permission(staff, crashed):
    row = crashed()
    nobody, viewer = staff(name="ned"), staff("view_flowtransaction", name="vera")
    for path in (ALL, STUCK, f"{ALL}{row.pk}/change/", f"{STUCK}{row.pk}/change/"):
        assert nobody.get(path).status_code == 403, path
    assert keys(viewer.page(ALL)) == [str(row.pk)]
    assert viewer.get(STUCK).status_code == 403
    assert viewer.get(f"{ALL}{row.pk}/change/").status_code == 200

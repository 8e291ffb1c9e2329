"""The page of one transaction: how it stands, what can be done, what happened, where it went."""

from __future__ import annotations

import html
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from stateful_oauth.diagrams import edge_id
from stateful_oauth.django import wiring
from stateful_oauth.django.operators.transactions import LINES
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from stateful_oauth.testing.browser import Browser
from tests.support.on_call import ALL, STUCK, OnCall
from tests.support.rows import steps, the_row

pytestmark = [pytest.mark.database, pytest.mark.django_db]

SVG = "{http://www.w3.org/2000/svg}"
COLUMNS = [
    "No.",
    "At",
    "Since previous",
    "Event",
    "From",
    "To",
    "Effect started",
    "Code",
    "Actor",
    "Reason",
]


def detail(operator: OnCall, row: Any, at: str = STUCK) -> str:
    return operator.page(f"{at}{row.pk}/change/")


def text_of(part: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", part)).split())


def log_of(page: str) -> tuple[list[str], list[list[str]]]:
    """Return head and lines of the timeline, as text."""
    table = page.partition('<table class="so-log">')[2].partition("</table>")[0]
    head, _, body = table.partition("<tbody>")
    lines = [
        [text_of(cell) for cell in re.findall(r"<t[dh][ >].*?</t[dh]>", line)] for line in body.split("<tr")
    ]
    return [text_of(cell) for cell in re.findall(r"<th .*?</th>", head)], [line for line in lines if line]


def diagram_of(page: str) -> ET.Element:
    found = re.search(r"<svg [^>]*class=\"flow-diagram.*?</svg>", page, re.DOTALL)
    assert found is not None, "There is no diagram."
    return ET.fromstring(found[0])


def with_class(svg: ET.Element, name: str) -> set[str]:
    return {e.attrib["id"] for e in svg.iter() if name in e.get("class", "").split() and e.get("id")}


def test_both_lists_lead_to_the_same_page(operator, crashed):
    row = crashed()
    ours = [detail(operator, row, at).partition("<main")[2].replace(at, "") for at in (STUCK, ALL)]
    csrf = r'name="csrfmiddlewaretoken" value="[^"]*"'
    assert re.sub(csrf, "", ours[0]) == re.sub(csrf, "", ours[1])


def test_it_says_how_a_row_stands(operator, crashed, clock):
    row = crashed()
    clock.advance(100)
    page = text_of(detail(operator, row))
    assert f"Transaction {row.pk}" in page
    assert "State exchanging_code (working), for 1 h 1 min" in page
    assert "Situation overdue The worker did not come back. Recovery is due." in page
    assert "Flow login, version 1" in page
    assert (
        "Effect of a retry exchange_code cannot be repeated. The attempt ends with code_exchange_lost."
        in page
    )
    assert "User not known yet" in page
    assert "Recovery is due 20" in page


def test_it_says_what_a_code_means_and_what_to_do(operator, stuck_toy):
    page = text_of(detail(operator, stuck_toy()))
    entry = ERROR_CODES["recovery_exhausted"]
    assert " ".join(f"recovery_exhausted {entry.meaning}".split()) in page
    assert f"What to do: {entry.operator}" in page


def test_of_a_stuck_row_it_does_not_say_that_recovery_is_due(operator, stuck_toy):
    """No sweep takes it any more: whoever is on call would wait in vain."""
    page = text_of(detail(operator, stuck_toy()))
    assert "Stuck since 20" in page
    assert "Recovery is due" not in page


def test_the_timeline_has_every_line(operator, tenant, attempt, clock):
    """A stranger's callback first, which is rejected; then the browser's own, and it is over."""
    from tests.support.callers import Person

    started = attempt().authorize()
    clock.advance(2)
    started.deliver(Person("somebody else"))
    clock.advance(0.25)
    started.deliver()
    row = the_row(started.id)
    head, lines = log_of(detail(operator, row, ALL))
    assert head == COLUMNS
    records = list(TransitionRecord.objects.filter(transaction=row).order_by("sequence"))
    assert (
        [line[0] for line in lines]
        == [str(record.sequence) for record in records]
        == ["100", "101", "200", "300", "400"]
    )
    assert [line[2] for line in lines] == ["-", "2 s", "250 ms", "0 ms", "0 ms"]
    assert lines[1][3:] == [
        "callback rejected",
        "awaiting_callback",
        "no change",
        "-",
        "other_browser",
        "browser",
        "-",
    ]
    assert lines[2][3:] == [
        "callback",
        "awaiting_callback",
        "exchanging_code",
        "exchange_code",
        "-",
        "browser",
        "-",
    ]
    assert lines[-1][5] == "signed_in"


def test_what_an_operator_did_is_in_it_with_name_and_reason(operator, crashed):
    row = crashed()
    operator.operate("abandon", row, reason="told on the phone <b>twice</b>")
    page = detail(operator, row, ALL)
    _, lines = log_of(page)
    assert lines[-1][3:] == [
        "abandon", "exchanging_code", "abandoned", "-", "abandoned", f"operator:{operator.user.pk}",
        "told on the phone <b>twice</b>",
    ]  # fmt: skip
    assert "<b>twice" not in page


def test_a_very_long_log_is_cut_and_says_so(operator, toy):
    row = toy("busy")
    first = TransitionRecord.objects.filter(transaction=row).order_by("sequence").last()
    assert first is not None
    TransitionRecord.objects.bulk_create(
        TransitionRecord(
            transaction=row, sequence=first.sequence + 100 * n, event="retry", source="counting",
            target="counting", actor="system", code="rate_limited", at=first.at,
        )
        for n in range(1, LINES + 50)
    )  # fmt: skip
    page = detail(operator, row)
    _, lines = log_of(page)
    assert len(lines) == LINES
    assert f"The newest {LINES} lines of a longer log." in page
    assert lines[-1][0] == str(first.sequence + 100 * (LINES + 49))


# The diagram.


def test_the_diagram_marks_the_path_and_the_state(operator, crashed):
    row = crashed()
    svg = diagram_of(detail(operator, row))
    taken = [edge_id("login", source, event, target) for source, event, target in steps(row.pk)]
    assert {i for i in with_class(svg, "travelled") if "-edge-" in i} == set(taken)
    assert with_class(svg, "current") == {"login-state-exchanging_code"}


def test_the_diagram_of_a_transaction_counts_its_loops(operator, stuck_toy):
    row = stuck_toy()
    loops = sum(event == "retry" for _, event, _ in steps(row.pk))
    assert loops > 1
    assert f"retry ({loops} times)" in "".join(diagram_of(detail(operator, row)).itertext())


def test_the_diagram_stands_in_the_page_without_scripts_styles_or_anything_from_outside(operator, crashed):
    page = detail(operator, crashed())
    svg = diagram_of(page)
    assert not [e for e in svg.iter() if e.tag in {f"{SVG}style", f"{SVG}script", f"{SVG}image", f"{SVG}use"}]
    ours = page.partition("<main")[2].partition("</main>")[0]
    assert not re.search(
        r"<script|<style| style=| on\w+=|javascript:|https?://(?!www\.w3\.org/2000/svg)", ours
    )
    assert '/static/stateful_oauth/flow-diagram.css"' in page


def test_who_sees_no_picture_is_told_the_same(operator, crashed):
    page = detail(operator, crashed())
    svg = diagram_of(page)
    assert svg.get("role") == "img"
    ids = {e.attrib["id"]: "".join(e.itertext()) for e in svg.iter() if e.get("id")}
    label = " ".join(ids[name] for name in svg.attrib["aria-labelledby"].split())
    assert "login flow" in label
    assert "callback from awaiting_callback to exchanging_code" in label
    assert "Current state: exchanging_code." in label


def test_tables_have_headers_regions_have_names_and_buttons_say_why_not(operator, crashed):
    page = detail(operator, crashed())
    ours = page.partition("<main")[2].partition("</main>")[0]
    assert all("scope=" in cell for cell in re.findall(r"<th[ >].*?>", ours))
    named = re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', ours)
    ids = set(re.findall(r'id="([^"]+)"', page))
    assert set(" ".join(named).split()) <= ids
    assert (
        len(re.findall(r'role="region"', ours))
        == len(re.findall(r'tabindex="0" role="region" aria-label', ours))
        == 2
    )


def test_every_page_has_one_of_each_id(operator, crashed):
    ids = re.findall(r'\sid="([^"]+)"', detail(operator, crashed()))
    assert len(ids) == len(set(ids)), sorted(i for i in ids if ids.count(i) > 1)


# What can be done.


def offers(page: str) -> dict[str, str]:
    """Return why each operation is not possible, empty where it is."""
    items = re.findall(r"<li>(.*?)</li>", page.partition('<ul class="so-operations">')[2], re.DOTALL)[:3]
    found = {}
    for item in items:
        name = re.search(r"so-why-(\w+)", item)
        assert name is not None
        disabled = "disabled" in item
        assert disabled == ("<button" in item) == ("href=" not in item), item
        found[name[1]] = text_of(item.partition("<span")[2].partition(">")[2]) if disabled else ""
    return found


def test_what_is_possible_depends_on_machine_and_state(operator, crashed, attempt, toy, counter, tenant):
    overdue = offers(detail(operator, crashed()))
    assert overdue == {
        "retry": "",
        "cancel": "You cannot cancel a transaction in exchanging_code.",
        "abandon": "",
    }
    waiting = offers(detail(operator, the_row(attempt().id), ALL))
    assert waiting == {
        "retry": "The transaction waits for its browser. There is nothing to retry.",
        "cancel": "",
        "abandon": "",
    }
    postponed = offers(detail(operator, toy("busy")))
    assert postponed["retry"].startswith("The provider asked to wait. Recovery is due 20")
    in_flight = offers(detail(operator, toy(crash=True), ALL))
    assert in_flight["retry"].startswith("A worker has the transaction until 20")
    Browser(tenant).sign_in("ada@example.com")
    over = offers(detail(operator, FlowTransaction.objects.get(state="signed_in"), ALL))
    assert set(over.values()) == {"The transaction is finished. A final state never changes."}


def test_nothing_is_possible_with_a_quarantined_row_and_it_says_what_to_do(operator, crashed):
    row = crashed()
    FlowTransaction.objects.filter(pk=row.pk).update(definition_version=7)
    page = detail(operator, row)
    assert set(offers(page).values()) == {"The row has version 7 of login. This release has version 1."}
    assert "Deploy the release that wrote it, or add an upcast." in page
    assert "The diagram shows the flow in this release" in page
    assert diagram_of(page) is not None


def test_a_flow_that_is_gone_cannot_be_drawn_and_says_so(operator, crashed):
    row = crashed()
    FlowTransaction.objects.filter(pk=row.pk).update(kind="shop.checkout")
    page = detail(operator, row)
    assert "This release does not have the flow, so there is no diagram." in page
    assert 'class="flow-diagram' not in page
    assert set(offers(page).values()) == {"This release has no flow “shop.checkout”."}


def test_what_one_has_no_permission_for_is_not_possible(staff, crashed):
    row = crashed()
    viewer = staff("view_stucktransaction", "abandon_flow")
    found = offers(detail(viewer, row))
    assert found["abandon"] == ""
    assert found["retry"] == found["cancel"] == "You do not have permission to do this."


@pytest.mark.parametrize("key", ["nonsense", "00000000-0000-7000-8000-000000000000", "_5B", "%00"])
def test_a_row_that_is_not_there_is_not_found(operator, key):
    for at in (STUCK, ALL):
        assert operator.get(f"{at}{key}/change/").status_code == 404


def test_a_list_builds_no_machine_for_a_row(operator, toy, monkeypatch):
    for _ in range(3):
        toy("busy")
    operator.page(STUCK)  # whatever a process does once
    built = []
    machine = wiring.flows()["tests.toy"].machine
    original = machine.__init__

    def counting(self, *args, **kwargs):
        built.append(args)
        original(self, *args, **kwargs)

    monkeypatch.setattr(machine, "__init__", counting)
    operator.page(STUCK)
    operator.page(ALL)
    assert built == []

"""The admin page of all attempts, and the command that tells the same."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command

from stateful_oauth.diagrams import edge_id
from stateful_oauth.storage.models import FlowTransaction
from tests.support.counting import counted
from tests.support.on_call import OnCall

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db]

ADA = "ada@example.com"
PAGE = "/admin/stateful_oauth/hourofattempts/"


@pytest.fixture
def operator(db):
    """An operator who may look at this page, and at nothing else."""
    user = get_user_model().objects.create_user("carol", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_hourofattempts"))
    return OnCall(user)


@pytest.fixture
def attempts(browser, another_browser, clock):
    browser.sign_in(ADA)
    other = another_browser()
    other.get(str(other.visitor.decline(other.start())))
    another_browser().start()
    clock.advance(60)


def run(*arguments):
    out = io.StringIO()
    call_command("flows_report", *arguments, stdout=out)
    return out.getvalue()


def test_the_page_needs_a_permission_of_its_own(db, attempts):
    user = get_user_model().objects.create_user("dave", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_flowtransaction"))
    assert OnCall(user).get(PAGE).status_code == 403


def test_the_page_shows_the_funnel_and_the_codes_with_what_to_do(operator, attempts):
    text = operator.get(PAGE).content.decode()
    for wanted in ("came back from the provider", "signed_in", "access_denied", "33.3"):
        assert wanted in text
    assert ADA not in text


def test_the_diagram_is_drawn_as_wide_as_edges_were_taken(operator, attempts):
    text = operator.get(PAGE).content.decode()
    svg = ET.fromstring(re.search(r"<svg xmlns.*?</svg>", text, re.DOTALL)[0])
    widths = {
        group.get("id"): match[1]
        for group in svg.iter("{http://www.w3.org/2000/svg}g")
        if (match := re.search(r"wide-(\d)", group.get("class", "")))
    }
    assert widths[edge_id("login", "created", "start", "awaiting_callback")] == "8"
    assert widths[edge_id("login", "awaiting_callback", "cancel", "cancelled")] == "5", (
        "A third: by the root of the share."
    )
    drawn = "".join(svg.itertext())
    assert "access_denied 1" in drawn
    assert "now: 1" in drawn
    assert "<style" not in text.split("<svg", 1)[1], "A strict policy for styles takes the page."


def test_a_code_leads_to_the_attempts_that_ended_with_it(operator, attempts):
    text = operator.get(PAGE, {"code": "access_denied"}).content.decode()
    row = FlowTransaction.objects.get(code="access_denied")
    assert f"/admin/stateful_oauth/flowtransaction/{row.pk}/change/" in text
    assert str(FlowTransaction.objects.get(state="signed_in").pk) not in text


@pytest.mark.parametrize("query", [{"span": "x"}, {"flow": "no.such"}, {"state": "<b>"}, {"tenant": "'; --"}])
def test_nonsense_in_the_query_is_no_error(operator, attempts, query):
    response = operator.get(PAGE, query)
    assert response.status_code == 200
    assert (
        "<b>" not in response.content.decode().replace("<b>", "", 0).split("<body")[1].split("so-newest")[-1]
    )


def test_the_page_takes_a_fixed_number_of_statements(operator, attempts):
    with counted() as first:
        operator.get(PAGE)
    with counted() as second:
        operator.get(PAGE, {"span": "30d"})
    assert first.statements == second.statements
    assert len(first.statements) == 9, first.statements


def test_numbers_can_be_downloaded_as_json_and_csv(operator, attempts):
    response = operator.get(PAGE, {"format": "json"})
    assert response["Content-Disposition"].startswith("attachment")
    found = json.loads(response.content)
    assert found["funnel"][0] == {"step": "started", "count": 3, "percent": 100.0, "before": 0}
    rows = list(csv.DictReader(io.StringIO(operator.get(PAGE, {"format": "csv"}).content.decode())))
    assert ("code", "access_denied", "1") in [(row["part"], row["code"], row["count"]) for row in rows]


def test_a_connection_that_a_visitor_named_is_no_formula(operator, browser, configure, clock):
    configure(REQUEST_PARAMETERS=["connection"])
    browser.get("/auth/login/?connection=%3DHYPERLINK(1)")
    clock.advance(1)
    text = operator.get(PAGE, {"format": "csv"}).content.decode()
    assert ",=HYPERLINK" not in text
    assert "'=HYPERLINK(1)" in text


def test_the_command_tells_the_same_as_text(attempts):
    text = run()
    assert re.search(r"started +3 +100.0 %", text)
    assert "What to do:" in text


def test_the_command_draws_an_svg_file(attempts):
    svg = ET.fromstring(run("--format", "svg"))
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"


def test_the_report_command_gives_one_json_object(attempts):
    assert json.loads(run("--format", "json", "--since", "7d"))["funnel"][0]["count"] == 3


def test_counting_prints_nothing_when_there_is_nothing_to_count(db):
    assert run("--count") == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--since", "yesterday"],
        ["--since", "93d"],
        ["--since", "0h"],
        ["--kind", "no_such"],
        ["--tenant", "x"],
    ],
)
def test_a_wrong_option_is_refused_with_what_to_write(db, arguments):
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == 2

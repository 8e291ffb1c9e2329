"""Whoever is on call at the demo: a worker is killed, and the admin has what it left behind."""

from __future__ import annotations

import re

import pytest

from stateful_oauth.demo.people import OPERATOR_NAME, OPERATOR_PASSWORD
from stateful_oauth.demo.smoke import HttpVisitor

STUCK = "/admin/stateful_oauth/stucktransaction/"


@pytest.fixture
def operator(demo, visitor: HttpVisitor) -> HttpVisitor:
    """Sign the visitor in to the admin, as the welcome tells."""
    assert f"/admin/ as {OPERATOR_NAME} with the password {OPERATOR_PASSWORD}" in demo.welcome
    form = visitor.open("/admin/").at("/admin/login/").form(next="/admin/")
    page = visitor.submit(form, username=OPERATOR_NAME, password=OPERATOR_PASSWORD)
    page.at("/admin/").shows("Stuck transactions")
    return visitor


def test_a_killed_workers_attempt_is_found_and_retried(operator: HttpVisitor):
    entry = operator.what_if("worker-killed").at("/what-if/worker-killed/")
    entry.shows("exchanging code").shows("Open the admin as “operator”")
    attempt = re.search(r"/timeline/([0-9a-f-]{36})/", entry.text)
    assert attempt is not None
    listed = operator.open(f"{STUCK}?q={attempt[1]}").shows("overdue").shows("exchange_code")
    assert f"{STUCK}{attempt[1]}/change/" in listed.text
    detail = operator.open(f"{STUCK}{attempt[1]}/change/").shows("flow-diagram marked").shows("current")
    detail.shows("The attempt ends with code_exchange_lost")
    confirm = operator.open(f"{STUCK}operate/retry/?transaction={attempt[1]}")
    after = operator.submit(confirm.form_to(f"{STUCK}operate/retry/"), reason="seen in the demo")
    after.at(f"{STUCK}{attempt[1]}/change/").shows("Finished: failed.").shows("seen in the demo")


def test_the_admins_pages_do_with_a_policy_that_allows_nothing_inline(operator: HttpVisitor):
    operator.what_if("worker-killed")
    listed = operator.open(STUCK)
    detail = re.search(rf"{STUCK}[0-9a-f-]{{36}}/change/", listed.text)
    assert detail is not None
    for path in (
        STUCK,
        detail[0],
        "/admin/stateful_oauth/flowtransaction/",
        "/admin/stateful_oauth/identity/",
    ):
        page = operator.open(path)
        policy = page.headers["Content-Security-Policy"]
        assert "'unsafe-inline'" not in policy
        assert "nonce" not in policy
        ours = page.text.partition("<main")[2].partition("</main>")[0]
        assert not re.search(r"<style|<script(?![^>]*src=)| style=| on\w+=", ours), path


def test_the_admins_styles_are_served(operator: HttpVisitor):
    for name in ("operators.css", "flow-diagram.css"):
        page = operator.open(f"/static/stateful_oauth/{name}")
        assert page.status == 200
        assert page.headers["Content-Type"].startswith("text/css")

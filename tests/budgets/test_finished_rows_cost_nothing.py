"""Finished rows pile up and nothing gets slower: every statement of a sign-in finds its rows by an index."""

from __future__ import annotations

import pytest
from django.db import connection

from stateful_oauth.emulator import Tenant
from stateful_oauth.testing.browser import Browser
from tests.support.counting import counted
from tests.support.finished import seed_finished
from tests.support.plans import plan, reads_a_whole_table

pytestmark = [pytest.mark.database, pytest.mark.django_db]

# Of 20 000 rows and 80 000 records, so that reading a whole table would never be the cheaper plan.
_ROWS = 20_000


def test_every_statement_of_a_sign_in_finds_its_rows_by_an_index(tenant: Tenant, db: None):
    Browser(tenant).sign_in("ada@example.com")
    seed_finished(_ROWS)
    browser = Browser(tenant)
    browser.start()
    with counted() as count:
        address = browser.authorize(browser.start("/profile/"), "ada@example.com")
        arrived = browser.get(address)
        browser.opens(arrived)
        browser.get(address)
        Browser(tenant).get(address)
        other = Browser(tenant)
        other.opens(other.get(str(other.visitor.decline(other.start()))))
    looked = [
        (name, *text)
        for name, text in zip(count.statements, count.texts, strict=True)
        if not name.startswith("INSERT") and "stateful_oauth" in text[0]
    ]
    names = {name for name, *_ in looked}
    # An identity table of one row is rightly read whole; its index is checked below.
    assert names == {"SELECT row", "UPDATE row", "SELECT log", "SELECT identity"}
    for name, sql, parameters in looked:
        if name != "SELECT identity":
            assert not reads_a_whole_table(sql, parameters), f"{sql}\n{plan(sql, parameters)}"


def test_every_statement_of_a_sign_out_finds_its_rows_by_an_index(tenant: Tenant, db: None):
    browser = Browser(tenant)
    browser.sign_in("ada@example.com")
    seed_finished(_ROWS)
    browser.start()
    with counted() as count:
        browser.post("/auth/logout/")
    updates = [text for name, text in zip(count.statements, count.texts, strict=True) if name == "UPDATE row"]
    assert len(updates) == 3
    for sql, parameters in updates:
        assert not reads_a_whole_table(sql, parameters), f"{sql}\n{plan(sql, parameters)}"


def test_an_identity_is_found_by_its_digest(tenant: Tenant, db: None):
    Browser(tenant).sign_in("ada@example.com")
    address_of_bob = (browser := Browser(tenant)).authorize(browser.start(), "bob@example.com")
    with counted() as count:
        browser.get(address_of_bob)
    sql, parameters = count.texts[count.statements.index("SELECT identity")]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # two rows: the planner would not bother
    assert not reads_a_whole_table(sql, parameters), plan(sql, parameters)
    assert "digest" in plan(sql, parameters)


def test_the_indexes_of_the_sweeps_hold_no_finished_row(db: None):
    """They are partial, and their size does not follow the table's."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite does not tell the size of an index")
    seed_finished(_ROWS)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relname = ANY(%s)",
            [["stateful_oauth_waiting", "stateful_oauth_working", "stateful_oauth_browser"]],
        )
        sizes = dict(cursor.fetchall())
    assert len(sizes) == 3
    assert max(sizes.values()) <= 64 * 1024, sizes

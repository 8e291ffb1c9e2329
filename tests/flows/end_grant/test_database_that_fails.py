"""A database that fails for a moment, just when a refresh token has come: the token is revoked."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection

from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import FlowTransaction, Grant
from stateful_oauth.testing.world.living_tokens import known_families, living_families
from tests.support.accounts_site import XPTO
from tests.support.crashes import at

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def user(tenant):
    return tenant.add_user(email=XPTO, password="a good one")


@contextmanager
def fails_once(part, *, when):
    """Let the first statement that holds a text fail, as soon as something else is so."""
    failed = []

    def refuse(execute, sql, params, many, context):
        if part in sql and when() and not failed:
            failed.append(sql)
            raise OperationalError("the database is restarting")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield
    assert failed, "No statement failed, so nothing was tested."


def gone():
    raise OperationalError("the database is restarting")


def agreed(tenant, clock):
    clock.advance(600)
    recover_due()
    assert living_families(tenant) == known_families(tenant)
    assert not FlowTransaction.objects.exclude(state_kind="final").exists()


def the_row(kind):
    return FlowTransaction.objects.filter(kind=kind).latest("pk")


def test_settlement_that_is_not_committed_revokes_what_it_was_given(tenant, browser, clock):
    callback = browser.authorize(browser.start(), XPTO)
    with at("settle.before_commit", "code_exchanged", gone):
        assert browser.get(callback).status_code == 503
    row = the_row("login")
    assert (row.state, row.code) == ("failed", "code_exchange_lost"), "It ends at once, and is not swept."
    assert not Grant.objects.exists()
    agreed(tenant, clock)


@pytest.mark.parametrize("table", ["stateful_oauth_identity", "stateful_oauth_grant", "auth_user"])
def test_statement_that_fails_during_the_settlement_leaves_no_token(tenant, browser, clock, table):
    callback = browser.authorize(browser.start(), XPTO)
    with fails_once(f'"{table}"', when=lambda: tenant.issued.refresh):
        assert browser.get(callback).status_code == 503
    agreed(tenant, clock)


def test_effect_that_reads_the_database_after_the_exchange_leaves_no_token(tenant, browser, clock):
    """A step-up asks for the user's standing before it settles."""
    browser.sign_in(XPTO)
    started = browser.post("/auth/step-up/", {"max_age": "0", "next": "/profile/"})["Location"]
    callback = browser.authorize(started, XPTO)
    before = len(tenant.issued.refresh)
    with fails_once('"stateful_oauth_identity"', when=lambda: len(tenant.issued.refresh) > before):
        assert browser.get(callback).status_code == 503
    assert the_row("step_up").code == "code_exchange_lost"
    agreed(tenant, clock)
    assert len(living_families(tenant)) == 1


def test_settlement_that_another_worker_overtakes_while_the_database_fails(tenant, browser, clock):
    callback = browser.authorize(browser.start(), XPTO)

    over = []

    def overtaken():
        clock.advance(60)
        recover_due()
        over.append(the_row("login").code)

    with at("effect.after", "exchange_code", overtaken), fails_once("INSERT", when=lambda: over):
        browser.get(callback)
    agreed(tenant, clock)
    assert over == ["code_exchange_lost"]

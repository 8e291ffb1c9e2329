"""Two sign-ins of one user with different roles: the later token decides, even if it is settled first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.models import Group

from stateful_oauth.django import backends
from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.storage.models import Identity
from tests.support.after_crashes import recovery_runs
from tests.support.crashes import at, crash_at
from tests.support.users_and_claims import ADA, CLAIM, notes

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True), pytest.mark.security("L17")]

ROLES = {"claim": CLAIM, "staff": ["support"], "groups": {"editor": "Editors"}}


def sign_in(*roles, issued_at, asked_at=None, subject="auth0|1"):
    claims = {CLAIM: [*roles], "iat": issued_at}
    identity = VerifiedIdentity(
        issuer="https://tenant.example/",
        subject=subject,
        claims=claims,
        tenant="default",
        obtained_at=asked_at,
    )
    return authenticate(None, identity=identity)


@pytest.fixture(autouse=True)
def rules(clock, choose):
    choose(ROLES=ROLES)
    Group.objects.create(name="Editors")


def stored():
    user = get_user_model().objects.get()
    return user.is_staff, user.groups.exists()


@pytest.mark.parametrize(("first", "second"), [(["support", "editor"], []), ([], ["support", "editor"])])
def test_older_token_that_is_settled_later_changes_nothing(first, second):
    sign_in(*first, issued_at=1_700_000_100)
    expected = stored()
    sign_in(*second, issued_at=1_700_000_099)
    assert stored() == expected == (bool(first), bool(first))


def test_newer_token_decides_however_often_an_older_one_comes():
    sign_in("support", issued_at=100)
    sign_in(issued_at=200)
    for issued_at in (150, 100, 199):
        sign_in("support", "editor", issued_at=issued_at)
    assert stored() == (False, False)


def test_tokens_of_one_second_are_told_apart_by_when_they_were_asked_for():
    now = datetime.now(UTC)
    sign_in(issued_at=100, asked_at=now)
    sign_in("support", issued_at=100, asked_at=now - timedelta(milliseconds=5))
    assert stored() == (False, False)
    sign_in("support", issued_at=100, asked_at=now + timedelta(milliseconds=5))
    assert stored() == (True, False)


def test_newest_token_decides_over_all_identities_of_a_user():
    user = sign_in("support", issued_at=100)
    sign_in(issued_at=100, subject="auth0|2")
    Identity.objects.filter(subject="auth0|2").update(user=user)
    get_user_model().objects.exclude(pk=user.pk).delete()
    sign_in(issued_at=200, subject="auth0|2")
    sign_in("support", issued_at=150)
    assert stored() == (False, False)


def test_flags_are_compared_with_what_is_stored_and_not_with_what_was_read(monkeypatch):
    """Another worker may have written them after this one had read the user."""
    user = sign_in("support", issued_at=100)
    find = backends.find_identity

    def stale(*args, **kwargs):
        row = find(*args, **kwargs)
        row.user.is_staff = False  # as before the other worker's commit
        return row

    monkeypatch.setattr(backends, "find_identity", stale)
    sign_in(issued_at=200)
    monkeypatch.undo()
    assert not get_user_model().objects.get(pk=user.pk).is_staff


def test_parallel_sign_ins_leave_what_the_later_token_says_and_a_line_each(browser, another_browser, claims):
    """The first browser's worker is held up between the exchange and the commit."""
    claims[CLAIM] = ["support", "editor"]
    early, other = browser.authorize(browser.start(), ADA), another_browser()

    def meanwhile():
        claims[CLAIM] = []
        other.sign_in(ADA)

    with at("effect.after", "exchange_code", meanwhile):
        assert browser.get(early)["Location"] == "/profile/"
    assert browser.user_id == other.user_id
    assert stored() == (False, False)
    assert sorted(notes()) == ["", "roles: unchanged, because a newer token has decided"]


def test_killed_worker_takes_nothing_away_without_its_sign_in(browser, claims, clock):
    claims[CLAIM] = ["support", "editor"]
    browser.sign_in(ADA)
    claims[CLAIM] = []
    address = browser.authorize(browser.start(), ADA)
    with crash_at("settle.before_commit", "code_exchanged"):
        browser.get(address)
    recovery_runs(clock)
    assert stored() == (True, True)
    browser.sign_in(ADA)
    assert stored() == (False, False)
    assert LogEntry.objects.count() == 2, "given once, taken away once"


def test_killed_worker_loses_no_removal_that_it_has_committed(browser, claims, clock):
    claims[CLAIM] = ["support", "editor"]
    browser.sign_in(ADA)
    claims[CLAIM] = []
    address = browser.authorize(browser.start(), ADA)
    with crash_at("settle.after_commit", "code_exchanged"):
        browser.get(address)
    assert stored() == (False, False)
    recovery_runs(clock)
    assert browser.get(address)["Location"] == "/profile/"
    assert stored() == (False, False)
    assert LogEntry.objects.count() == 2, "given once, taken away once"

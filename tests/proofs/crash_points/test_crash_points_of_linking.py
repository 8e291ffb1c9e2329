"""The process ends at every named place of linking accounts, keeping them apart, and unlinking.

Then time passes, and the sweep or the browser goes on: nothing is done twice at the provider, nothing is left
working, and what is known here is what happened there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from stateful_oauth.storage.models import AccountLink, FlowTransaction
from tests.support import rows
from tests.support.accounts_site import VICTIM, prepare, site
from tests.support.after_crashes import LEASE, each_place, nothing_twice, passed_by, recovery_runs, state_of
from tests.support.crash_tables import AUTOMATIC, CONFIRM, KEEP_APART, PROVED, UNLINK
from tests.support.crashes import crash_at
from tests.support.deliveries import answer_of

pytestmark = pytest.mark.database

GOOGLE = "google-oauth2"


@pytest.fixture
def tenant(tenant):
    with site():
        yield prepare(tenant)


def state() -> str | None:
    """Of the sign-in; of one that handed over, that of the row which goes on with it."""
    return state_of("account_linking") or state_of("login")


@dataclass
class Pair:
    """Two accounts of one address; the newcomer has something to merge."""

    tenant: Any
    first: Any
    newcomer: Any

    def agree(self) -> None:
        link = AccountLink.objects.get()
        assert (link.primary_subject, link.secondary_subject) == (self.first.user_id, self.newcomer.user_id)
        primary = self.tenant.people.users[self.first.user_id]
        assert [each.user_id for each in primary.identities[1:]] == [self.newcomer.identities[0].user_id]
        assert primary.user_metadata == {"colour": "red"}
        nothing_twice(self.tenant)


@pytest.fixture
def pair(tenant) -> Callable[..., Pair]:
    def make(*, asks: bool) -> Pair:
        metadata = {"user_metadata": {"colour": "red"}}
        password = tenant.add_user(email=VICTIM, password="a good one", **(metadata if asks else {}))
        social = tenant.add_user(email=VICTIM, connection=GOOGLE, **({} if asks else metadata))
        return Pair(tenant, *((social, password) if asks else (password, social)))

    return make


def is_signed_in_as(browser: Any, user: Any) -> None:
    assert browser.client.session["stateful_oauth"]["sub"] == user.user_id


@pytest.mark.parametrize("first", ["the sweep", "the browser"])
@each_place(AUTOMATIC)
def test_a_crash_while_accounts_are_linked_without_asking(
    tenant, browser, clock, pair, place, becomes, first
):
    pair = pair(asks=False)
    callback = browser.authorize(browser.start("/profile/"), pair.newcomer.user_id)
    with crash_at(*place):
        browser.get(callback)
    assert state() == becomes[0]
    assert browser.user_id is None
    if first == "the sweep":
        recovery_runs(clock)
        assert state() == becomes[1]
    else:
        clock.advance(LEASE)
    answer = answer_of(browser, callback)
    if becomes[1] == "failed":
        assert "/error/code_exchange_lost/" in answer["Location"]
        assert not AccountLink.objects.exists()
        answer = browser.sign_in(pair.newcomer.user_id, next_url="/profile/")
    assert answer["Location"] == "/profile/"
    is_signed_in_as(browser, pair.first)
    pair.agree()
    recovery_runs(clock)


def asked(browser: Any, pair: Pair) -> str:
    """Sign in as the newcomer; return the address of the page that asks."""
    page: str = browser.sign_in(pair.newcomer.user_id, next_url="/profile/")["Location"]
    return page


@pytest.mark.parametrize("first", ["the sweep", "the browser"])
@each_place(PROVED)
def test_a_crash_while_accounts_are_linked_after_a_proof(tenant, browser, clock, pair, place, becomes, first):
    pair = pair(asks=True)
    page = asked(browser, pair)
    location = browser.post(f"{page}confirm/")["Location"]
    callback = browser.authorize(location, pair.first.user_id)
    with crash_at(*place):
        browser.get(callback)
    assert state_of("account_linking") == becomes[0]
    if first == "the sweep":
        recovery_runs(clock)
        assert state_of("account_linking") == becomes[1]
    else:
        clock.advance(LEASE)
    answer = answer_of(browser, callback)
    if becomes[1] == "awaiting_confirmation":
        assert answer["Location"].endswith(page), "The user is asked once more."
        answer = browser.confirm(page, pair.first.user_id)
    assert answer["Location"] == "/profile/", rows.show(
        FlowTransaction.objects.get(kind="account_linking").pk
    )
    is_signed_in_as(browser, pair.first)
    pair.agree()
    recovery_runs(clock)


@each_place(CONFIRM)
def test_a_crash_while_the_user_confirms(tenant, browser, clock, pair, place, becomes):
    pair = pair(asks=True)
    page = asked(browser, pair)
    with crash_at(*place):
        browser.post(f"{page}confirm/")
    assert state_of("account_linking") == becomes[0]
    recovery_runs(clock)
    assert state_of("account_linking") == becomes[1]
    if becomes[1] == "awaiting_callback":
        row = FlowTransaction.objects.get(kind="account_linking")
        location = browser.get(f"/auth/progress/{row.pk}/")["Location"]
        answer = browser.get(browser.authorize(location, pair.first.user_id))
    else:
        answer = browser.confirm(page, pair.first.user_id)
    assert answer["Location"] == "/profile/"
    is_signed_in_as(browser, pair.first)
    pair.agree()


@each_place(KEEP_APART)
def test_a_crash_while_accounts_are_kept_apart(tenant, browser, clock, pair, place, becomes):
    pair = pair(asks=True)
    page = asked(browser, pair)
    with crash_at(*place):
        browser.post(f"{page}cancel/")
    assert state_of("account_linking") == becomes[0]
    recovery_runs(clock)
    assert state_of("account_linking") == becomes[1]
    # What was not settled is done now; what was, is answered once more.
    assert browser.post(f"{page}cancel/")["Location"] == "/profile/"
    is_signed_in_as(browser, pair.newcomer)
    assert tenant.ledger.count("identity_linked") == 0
    nothing_twice(tenant)


@each_place(UNLINK)
def test_a_crash_while_an_account_is_unlinked(tenant, browser, clock, pair, place, becomes):
    pair = pair(asks=False)
    browser.sign_in(pair.newcomer.user_id)
    link = AccountLink.objects.get()

    def unlink():
        return browser.post("/auth/unlink/", {"link": str(link.pk), "next": "/profile/"})

    with crash_at(*place):
        unlink()
    assert state_of("unlink_account") == becomes[0]
    recovery_runs(clock)
    assert state_of("unlink_account") == becomes[1]
    if becomes[1] is None:
        unlink()
    link.refresh_from_db()
    assert link.unlinked_at is not None
    assert len(tenant.people.users[pair.first.user_id].identities) == 1
    nothing_twice(tenant)


def test_the_crash_points_of_automatic_linking_and_unlinking_are_all_listed(tenant, browser, clock, pair):
    pair = pair(asks=False)
    callback = browser.authorize(browser.start(), pair.newcomer.user_id)
    _, passed = passed_by(lambda: browser.get(callback))
    assert passed == list(AUTOMATIC)
    _, passed = passed_by(lambda: browser.post("/auth/unlink/", {"link": str(AccountLink.objects.get().pk)}))
    assert passed == list(UNLINK)


def test_the_crash_points_of_linking_after_a_proof_are_all_listed(tenant, browser, clock, pair):
    pair = pair(asks=True)
    page = asked(browser, pair)
    answer, passed = passed_by(lambda: browser.post(f"{page}confirm/"))
    assert passed == list(CONFIRM)
    callback = browser.authorize(answer["Location"], pair.first.user_id)
    _, passed = passed_by(lambda: browser.get(callback))
    assert passed == list(PROVED)


def test_the_crash_points_of_keeping_accounts_apart_are_all_listed(tenant, browser, clock, pair):
    page = asked(browser, pair(asks=True))
    _, passed = passed_by(lambda: browser.post(f"{page}cancel/"))
    assert passed == list(KEEP_APART)

"""A sign-in that waits for a decision does not outlive what ended the user's sessions, nor its own time."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.django.sessions.endings import end_sessions
from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, FlowTransaction, Grant, Identity
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import VICTIM, XPTO, site
from tests.support.crashes import at
from tests.support.error_pages import error_code
from tests.support.link_pages import asked
from tests.support.rows import check_rows, nothing_working
from tests.support.waiting import waited

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
BY_EMAIL, LINK = "/api/v2/users-by-email", "/api/v2/users/{id}/identities"


@pytest.fixture
def github(tenant):
    """An account with the victim's address that has to be asked about."""
    return tenant.add_user(email=VICTIM, connection="github", email_verified=True)


@pytest.fixture
def planted(tenant, browser):
    """An account with an unverified copy of the address, known here."""
    user = tenant.add_user(email=VICTIM, password="the attacker's", email_verified=False)
    browser.sign_in(user.user_id)
    return user


def ask_again(user):
    """Let the next sign-in look for candidates again."""
    Identity.objects.filter(subject=user.user_id).update(link_checked=False)


def held_back(tenant, who, seconds=30.0, times=1):
    """Let somebody's sign-in wait for the provider; return the browser and where it is."""
    planned = tenant.faults.add(BY_EMAIL, "rate_limit", times, reset=seconds)
    waits = Browser(tenant)
    response = waits.sign_in(who.user_id, "/profile/")
    assert "/auth/progress/" in response["Location"]
    tenant.faults.remove(planned)
    return waits, response["Location"]


def user_of(account):
    return get_user_model().objects.get(auth0_identities__subject=account.user_id)


def take_over(tenant, user):
    tenant.users.patch(user.user_id, {"password": "the victim's own", "email_verified": True})


@pytest.mark.parametrize("known", [True, False], ids=["known here", "not known here"])
def test_a_held_sign_in_does_not_outlive_the_recovery(tenant, clock, known):
    user = tenant.add_user(email=VICTIM, password="the attacker's", email_verified=False)
    if known:
        Browser(tenant).sign_in(user.user_id)
        ask_again(user)
    attacker, page = held_back(tenant, user)
    take_over(tenant, user)
    victim = Browser(tenant)
    assert victim.sign_in(user.user_id, "/profile/")["Location"] == "/profile/"
    clock.advance(31)
    assert error_code(attacker.get(page)) == "sign_in_outdated"
    assert attacker.user_id is None
    assert Identity.objects.get(subject=user.user_id).email_verified
    assert victim.get("/profile/").status_code == 200
    assert Grant.objects.filter(ended_at__isnull=True).count() == 1
    check_rows()


def test_a_sweep_settles_no_held_sign_in_of_a_planted_account(tenant, clock, planted):
    ask_again(planted)
    _, page = held_back(tenant, planted)
    take_over(tenant, planted)
    Browser(tenant).sign_in(planted.user_id)
    clock.advance(31)
    recover_due()
    row = FlowTransaction.objects.get(pk=page.split("/")[-2])
    assert (row.state, row.code) == ("failed", "sign_in_outdated")
    assert Identity.objects.get(subject=planted.user_id).email_verified


def test_a_question_does_not_outlive_the_recovery(tenant, planted, github):
    """The attacker waits at the question while the victim takes the account back."""
    ask_again(planted)
    attacker, victim = Browser(tenant), Browser(tenant)
    question = asked(attacker, attacker.sign_in(planted.user_id))
    take_over(tenant, planted)
    assert asked(victim, victim.sign_in(planted.user_id)).keep_apart()["Location"] == "/profile/"
    assert error_code(question.keep_apart()) == "sign_in_outdated"
    assert attacker.user_id is None
    assert Identity.objects.get(subject=planted.user_id).email_verified
    assert victim.get("/profile/").status_code == 200


@pytest.mark.parametrize("way", ["end_sessions", "password", "unusable"])
def test_a_held_sign_in_does_not_outlive_an_ending(tenant, clock, planted, way):
    ask_again(planted)
    waits, page = held_back(tenant, planted)
    user = user_of(planted)
    if way == "end_sessions":
        end_sessions(user)
    elif way == "password":
        user.set_password("of the site")
        user.save()
    else:
        user.set_unusable_password()
        user.save()
    clock.advance(31)
    assert error_code(waits.get(page)) == "sign_in_outdated"
    assert waits.user_id is None


def test_two_held_sign_ins_of_one_user_both_work(tenant, clock, planted):
    ask_again(planted)
    one, one_page = held_back(tenant, planted)
    other, other_page = held_back(tenant, planted)
    clock.advance(31)
    assert other.get(other_page)["Location"] == "/profile/"
    assert one.get(one_page)["Location"] == "/profile/"
    assert one.user_id == other.user_id is not None


def test_two_held_first_sign_ins_both_work(tenant, clock):
    user = tenant.add_user(email=VICTIM, password="x")
    one, one_page = held_back(tenant, user)
    other, other_page = held_back(tenant, user)
    clock.advance(31)
    assert other.get(other_page)["Location"] == "/profile/"
    assert one.get(one_page)["Location"] == "/profile/"
    assert one.user_id == other.user_id is not None


def test_older_claims_take_no_evidence_away(tenant, clock, browser):
    """What was connected after the address was verified stays evidence."""
    user = tenant.add_user(email="old@example.com", password="x", email_verified=False)
    tenant.add_user(email="own@gmail.com", connection="google-oauth2", signed_up=False)
    browser.sign_in(user.user_id)
    ask_again(user)
    attacker, page = held_back(tenant, user)
    tenant.users.patch(user.user_id, {"email": VICTIM, "email_verified": True})
    browser.sign_in(user.user_id)
    browser.connect("google-oauth2", "own@gmail.com")
    clock.advance(31)
    assert error_code(attacker.get(page)) == "sign_in_outdated"
    assert ConnectedAccount.objects.get().owner_verified
    assert Identity.objects.get(subject=user.user_id).email == VICTIM


# A longest life of its own.


def test_a_sign_in_is_held_for_half_an_hour_at_most(tenant, clock):
    user = tenant.add_user(email=VICTIM, password="x")
    waits, page = held_back(tenant, user, seconds=7200.0)
    clock.advance(1799)
    assert waits.get(page).status_code == 202
    clock.advance(1)
    asked_before = tenant.requests[BY_EMAIL]
    assert error_code(waits.get(page)) == "sign_in_held_too_long"
    assert tenant.requests[BY_EMAIL] == asked_before, "Nobody is asked for a sign-in that is over."
    assert waits.user_id is None
    nothing_working()


def test_how_long_is_a_setting(tenant, clock):
    user = tenant.add_user(email=VICTIM, password="x")
    with site(HELD_SIGN_IN_LIFETIME=900):
        waits, page = held_back(tenant, user, seconds=7200.0)
        clock.advance(900)
        recover_due()
        assert error_code(waits.get(page)) == "sign_in_held_too_long"


def test_a_question_is_not_kept_alive_by_asking_again(tenant, clock, github):
    """Each try waits for ten minutes of its own, and all of them together no longer than the sign-in."""
    newcomer = tenant.add_user(email=VICTIM, password="x", email_verified=True)
    late = Browser(tenant)
    question = asked(late, late.sign_in(newcomer.user_id))
    for _ in range(3):
        clock.advance(550)
        location = late.post(f"{question.address}confirm/")["Location"]
        late.get(str(late.visitor.decline(location)))
    clock.advance(151)
    assert error_code(question.keep_apart()) == "transaction_expired"
    assert late.user_id is None


def test_a_link_that_happened_is_finished_and_signs_no_one_in(tenant, clock):
    password = tenant.add_user(email=XPTO, password="a good one")
    Browser(tenant).sign_in(password.user_id)
    google = tenant.add_user(email=XPTO, connection="google-oauth2", user_metadata={"colour": "red"})
    with site(LINKING="off"):
        old = Browser(tenant)
        old.sign_in(google.user_id)
    assert old.get("/profile/").status_code == 200
    planned = tenant.faults.add("/api/v2/users/{id}", "rate_limit", None, reset=3600.0, method="PATCH")
    waits = Browser(tenant)
    page = waits.sign_in(google.user_id, "/profile/")["Location"]
    assert "/auth/progress/" in page
    tenant.faults.remove(planned)
    clock.advance(3601)
    assert error_code(waited(waits, waits.get(page), clock)) == "sign_in_held_too_long"
    assert waits.user_id is None
    assert AccountLink.objects.get().secondary_subject == google.user_id
    assert old.get("/profile/").status_code != 200, "What a link means for the other user is settled with it."
    nothing_working()
    check_rows()


def test_a_link_that_did_not_happen_in_time_does_not_happen(tenant, clock):
    tenant.add_user(email=XPTO, password="a good one")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    planned = tenant.faults.add(LINK, "rate_limit", None, reset=3600.0, method="POST")
    waits = Browser(tenant)
    page = waits.sign_in(google.user_id, "/profile/")["Location"]
    tenant.faults.remove(planned)
    clock.advance(3601)
    assert error_code(waited(waits, waits.get(page), clock)) == "sign_in_held_too_long"
    assert waits.user_id is None
    assert not AccountLink.objects.exists()
    assert tenant.ledger.count("identity_linked") == 0
    nothing_working()


def test_no_link_is_made_for_a_sign_in_from_before_an_ending(tenant, clock):
    password = tenant.add_user(email=XPTO, password="a good one")
    Browser(tenant).sign_in(password.user_id)
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    planned = tenant.faults.add(LINK, "rate_limit", None, reset=30.0, method="POST")
    waits = Browser(tenant)
    page = waits.sign_in(google.user_id, "/profile/")["Location"]
    tenant.faults.remove(planned)
    clock.advance(1)
    end_sessions(user_of(password))
    clock.advance(31)
    waits.get(page)
    assert not AccountLink.objects.exists()
    assert waits.client.session.get("stateful_oauth", {}).get("sub") != password.user_id


# Signing out.


@pytest.mark.parametrize("swept", [True, False])
def test_a_held_sign_in_does_not_outlive_a_sign_out(tenant, clock, planted, swept):
    ask_again(planted)
    waits, page = held_back(tenant, planted)
    cookies = {name: morsel.value for name, morsel in waits.client.cookies.items()}
    waits.post("/auth/logout/")
    waits.client.cookies.load(cookies)
    clock.advance(31)
    if swept:
        recover_due()
    assert error_code(waits.get(page)) == "transaction_unknown"
    assert waits.user_id is None
    clock.advance(31)
    recover_due()
    row = FlowTransaction.objects.get(pk=page.split("/")[-2])
    assert (row.state, row.code) == ("failed", "signed_out")


def test_signing_out_while_accounts_are_linked(tenant, clock, caplog):
    """The link is kept, because it happened; and nobody is signed in by it."""
    password = tenant.add_user(email=XPTO, password="a good one")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    leaves = Browser(tenant)
    callback = leaves.authorize(leaves.start(), google.user_id)
    with (
        at("effect.after", "link_accounts", lambda: leaves.post("/auth/logout/")),
        caplog.at_level(logging.WARNING),
    ):
        assert error_code(leaves.get(callback)) == "signed_out"
    assert leaves.user_id is None
    assert AccountLink.objects.get().primary_subject == password.user_id
    assert "the user signed out while linking was in flight" in caplog.text
    nothing_working()
    check_rows()


def test_signing_out_while_an_account_is_connected(tenant, browser):
    user = tenant.add_user(email=XPTO, password="a good one")
    tenant.add_user(email="own@gmail.com", connection="google-oauth2", signed_up=False)
    browser.sign_in(user.user_id)
    started = browser.post("/auth/connect/", {"connection": "google-oauth2"})["Location"]
    callback = browser.visitor.connect(started, as_account="own@gmail.com")
    with at("effect.after", "complete_connection", lambda: browser.post("/auth/logout/")):
        browser.get(callback)
    assert browser.user_id is None
    assert ConnectedAccount.objects.count() == 1, "It is connected, and that is kept."
    check_rows()

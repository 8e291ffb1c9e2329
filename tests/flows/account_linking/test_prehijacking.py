"""The five attacks of "Pre-hijacked accounts" (arXiv 2205.10174), each tried from the first page to the last.

The attacker comes first, with the victim's address; then the victim arrives, and the attacker comes back.
"""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import AccountLink, Grant
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import VICTIM
from tests.support.error_pages import error_code
from tests.support.link_pages import asked

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def attacker(tenant, browser):
    """The attacker's browser, signed in to an account that has the victim's address."""
    planted = tenant.add_user(email=VICTIM, password="known to the attacker", email_verified=False)
    browser.sign_in(planted.user_id)
    browser.planted = planted
    return browser


def take_over(tenant, user):
    """The victim resets the password by mail, which verifies the address."""
    tenant.users.patch(user.user_id, {"password": "the victim's own", "email_verified": True})
    tenant.revoke_refresh_tokens(user.user_id)


def may_open_the_profile(browser):
    return browser.get("/profile/").status_code == 200


@pytest.mark.security("L1", "B38")
def test_a_classic_federated_merge_lands_in_no_planted_account(tenant, attacker):
    """The victim signs in with Google, and must not land in the account that the attacker made."""
    google = tenant.add_user(email=VICTIM, connection="google-oauth2")
    victim = Browser(tenant)
    assert victim.sign_in(google.user_id)["Location"] == "/profile/"
    assert victim.user_id not in (None, attacker.user_id)
    assert not AccountLink.objects.exists()
    assert len(tenant.users.get(attacker.planted.user_id).identities) == 1

    again = Browser(tenant)
    again.sign_in(attacker.planted.user_id)
    assert again.user_id == attacker.user_id, "The attacker still has the attacker's account."
    assert not AccountLink.objects.exists()


@pytest.mark.security("L2")
def test_an_unexpired_session_ends_when_the_victim_takes_over(tenant, attacker):
    """The attacker stays signed in, here and with a refresh token; the victim takes the account over."""
    assert may_open_the_profile(attacker)
    take_over(tenant, attacker.planted)
    victim = Browser(tenant)
    assert victim.sign_in(attacker.planted.user_id)["Location"] == "/profile/"
    assert may_open_the_profile(victim)
    assert not may_open_the_profile(attacker), "Who was there before the address was verified is signed out."
    assert Grant.objects.filter(ended_at__isnull=True).count() == 1, "And has no grant any more."


@pytest.mark.security("L2")
def test_unexpired_session_identifier_when_the_victim_comes_by_a_link(tenant, attacker):
    """The same, when the victim verified the account and then signs in with Google, which is linked to it."""
    take_over(tenant, attacker.planted)
    google = tenant.add_user(email=VICTIM, connection="google-oauth2")
    victim = Browser(tenant)
    assert victim.sign_in(google.user_id)["Location"] == "/profile/"
    assert AccountLink.objects.get().primary_subject == attacker.planted.user_id
    assert may_open_the_profile(victim)
    assert not may_open_the_profile(attacker)
    assert not Grant.objects.filter(ended_at__isnull=True).exists()


@pytest.mark.security("L2", "B37")
def test_a_trojan_identifier_does_not_reach_the_victims_account(tenant, attacker):
    """The attacker connects an account of their own, and comes back with it after the victim took over."""
    own = tenant.add_user(email="attacker@gmail.com", connection="google-oauth2", signed_up=False)
    attacker.connect("google-oauth2", own.user_id)
    take_over(tenant, attacker.planted)
    victim = Browser(tenant)
    victim.sign_in(attacker.planted.user_id)

    back = Browser(tenant)
    question = asked(back, back.sign_in(own.user_id))
    assert back.user_id is None
    assert not AccountLink.objects.exists()
    assert question.keep_apart()["Location"] == "/profile/"
    assert back.user_id not in (None, victim.user_id)
    assert len(tenant.users.get(attacker.planted.user_id).identities) == 1


def test_trojan_identifier_connected_again_by_who_is_still_signed_in(tenant, attacker):
    """Connecting it once more after the take-over would make it look as if the victim had done it."""
    own = tenant.add_user(email="attacker@gmail.com", connection="google-oauth2", signed_up=False)
    attacker.connect("google-oauth2", own.user_id)
    take_over(tenant, attacker.planted)
    Browser(tenant).sign_in(attacker.planted.user_id)
    assert error_code(attacker.connect("google-oauth2", own.user_id)) == "sign_in_needed"
    back = Browser(tenant)
    asked(back, back.sign_in(own.user_id))


@pytest.mark.security("L2", "B37")
def test_trojan_identifier_of_a_linked_account(tenant, attacker):
    """An identity cannot be planted either: to link one, its owner has to prove the account it goes into."""
    own = tenant.add_user(email=VICTIM, connection="github", email_verified=False)
    back = Browser(tenant)
    assert back.sign_in(own.user_id)["Location"] == "/profile/"
    assert not AccountLink.objects.exists()


@pytest.mark.security("L2")
def test_an_unexpired_email_change_links_nothing(tenant, browser):
    """The attacker's own account asks for the victim's address, and the change is never confirmed."""
    account = tenant.add_user(email="attacker@example.com", password="x")
    browser.sign_in(account.user_id)
    tenant.users.patch(account.user_id, {"email": VICTIM, "email_verified": False})
    google = tenant.add_user(email=VICTIM, connection="google-oauth2")
    victim = Browser(tenant)
    assert victim.sign_in(google.user_id)["Location"] == "/profile/"
    assert victim.user_id not in (None, browser.user_id)
    assert not AccountLink.objects.exists()
    again = Browser(tenant)
    again.sign_in(account.user_id)
    assert again.user_id == browser.user_id, "The attacker has the attacker's account still."


@pytest.mark.security("L2", "B37")
@pytest.mark.parametrize("was_here", [True, False], ids=["seen here as unverified", "not seen here"])
@pytest.mark.parametrize("arrives", ["before the attacker", "after the attacker"])
def test_unexpired_email_change_with_a_trojan_identifier(tenant, browser, arrives, was_here):
    """The attacker connects an account while their own, verified address is there, and then asks for another.

    The victim, who finds an account with that address, takes it over by mail. What was connected before
    says nothing of the victim, whether the victim has signed in here since or not.
    """
    account = tenant.add_user(email="attacker@example.com", password="x")
    own = tenant.add_user(email="attacker@gmail.com", connection="google-oauth2", signed_up=False)
    browser.sign_in(account.user_id)
    browser.connect("google-oauth2", own.user_id)
    tenant.users.patch(account.user_id, {"email": VICTIM, "email_verified": False})
    if was_here:
        Browser(tenant).sign_in(account.user_id)
    take_over(tenant, account)
    victim = Browser(tenant)
    if arrives == "before the attacker":
        victim.sign_in(account.user_id)

    back = Browser(tenant)
    question = asked(back, back.sign_in(own.user_id))
    assert back.user_id is None
    assert not AccountLink.objects.exists()
    assert question.keep_apart()["Location"] == "/profile/"
    assert len(tenant.users.get(account.user_id).identities) == 1


def test_who_connected_an_account_and_changed_the_address_since_is_asked_until_it_is_connected_again(
    tenant, browser
):
    """Whose address it was then is no matter any more once its owner connects it under the new one."""
    account = tenant.add_user(email="old@example.com", password="x")
    own = tenant.add_user(email="own@gmail.com", connection="google-oauth2", signed_up=False)
    browser.sign_in(account.user_id)
    browser.connect("google-oauth2", own.user_id)
    tenant.users.patch(account.user_id, {"email": "new@example.com", "email_verified": True})
    browser.sign_in(account.user_id)
    browser.connect("google-oauth2", own.user_id)
    later = Browser(tenant)
    assert later.sign_in(own.user_id)["Location"] == "/profile/"
    assert AccountLink.objects.get().primary_subject == account.user_id


def test_an_address_that_changed_hands_between_the_question_and_the_answer(tenant, browser):
    """What was decided is looked at again: the candidate's address is another one by now."""
    old = tenant.add_user(email=VICTIM, password="x")
    new = tenant.add_user(email=VICTIM, connection="github")
    later = Browser(tenant)
    question = asked(later, later.sign_in(new.user_id))
    tenant.users.patch(old.user_id, {"email": "elsewhere@example.com"})
    assert question.confirm(old.user_id)["Location"] == "/profile/"
    assert later.client.session["stateful_oauth"]["sub"] == new.user_id
    assert not AccountLink.objects.exists()


@pytest.mark.security("L2", "L3")
@pytest.mark.parametrize("first", ["the victim", "the attacker"])
def test_a_provider_that_verifies_no_email_is_no_evidence(tenant, browser, first):
    """A provider lets anybody claim an address and says that it is verified: it is none that is trusted."""
    tenant.add_connection("careless")
    victim = tenant.add_user(email=VICTIM, password="the victim's own")
    attacker = tenant.add_user(email=VICTIM, connection="careless")
    early, late = (victim, attacker) if first == "the victim" else (attacker, victim)
    browser.sign_in(early.user_id) if early is victim else keep_apart(browser, early)
    later = Browser(tenant)
    question = asked(later, later.sign_in(late.user_id))
    assert later.user_id is None
    assert question.keep_apart()["Location"] == "/profile/"
    assert later.user_id not in (None, browser.user_id)
    assert not AccountLink.objects.exists()


def keep_apart(browser, user):
    response = browser.sign_in(user.user_id)
    if response["Location"].startswith("/auth/link/"):
        browser.post(f"{response['Location']}cancel/")

"""The scenarios that the package was made for, each from the first page to the last."""

from __future__ import annotations

import pytest

from stateful_oauth.emulator import DATABASE
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, FlowTransaction, Identity
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import QWERTY, VICTIM, XPTO
from tests.support.error_pages import shown
from tests.support.link_pages import asked
from tests.support.rows import check_rows, nothing_working

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def rows_keep_their_promises():
    yield
    check_rows()
    nothing_working()


def states() -> list[tuple[str, str, str]]:
    return list(FlowTransaction.objects.order_by("pk").values_list("kind", "state", "code"))


def identities_of(tenant, user) -> list[str]:
    """The Auth0 user ids of somebody's identities at the tenant, the main one first."""
    found = tenant.users.get(user.user_id).identities
    return [f"{identity.provider}|{identity.user_id}" for identity in found]


# a. Who connected an account signs in with it later.


@pytest.mark.parametrize("address", [QWERTY, XPTO], ids=["another address", "the primary's own address"])
def test_a_connected_account_signs_in_later_and_is_linked_without_questions(tenant, browser, address):
    xpto = tenant.add_user(email=XPTO, password="a good one")
    google = tenant.add_user(email=address, connection="google-oauth2", signed_up=False)
    browser.sign_in(xpto.user_id)
    first = browser.user_id
    connected = browser.connect("google-oauth2", google.user_id, next_url="/accounts/")
    assert connected["Location"] == "/accounts/", states()
    account = ConnectedAccount.objects.get()
    assert (account.owner.subject, account.connection) == (xpto.user_id, "google-oauth2")
    assert account.provider_user_id == google.identities[0].user_id
    browser.post("/auth/logout/")

    later = Browser(tenant)
    arrived = later.sign_in(google.user_id, next_url="/profile/")
    assert arrived["Location"] == "/profile/", states()
    assert later.user_id == first
    link = AccountLink.objects.get()
    assert (link.primary_subject, link.secondary_subject) == (xpto.user_id, google.user_id)
    assert link.rule == "connected_account"
    assert identities_of(tenant, xpto) == [xpto.user_id, google.user_id]
    assert later.client.session["stateful_oauth"]["sub"] == xpto.user_id
    assert [identity.subject for identity in Identity.objects.all()] == [xpto.user_id]

    again = Browser(tenant)
    assert again.sign_in(google.user_id)["Location"] == "/profile/"
    assert again.user_id == first
    assert AccountLink.objects.count() == 1


# b. Password sign-up, social sign-in later with the same address.


def test_b_password_first_and_social_later_are_linked_without_questions(tenant, browser):
    password = tenant.add_user(email=XPTO, password="a good one")
    browser.sign_in(password.user_id)
    first = browser.user_id
    browser.post("/auth/logout/")

    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    later = Browser(tenant)
    arrived = later.sign_in(google.user_id, next_url="/profile/?tab=2")
    assert arrived["Location"] == "/profile/?tab=2", states()
    assert later.user_id == first
    assert identities_of(tenant, password) == [password.user_id, google.user_id]
    link = AccountLink.objects.get()
    assert (link.rule, link.primary_subject) == ("verified_email", password.user_id)
    assert [identity.subject for identity in Identity.objects.all()] == [password.user_id]


def test_b_also_when_the_password_account_never_signed_in_here(tenant, browser):
    password = tenant.add_user(email=XPTO, password="a good one")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    assert browser.sign_in(google.user_id)["Location"] == "/profile/", states()
    assert [identity.subject for identity in Identity.objects.all()] == [password.user_id]
    assert browser.client.session["stateful_oauth"]["sub"] == password.user_id
    assert identities_of(tenant, password) == [password.user_id, google.user_id]


# c. Social sign-up, password sign-in later with the same address.


@pytest.fixture
def social(tenant):
    return tenant.add_user(email=XPTO, connection="google-oauth2", name="Xpto")


@pytest.fixture
def question(tenant, social, browser):
    """Somebody signed up with Google, and signs in with a new password account in another browser."""
    browser.sign_in(social.user_id)
    password = tenant.add_user(email=XPTO, password="a good one")
    later = Browser(tenant)
    return asked(later, later.sign_in(password.user_id, next_url="/profile/?tab=2"))


@pytest.mark.security("L1")
def test_c_social_first_and_password_later_is_confirmed_with_the_social_account(
    tenant, browser, social, question
):
    assert question.browser.user_id is None, "Nobody is signed in before it is decided."
    assert "Google" in question.text
    assert "x•••@a•••.com" in question.text

    to_provider = question.browser.post(f"{question.address}confirm/")["Location"]
    for parameter in ("prompt=login", "max_age=0", "connection=google-oauth2"):
        assert parameter in to_provider
    back = question.browser.get(question.browser.authorize(to_provider, social.user_id))
    assert back["Location"] == "/profile/?tab=2", states()
    assert question.browser.user_id == browser.user_id
    assert identities_of(tenant, social)[0] == social.user_id
    assert len(identities_of(tenant, social)) == 2
    link = AccountLink.objects.get()
    assert (link.rule, link.primary_subject) == ("confirmation", social.user_id)
    assert [identity.subject for identity in Identity.objects.all()] == [social.user_id]
    assert question.browser.client.session["stateful_oauth"]["sub"] == social.user_id


def test_c_cancelling_keeps_two_accounts_and_is_not_asked_again(tenant, browser, social, question):
    assert question.keep_apart()["Location"] == "/profile/?tab=2"
    apart = question.browser
    assert apart.user_id not in (None, browser.user_id)
    assert len(identities_of(tenant, social)) == 1
    assert Identity.objects.count() == 2
    assert not AccountLink.objects.exists()
    again = Browser(tenant)
    password = apart.client.session["stateful_oauth"]["sub"]
    assert again.sign_in(password)["Location"] == "/profile/", "Who said no is not asked again."
    assert again.user_id == apart.user_id


@pytest.mark.security("L10", "B46")
def test_c_another_account_is_a_mismatch_that_can_be_tried_again(tenant, browser, social, question):
    stranger = tenant.add_user(email="stranger@example.com", connection="google-oauth2")
    wrong = asked(question.browser, question.confirm(stranger.user_id))
    assert "different account" in wrong.text
    assert "x•••@a•••.com" in wrong.text, "It says which account is expected."
    assert question.browser.user_id is None
    assert not AccountLink.objects.exists()
    assert wrong.confirm(social.user_id)["Location"] == "/profile/?tab=2"
    assert question.browser.user_id == browser.user_id
    assert len(identities_of(tenant, stranger)) == 1


def test_c_another_account_is_refused_in_the_end(tenant, social, question):
    stranger = tenant.add_user(email="stranger@example.com", connection="google-oauth2")
    here = question
    for _ in range(2):  # LINKING_TRIES is 3
        here = asked(question.browser, here.confirm(stranger.user_id))
    assert shown(question.browser, here.confirm(stranger.user_id)) == ("wrong_account", 403)
    assert question.browser.user_id is None
    assert not AccountLink.objects.exists()
    assert len(identities_of(tenant, social)) == 1


def test_c_cancelling_after_a_mismatch_still_signs_in(tenant, browser, social, question):
    stranger = tenant.add_user(email="stranger@example.com", connection="google-oauth2")
    wrong = asked(question.browser, question.confirm(stranger.user_id))
    assert wrong.keep_apart()["Location"] == "/profile/?tab=2"
    assert question.browser.user_id not in (None, browser.user_id)


@pytest.mark.security("T13", "L1")
def test_c_the_expected_account_at_a_remembered_session_proves_nothing(tenant, social, question):
    """`prompt=login` and `max_age=0`: who only sits at a signed-in browser confirms nothing."""
    question.browser.visitor.authorize(question.browser.start(), as_user=social.user_id)
    to_provider = question.browser.post(f"{question.address}confirm/")["Location"]

    def from_an_older_session(claims, header):
        claims["auth_time"] = claims["iat"] - 3600

    tenant.id_token_hook = from_an_older_session
    refused = question.browser.get(question.browser.authorize(to_provider, social.user_id))
    tenant.id_token_hook = None
    back = asked(question.browser, refused)
    assert "prove your identity again" in back.text
    assert question.browser.user_id is None
    assert not AccountLink.objects.exists()
    assert back.confirm(social.user_id)["Location"] == "/profile/?tab=2"


def test_c_declining_at_the_provider_leads_back_to_the_question(tenant, social, question):
    to_provider = question.browser.post(f"{question.address}confirm/")["Location"]
    back = asked(question.browser, question.browser.get(question.browser.visitor.decline(to_provider)))
    assert back.offered == ["0"]
    assert back.confirm(social.user_id)["Location"] == "/profile/?tab=2"


# d. Addresses that nobody has verified.


@pytest.mark.security("L1", "B38")
@pytest.mark.parametrize("newcomer_verified", [True, False])
@pytest.mark.parametrize("first", ["password", "social"])
def test_d_an_account_that_nobody_verified_is_not_linked_into(tenant, browser, first, newcomer_verified):
    """Whoever registered it may not own the address: nobody is asked, either."""
    connections = (DATABASE, "google-oauth2")
    kinds = connections if first == "password" else connections[::-1]
    old = tenant.add_user(email=VICTIM, connection=kinds[0], password="x", email_verified=False)
    browser.sign_in(old.user_id)
    new = tenant.add_user(email=VICTIM, connection=kinds[1], password="x", email_verified=newcomer_verified)
    later = Browser(tenant)
    assert later.sign_in(new.user_id)["Location"] == "/profile/", states()
    assert later.user_id not in (None, browser.user_id)
    assert len(identities_of(tenant, old)) == len(identities_of(tenant, new)) == 1
    assert not AccountLink.objects.exists()


@pytest.mark.parametrize("first", ["password", "social"])
def test_d_who_comes_with_an_unverified_address_is_asked_and_gains_nothing(tenant, browser, first):
    connections = (DATABASE, "google-oauth2")
    kinds = connections if first == "password" else connections[::-1]
    victim = tenant.add_user(email=VICTIM, connection=kinds[0], password="x")
    browser.sign_in(victim.user_id)
    attacker = tenant.add_user(email=VICTIM, connection=kinds[1], password="y", email_verified=False)
    later = Browser(tenant)
    question = asked(later, later.sign_in(attacker.user_id))
    assert later.user_id is None

    def confirm_with_ones_own_account():
        # The address in the browser is the attacker's to change.
        to_provider = later.post(f"{question.address}confirm/")["Location"]
        anywhere = to_provider.replace(f"connection={victim.connection}", "")
        return later.get(later.authorize(anywhere, attacker.user_id))

    for _ in range(2):
        question = asked(later, confirm_with_ones_own_account())
    assert shown(later, confirm_with_ones_own_account()) == ("wrong_account", 403)
    question = asked(later, later.sign_in(attacker.user_id))
    assert question.keep_apart()["Location"] == "/profile/"
    assert later.user_id not in (None, browser.user_id)
    assert len(identities_of(tenant, victim)) == 1
    assert not AccountLink.objects.exists()


@pytest.mark.security("B37")
def test_d_who_connected_some_other_account_gains_nothing(tenant, browser):
    """The attacker has the victim's address, unverified, and has connected an account of their own."""
    attacker = tenant.add_user(email=VICTIM, password="x", email_verified=False)
    own = tenant.add_user(email="attacker@gmail.com", connection="google-oauth2", signed_up=False)
    browser.sign_in(attacker.user_id)
    browser.connect("google-oauth2", own.user_id)
    assert ConnectedAccount.objects.get().owner_verified is False

    victim = tenant.add_user(email=VICTIM, connection="google-oauth2")
    theirs = Browser(tenant)
    assert theirs.sign_in(victim.user_id)["Location"] == "/profile/", states()
    assert theirs.user_id not in (None, browser.user_id)
    assert len(identities_of(tenant, attacker)) == 1
    assert not AccountLink.objects.exists()

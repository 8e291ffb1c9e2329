"""A link is decided anew at every try: the first, a repeated one, and one that re-reads what became of it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.django import wiring
from stateful_oauth.django.backends import Auth0Backend
from stateful_oauth.flows.oauth.errors import AccountRefused
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, FlowTransaction, Identity
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import QWERTY, XPTO, site
from tests.support.crashes import at
from tests.support.error_pages import error_code
from tests.support.link_pages import asked
from tests.support.rows import check_rows, nothing_working, show
from tests.support.waiting import waited

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

LINK = "/api/v2/users/{id}/identities"
LATER = 600.0  # seconds


class Case:
    """Two accounts of one person; the first one has a user here, and the second one signs in."""

    def __init__(self, tenant):
        self.tenant = tenant
        self.first = tenant.add_user(email=XPTO, password="a good one")
        Browser(tenant).sign_in(self.first.user_id)
        self.newcomer = tenant.add_user(email=XPTO, connection="google-oauth2")

    def patch(self, account, **changes):
        self.tenant.users.patch(account.user_id, changes)


def first_is_blocked(case):
    case.patch(case.first, blocked=True)


def newcomer_is_blocked(case):
    case.patch(case.newcomer, blocked=True)


def first_has_another_email(case):
    case.patch(case.first, email="moved@example.com", email_verified=True)


def first_is_unverified(case):
    case.patch(case.first, email_verified=False)


def newcomer_is_unverified(case):
    case.patch(case.newcomer, email_verified=False)


def newcomer_has_another_email(case):
    case.patch(case.newcomer, email="moved@example.com", email_verified=True)


def newcomer_has_another_identity(case):
    github = case.tenant.add_user(email="hub@example.com", connection="github")
    case.tenant.users.link(case.newcomer.user_id, "github", github.identities[0].user_id)


def user_is_deactivated(case):
    row = Identity.objects.get(subject=case.first.user_id)
    get_user_model().objects.filter(pk=row.user_id).update(is_active=False)


def another_candidate_appears(case):
    case.tenant.add_user(email=XPTO, connection="github")


# For a link without a question, and for one that the user confirmed by signing in.
ALWAYS = {
    each.__name__: each
    for each in (
        first_is_blocked,
        first_has_another_email,
        first_is_unverified,
        newcomer_has_another_email,
        newcomer_has_another_identity,
        user_is_deactivated,
    )
}
WITHOUT_A_QUESTION = {
    **ALWAYS,
    **{each.__name__: each for each in (newcomer_is_unverified, another_candidate_appears)},
}
SETTINGS = {
    "off": {"LINKING": "off"},
    "confirm": {"LINKING": "confirm"},
    "no trust": {"LINKING_TRUSTED_CONNECTIONS": ()},
}


@pytest.fixture
def case(tenant):
    return Case(tenant)


@contextmanager
def the_first_try(case, change):
    """Nothing fails: the change comes between the reads before and the call."""
    with at("effect.before", "link_accounts", lambda: change(case)):
        yield


@contextmanager
def a_repeated_try(case, change):
    """The provider is busy, and takes the link much later."""
    case.tenant.faults.add(LINK, "rate_limit", method="POST", reset=LATER)
    yield
    change(case)
    wiring.clock.advance(LATER)


TRIES = {"first": the_first_try, "repeated": a_repeated_try}


def kept_apart(browser, case, response):
    assert response["Location"] == "/profile/", response
    assert case.tenant.ledger.count("identity_linked", user_id=case.first.user_id) == 0
    assert not AccountLink.objects.exists()
    row = FlowTransaction.objects.get(kind="account_linking")
    assert row.state == "kept_apart", show(row.pk)
    assert browser.client.session["stateful_oauth"]["sub"] == case.newcomer.user_id
    nothing_working()
    check_rows()
    return row


@pytest.mark.parametrize("change", WITHOUT_A_QUESTION)
@pytest.mark.parametrize("when", TRIES)
def test_a_link_without_a_question_needs_its_evidence_at_the_call(case, browser, clock, when, change):
    with TRIES[when](case, WITHOUT_A_QUESTION[change]):
        response = browser.sign_in(case.newcomer.user_id)
    row = kept_apart(browser, case, waited(browser, response, clock))
    assert row.code == "link_not_allowed"


@pytest.mark.parametrize("change", ALWAYS)
@pytest.mark.parametrize("when", TRIES)
def test_a_confirmed_link_needs_its_evidence_at_the_call(case, browser, clock, when, change):
    with site(LINKING="confirm"):
        question = asked(browser, browser.sign_in(case.newcomer.user_id))
        with TRIES[when](case, ALWAYS[change]):
            response = question.confirm(case.first.user_id)
        row = kept_apart(browser, case, waited(browser, response, clock))
    assert row.code == "link_not_allowed"


@pytest.mark.parametrize("change", ALWAYS)
def test_a_link_whose_request_was_lost_is_decided_anew(case, browser, clock, change):
    """The second call would be another one: it needs what the first one needed."""
    case.tenant.faults.add(LINK, "lost_request", method="POST")
    with at("claim.after_commit", "retry", lambda: ALWAYS[change](case)):
        response = browser.sign_in(case.newcomer.user_id)
    kept_apart(browser, case, waited(browser, response, clock))


@pytest.mark.parametrize("when", TRIES)
@pytest.mark.parametrize("asks", [False, True])
def test_a_newcomer_who_is_blocked_is_neither_linked_nor_signed_in(case, browser, clock, when, asks):
    """A link would take the block away, because the blocked user is none any more."""
    with site(LINKING="confirm" if asks else "automatic"):
        if asks:
            question = asked(browser, browser.sign_in(case.newcomer.user_id))
        with TRIES[when](case, newcomer_is_blocked):
            if asks:
                response = question.confirm(case.first.user_id)
            else:
                response = browser.sign_in(case.newcomer.user_id)
        assert error_code(waited(browser, response, clock)) == "newcomer_blocked"
    assert browser.user_id is None
    assert not AccountLink.objects.exists()
    assert case.tenant.users.get(case.newcomer.user_id).blocked
    nothing_working()


def test_a_newcomer_who_is_blocked_before_candidates_are_read_is_not_signed_in(case, browser):
    with at("effect.before", "find_candidates", lambda: newcomer_is_blocked(case)):
        response = browser.sign_in(case.newcomer.user_id)
    assert error_code(response) == "newcomer_blocked"
    assert browser.user_id is None


def test_a_newcomer_whose_user_is_deactivated_meanwhile_gets_no_other_user(tenant, browser, clock):
    """Being linked to an active user would be a way around it."""
    with site(LINKING="off"):
        case = Case(tenant)
        Browser(tenant).sign_in(case.newcomer.user_id)
    row = Identity.objects.get(subject=case.newcomer.user_id)

    def deactivate(case):
        get_user_model().objects.filter(pk=row.user_id).update(is_active=False)

    with a_repeated_try(case, deactivate):
        response = browser.sign_in(case.newcomer.user_id)
    assert error_code(waited(browser, response, clock)) == "account_inactive"
    assert not AccountLink.objects.exists()


@pytest.mark.parametrize("now", SETTINGS)
def test_what_a_project_chooses_today_may_only_narrow(case, browser, clock, now):
    case.tenant.faults.add(LINK, "rate_limit", method="POST", reset=LATER)
    response = browser.sign_in(case.newcomer.user_id)
    clock.advance(LATER)
    with site(**SETTINGS[now]):
        kept_apart(browser, case, waited(browser, response, clock))


def test_a_project_that_asks_always_is_not_overruled_by_one_that_links_later(case, browser):
    """The question stays a question, although no question would be asked any more."""
    with site(LINKING="confirm"):
        question = asked(browser, browser.sign_in(case.newcomer.user_id))
    assert question.confirm(case.first.user_id)["Location"] == "/profile/"
    assert AccountLink.objects.get().rule == "confirmation"


@pytest.mark.parametrize("same_email", [False, True])
@pytest.mark.parametrize("when", TRIES)
def test_an_account_that_is_disconnected_meanwhile_is_no_evidence(tenant, browser, clock, when, same_email):
    """Not even where the e-mail would speak for it as well: that is another decision."""
    first = tenant.add_user(email=XPTO, password="a good one")
    owner = Browser(tenant)
    owner.sign_in(first.user_id)
    newcomer = tenant.add_user(
        email=XPTO if same_email else QWERTY, connection="google-oauth2", signed_up=same_email
    )
    owner.connect("google-oauth2", newcomer.user_id)
    with TRIES[when](_Named(tenant, first, newcomer), lambda _: ConnectedAccount.objects.all().delete()):
        response = browser.sign_in(newcomer.user_id)
    kept_apart(browser, _Named(tenant, first, newcomer), waited(browser, response, clock))


class _Named:
    def __init__(self, tenant, first, newcomer):
        self.tenant, self.first, self.newcomer = tenant, first, newcomer


def test_a_link_that_is_made_already_is_recorded_whatever_has_changed(case, browser, clock):
    """The provider says that it is there: to keep quiet about it would help nobody."""
    case.tenant.faults.add(LINK, "lost_answer", method="POST")
    with at("claim.after_commit", "retry", lambda: first_is_unverified(case)):
        response = browser.sign_in(case.newcomer.user_id)
    assert waited(browser, response, clock)["Location"] == "/profile/"
    assert AccountLink.objects.get().primary_subject == case.first.user_id
    assert browser.client.session["stateful_oauth"]["sub"] == case.first.user_id


# Who may sign in.

seen: list[tuple[str, dict]] = []


class Picky(Auth0Backend):
    """Lets in who has a claim, and writes down what it was asked."""

    def may_sign_in(self, identity, user):
        seen.append((identity.subject, dict(identity.claims)))
        if "nickname" not in identity.claims:
            raise AccountRefused("account_refused")


class NotTheFirst(Auth0Backend):
    """Lets in nobody who would be signed in as the account that was first."""

    def may_sign_in(self, identity, user):
        if identity.subject.startswith("auth0|") and user is not None:
            raise AccountRefused("account_refused")


def test_who_may_sign_in_is_asked_before_the_link_with_all_claims(case, browser, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Picky"]
    seen.clear()
    links_before = []
    with at("effect.after", "link_accounts", lambda: links_before.append(len(seen))):
        assert browser.sign_in(case.newcomer.user_id)["Location"] == "/profile/"
    as_first = [claims for subject, claims in seen if subject == case.first.user_id]
    assert links_before == [2], "The newcomer before anybody looks, and the first account before the call."
    assert len(as_first) == 2, "Before the link, and when the user is signed in."
    assert as_first[0] == as_first[1], "The same question, so that the answer is the same."
    assert {"nickname", "iat", "nonce", "email"} <= as_first[0].keys()
    assert as_first[0]["sub"] == case.first.user_id
    assert case.tenant.ledger.count("identity_linked") == 1


@pytest.mark.parametrize("asks", [False, True])
def test_who_may_not_sign_in_afterwards_is_not_linked(case, browser, settings, asks):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.NotTheFirst"]
    with site(LINKING="confirm" if asks else "automatic"):
        response = browser.sign_in(case.newcomer.user_id)
        if asks:
            response = asked(browser, response).confirm(case.first.user_id)
        row = kept_apart(browser, case, response)
    assert row.code == "account_refused"


def test_names_and_roles_are_not_taken_from_the_token_of_another_account(tenant, browser):
    """After a link without a question, the user is made from what is known of the account that stays."""
    tenant.add_user(email=XPTO, password="a good one", given_name="Xena")
    newcomer = tenant.add_user(email=XPTO, connection="google-oauth2", given_name="Greta")
    browser.sign_in(newcomer.user_id)
    assert AccountLink.objects.exists()
    assert get_user_model().objects.get(pk=browser.user_id).first_name != "Greta"


# Keeping apart, after another browser has linked.


def test_keeping_apart_what_another_browser_has_linked_signs_in_nobody(case, browser):
    with site(LINKING="confirm"):
        question = asked(browser, browser.sign_in(case.newcomer.user_id))
        other = Browser(case.tenant)
        other_question = asked(other, other.sign_in(case.newcomer.user_id))
        assert other_question.confirm(case.first.user_id)["Location"] == "/profile/"
        response = question.keep_apart()
        assert error_code(response) == "newcomer_gone"
        assert browser.user_id is None
        assert not Identity.objects.filter(subject=case.newcomer.user_id).exists()
        assert "Sign in again" in browser.opens(response).content.decode()
        assert browser.sign_in(case.newcomer.user_id)["Location"] == "/profile/", "A new start is a way on."
    assert browser.client.session["stateful_oauth"]["sub"] == case.first.user_id

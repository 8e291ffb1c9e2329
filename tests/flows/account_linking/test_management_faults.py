"""The Management API fails in the middle of a link: nobody is locked out, and nothing happens twice."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import AccountLink, FlowTransaction, Identity
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import XPTO
from tests.support.callers import Operator
from tests.support.crashes import at
from tests.support.error_pages import error_code
from tests.support.link_pages import asked
from tests.support.rows import check_rows, nothing_working, show
from tests.support.waiting import waited

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

# The calls of an automatic link, in their order; the primary is read before the newcomer.
CALLS = {
    "the machine's token": {"endpoint": "/oauth/token", "match": {"grant_type": "client_credentials"}},
    "candidates by e-mail": {"endpoint": "/api/v2/users-by-email"},
    "the primary": {"endpoint": "/api/v2/users/{id}", "method": "GET"},
    "the newcomer": {"endpoint": "/api/v2/users/{id}", "method": "GET", "skip": 1},
    "the link": {"endpoint": "/api/v2/users/{id}/identities", "method": "POST"},
    "the metadata": {"endpoint": "/api/v2/users/{id}", "method": "PATCH"},
}
KINDS = {
    "unreachable": {},
    "lost_request": {},
    "lost_answer": {},
    "slow": {},
    "html": {},
    "server_error": {},
    "malformed": {},
    "empty": {},
    "huge": {},
    "truncated": {},
    "redirect": {},
    "rate_limit": {"reset": 30.0},
    "answer": {
        "status": 403,
        "json": {"statusCode": 403, "error": "Forbidden", "message": "Insufficient scope"},
    },
}

# The site tells answers from lost answers; what arrives instead of an answer makes no other statement.
OUTAGES = ("unreachable", "lost_request", "lost_answer", "html", "rate_limit")
EVERY_KIND = [
    pytest.param(
        kind, marks=() if kind in {"lost_answer", "answer", "rate_limit"} else pytest.mark.database_in_ci
    )
    for kind in KINDS
]


@pytest.fixture
def pair(tenant):
    password = tenant.add_user(email=XPTO, password="a good one")
    google = tenant.add_user(email=XPTO, connection="google-oauth2", user_metadata={"colour": "red"})
    return password, google


def fault(tenant, call, kind, times=1):
    where = dict(CALLS[call])
    return tenant.faults.add(where.pop("endpoint"), kind, times, **where, **KINDS[kind])


def agree(tenant, password, google):
    """What is kept here and what is at the tenant say the same."""
    linked = tenant.ledger.count("identity_linked") - tenant.ledger.count("identity_unlinked")
    text = "\n".join(show(pk) for pk in FlowTransaction.objects.order_by("pk").values_list("pk", flat=True))
    assert AccountLink.objects.filter(unlinked_at=None).count() == linked, text
    assert linked in (0, 1), text
    here = set(Identity.objects.values_list("subject", flat=True))
    assert here == ({password.user_id} if linked else {google.user_id}), text
    check_rows()


@pytest.mark.security("L12")
@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("call", CALLS)
def test_one_failure_locks_nobody_out(tenant, browser, clock, pair, call, kind):
    password, google = pair
    planned = fault(tenant, call, kind)
    response = waited(browser, browser.sign_in(google.user_id, next_url="/profile/?tab=2"), clock)
    assert planned.fired == 1, "The call was never made, so nothing was tested."
    assert response["Location"] == "/profile/?tab=2"
    assert browser.user_id is not None
    agree(tenant, password, google)
    nothing_working()

    again = Browser(tenant)
    assert waited(again, again.sign_in(google.user_id), clock)["Location"] == "/profile/"
    assert again.client.session["stateful_oauth"]["sub"] == password.user_id, "The next sign-in tries again."
    agree(tenant, password, google)


@pytest.mark.parametrize("kind", [kind for kind in EVERY_KIND if kind.values[0] in OUTAGES])
@pytest.mark.parametrize("call", CALLS)
def test_an_outage_ends_with_everybody_signed_in_once_it_is_over(tenant, browser, clock, pair, call, kind):
    password, google = pair
    planned = fault(tenant, call, kind, times=None)
    response = browser.sign_in(google.user_id)
    for _ in range(5):
        if response.get("Location", "") == "/profile/":
            break
        clock.advance(60)
        response = browser.get(response["Location"]) if "Location" in response else response
        if response.status_code == 202:
            break
    tenant.faults.remove(planned)
    clock.advance(900)
    recover_due()
    nothing_working()
    agree(tenant, password, google)

    later = Browser(tenant)
    assert waited(later, later.sign_in(google.user_id), clock)["Location"] == "/profile/"
    assert later.client.session["stateful_oauth"]["sub"] == password.user_id
    agree(tenant, password, google)


# Too many requests, in the middle.


@pytest.mark.parametrize(
    "call", ["candidates by e-mail", "the primary", "the newcomer", "the link", "the metadata"]
)
def test_too_many_requests_are_waited_for_on_a_page(tenant, browser, clock, pair, call):
    """`retry_at` is kept as the row's lease, and nobody sleeps inside a request."""
    password, google = pair
    fault(tenant, call, "rate_limit")
    began = clock.now()
    response = browser.sign_in(google.user_id, next_url="/profile/?tab=2")
    assert "/auth/progress/" in response["Location"]
    row = FlowTransaction.objects.get(state_kind="working")
    assert (row.lease_until - began).total_seconds() == pytest.approx(30, abs=1)
    assert row.code == "rate_limited"
    assert clock.slept == 0
    page = browser.opens(response)
    assert page.status_code == 202
    assert "longer" in page.content.decode()
    assert waited(browser, response, clock)["Location"] == "/profile/?tab=2"
    assert browser.client.session["stateful_oauth"]["sub"] == password.user_id
    assert (clock.now() - began).total_seconds() < 90
    agree(tenant, password, google)


@pytest.mark.parametrize("call", ["candidates by e-mail", "the link", "the metadata"])
def test_a_sweep_finishes_it_and_the_browser_that_comes_back_is_signed_in(tenant, browser, clock, pair, call):
    password, google = pair
    fault(tenant, call, "rate_limit")
    waiting = browser.sign_in(google.user_id, next_url="/profile/?tab=2")
    clock.advance(31)
    report = recover_due()
    assert report.counts["recovered"] == 1, report
    nothing_working()
    assert browser.user_id is None, "A sweep signs nobody in."
    arrived = waited(browser, waiting, clock)
    assert arrived["Location"] == "/profile/?tab=2"
    assert browser.client.session["stateful_oauth"]["sub"] == password.user_id
    agree(tenant, password, google)


def test_a_browser_that_comes_back_too_late_signs_in_again(tenant, browser, clock, pair):
    _, google = pair
    fault(tenant, "the link", "rate_limit")
    waiting = browser.sign_in(google.user_id)
    clock.advance(31)
    recover_due()
    clock.advance(120)
    response = waited(browser, waiting, clock)
    assert response["Location"].startswith("/auth/error/already_completed/")
    assert "Sign in again" in browser.opens(response).content.decode()
    assert browser.sign_in(google.user_id)["Location"] == "/profile/"


def test_two_waits_one_after_the_other(tenant, browser, clock, pair):
    """The sign-in waits, and the link that it opens waits, too: the page follows from one to the other."""
    password, google = pair
    fault(tenant, "candidates by e-mail", "rate_limit")
    fault(tenant, "the link", "rate_limit")
    response = waited(browser, browser.sign_in(google.user_id), clock)
    assert response["Location"] == "/profile/", "Nobody brings the second one on."
    agree(tenant, password, google)
    assert browser.client.session["stateful_oauth"]["sub"] == password.user_id


def test_the_real_limits_of_a_free_tenant(tenant, browser, clock, pair):
    tenant.settings.rate_limits = True
    password, google = pair
    response = waited(browser, browser.sign_in(google.user_id), clock)
    assert response["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == password.user_id
    agree(tenant, password, google)


def test_too_many_requests_after_a_confirmation(tenant, browser, clock, pair):
    password, _ = pair
    github = tenant.add_user(email=XPTO, connection="github")
    tenant.users.delete(pair[1].user_id)
    question = asked(browser, browser.sign_in(github.user_id, next_url="/profile/?tab=2"))
    fault(tenant, "the link", "rate_limit")
    response = question.confirm(password.user_id)
    assert "/auth/progress/" in response["Location"]
    assert browser.get(question.address)["Location"] == response["Location"], "The page knows how it stands."
    assert waited(browser, response, clock)["Location"] == "/profile/?tab=2"


# The link's answer is lost.


@pytest.mark.security("L12")
@pytest.mark.parametrize("kind", ["lost_request", "lost_answer", "html", "malformed", "slow", "server_error"])
@pytest.mark.parametrize("happened", [True, False])
def test_a_link_whose_answer_is_lost_happens_once(tenant, browser, clock, pair, kind, happened):
    """The primary's identities tell."""
    password, google = pair
    tenant.faults.add("/api/v2/users/{id}/identities", kind, method="POST", effect=happened)
    assert browser.sign_in(google.user_id)["Location"] == "/profile/"
    assert tenant.ledger.count("identity_linked") == 1
    if happened:
        assert tenant.requests["/api/v2/users/{id}/identities"] <= 1, "It was sent again without looking."
    assert browser.client.session["stateful_oauth"]["sub"] == password.user_id
    assert tenant.users.get(password.user_id).user_metadata == {"colour": "red"}
    agree(tenant, password, google)


def test_a_link_that_cannot_be_read_back_waits_for_an_operator(tenant, browser, clock, pair):
    """Whether it happened must not be forgotten: the row stays, and says so."""
    password, google = pair
    tenant.faults.add("/api/v2/users/{id}/identities", "lost_answer", method="POST")
    reading = tenant.faults.add("/api/v2/users/{id}", "html", None, method="GET", skip=2)
    response = waited(browser, browser.sign_in(google.user_id), clock)
    assert response.status_code == 202
    row = FlowTransaction.objects.get(kind="account_linking")
    assert (row.state, row.code) == ("linking", "recovery_exhausted"), show(row.pk)
    assert row.stuck_since is not None
    assert str(row.pk) in response.content.decode(), "Whoever helps needs to be told which."
    tenant.faults.remove(reading)
    wiring.engine().recover(row.pk, Operator())
    response = waited(browser, browser.get(f"/auth/progress/{row.pk}/"), clock)
    assert error_code(response) == "sign_in_held_too_long", "The operator came after more than half an hour."
    assert tenant.ledger.count("identity_linked") == 1
    later = Browser(tenant)
    assert waited(later, later.sign_in(google.user_id), clock)["Location"] == "/profile/"
    agree(tenant, password, google)


# Who is there, and who is not any more.


def test_a_candidate_that_is_deleted_before_the_answer(tenant, browser, pair):
    password, google = pair
    github = tenant.add_user(email=XPTO, connection="github")
    tenant.users.delete(google.user_id)
    question = asked(browser, browser.sign_in(github.user_id))
    tenant.users.delete(password.user_id)
    assert question.keep_apart()["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == github.user_id


@pytest.mark.security("L7", "B45")
@pytest.mark.parametrize("moment", ["verify_primary", "read_profiles", "link_accounts"])
def test_a_candidate_that_is_deleted_while_it_is_worked_on(tenant, browser, pair, moment):
    password, google = pair
    github = tenant.add_user(email=XPTO, connection="github")
    tenant.users.delete(google.user_id)
    question = asked(browser, browser.sign_in(github.user_id))
    place = ("effect.after", moment) if moment == "verify_primary" else ("effect.before", moment)
    with at(*place, lambda: tenant.users.delete(password.user_id)):
        response = question.confirm(password.user_id)
    assert response["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == github.user_id
    assert not AccountLink.objects.exists()
    nothing_working()


@pytest.mark.parametrize("moment", ["read_profiles", "link_accounts"])
def test_a_newcomer_that_is_deleted_while_it_is_worked_on(tenant, browser, pair, moment):
    _, google = pair
    with at("effect.before", moment, lambda: tenant.users.delete(google.user_id)):
        response = browser.sign_in(google.user_id)
    assert response["Location"].startswith("/auth/error/newcomer_gone/")
    assert browser.user_id is None
    assert not AccountLink.objects.exists()
    nothing_working()
    assert browser.sign_in(google.user_id)["Location"] == "/profile/", "Signing in again is a way on."


def test_a_newcomer_that_is_deleted_before_anybody_looked(tenant, browser, pair):
    """Nobody gets a user here for an account that the tenant does not have any more."""
    _, google = pair
    with at("effect.after", "exchange_code", lambda: tenant.users.delete(google.user_id)):
        response = browser.sign_in(google.user_id)
    assert response["Location"].startswith("/auth/error/newcomer_gone/")
    assert browser.user_id is None
    assert not Identity.objects.exists()


def test_a_newcomer_that_was_linked_elsewhere_to_the_same_account(tenant, browser, pair):
    password, google = pair
    identity = google.identities[0]
    with at(
        "effect.before",
        "read_profiles",
        lambda: tenant.users.link(password.user_id, identity.provider, identity.user_id),
    ):
        response = browser.sign_in(google.user_id)
    assert response["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == password.user_id
    agree(tenant, password, google)


@pytest.mark.parametrize("moment", ["read_profiles", "link_accounts"])
def test_a_newcomer_that_was_linked_elsewhere_to_another_account(tenant, browser, pair, moment):
    _, google = pair
    other = tenant.add_user(email="other@example.com", password="x")
    identity = google.identities[0]
    with at(
        "effect.before", moment, lambda: tenant.users.link(other.user_id, identity.provider, identity.user_id)
    ):
        response = browser.sign_in(google.user_id)
    assert response["Location"].startswith("/auth/error/newcomer_gone/")
    assert browser.user_id is None
    assert not AccountLink.objects.exists()
    assert browser.sign_in(google.user_id)["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == other.user_id


@pytest.mark.security("B47")
@pytest.mark.parametrize("moment", ["link_accounts"])
def test_a_link_that_exists_already_is_success(tenant, browser, pair, moment):
    """409 of the Management API."""
    password, google = pair
    identity = google.identities[0]
    with at(
        "effect.before",
        moment,
        lambda: tenant.users.link(password.user_id, identity.provider, identity.user_id),
    ):
        response = browser.sign_in(google.user_id)
    assert response["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == password.user_id
    assert tenant.users.get(password.user_id).user_metadata == {"colour": "red"}, "Snapshots are older."
    agree(tenant, password, google)


def test_a_secondary_that_is_itself_a_primary_is_left_alone(tenant, browser, pair):
    """Linking a user with identities of its own is undocumented, and never tried."""
    _, google = pair
    github = tenant.add_user(email="hub@example.com", connection="github")
    tenant.users.link(google.user_id, "github", github.identities[0].user_id)
    assert browser.sign_in(google.user_id)["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == google.user_id
    assert tenant.requests["/api/v2/users/{id}/identities"] == 0


def test_a_secondary_that_becomes_a_primary_in_the_middle(tenant, browser, pair):
    password, google = pair
    github = tenant.add_user(email="hub@example.com", connection="github")
    with at(
        "effect.before",
        "link_accounts",
        lambda: tenant.users.link(google.user_id, "github", github.identities[0].user_id),
    ):
        response = browser.sign_in(google.user_id)
    assert response["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == google.user_id
    assert not AccountLink.objects.exists()
    assert len(tenant.users.get(password.user_id).identities) == 1
    nothing_working()


# Addresses that a query language, a URL or a database might take for something else.

ODD_ADDRESSES = [
    'a"OR user_id:*OR email:"b@x.example',
    "a+b@example.com",
    "a b@example.com",
    "o'hara@example.com",
    "per%cent@example.com",
    "a&b=c@example.com",
    "back\\slash@example.com",
    "*@example.com",
    "(a OR b)@example.com",
    "ünïcödé@exämple.example",
    "\N{SNOWMAN}@example.com",
    "a" * 308 + "@example.com",
    "a#b?c/d@example.com",
]


@pytest.mark.security("L6", "B39")
@pytest.mark.parametrize("address", ODD_ADDRESSES)
def test_an_odd_address_finds_itself_and_nobody_else(tenant, browser, address):
    """`users-by-email` has no query language, and what it answers is compared again."""
    tenant.add_user(email="b@x.example", password="x")
    tenant.add_user(email="bystander@example.com", password="x")
    password = tenant.add_user(email=address, password="x")
    google = tenant.add_user(email=password.email, connection="google-oauth2")
    assert browser.sign_in(google.user_id)["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == password.user_id
    assert tenant.requests["/api/v2/users"] == 0
    link = AccountLink.objects.get()
    assert (link.primary_subject, link.email) == (password.user_id, password.email[:320])


@pytest.mark.parametrize("address", ["Xpto@acme.com", "xpto@acme.com.", "xp.to@acme.com", "xpto+a@acme.com"])
def test_an_address_that_only_looks_alike_is_somebody_elses(tenant, browser, pair, address):
    google = tenant.add_user(email=address, connection="google-oauth2")
    assert browser.sign_in(google.user_id)["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == google.user_id
    assert not AccountLink.objects.exists()


@pytest.mark.security("B42")
@pytest.mark.parametrize("email", [None, ""])
def test_who_has_no_address_signs_in(tenant, browser, email):
    sms = tenant.add_user(email=email, connection="sms")
    assert browser.sign_in(sms.user_id)["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == sms.user_id


def test_too_many_requests_when_a_lost_link_is_read_back(tenant, browser, clock, pair):
    """It may have happened, and the provider says when it can be asked: not before, and not after pauses."""
    password, google = pair
    fault(tenant, "the link", "lost_answer")
    tenant.faults.add("/api/v2/users/{id}", "rate_limit", method="GET", skip=2, reset=90)
    response = browser.sign_in(google.user_id, next_url="/profile/?tab=2")
    row = FlowTransaction.objects.get(state_kind="working")
    assert (row.state, row.code) == ("linking", "rate_limited"), show(row.pk)
    assert (row.lease_until - clock.now()).total_seconds() == pytest.approx(90, abs=1)
    assert waited(browser, response, clock)["Location"] == "/profile/?tab=2"
    agree(tenant, password, google)

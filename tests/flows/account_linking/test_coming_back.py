"""Coming back from the proof: late, twice, by the back button."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import AccountLink, FlowTransaction
from tests.support.accounts_site import VICTIM
from tests.support.error_pages import error_code
from tests.support.link_pages import asked

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def people(tenant):
    """The account that was there first, the newcomer, and somebody else."""
    first = tenant.add_user(email=VICTIM, connection="google-oauth2")
    newcomer = tenant.add_user(email=VICTIM, password="a good one")
    other = tenant.add_user(email="other@gmail.com", connection="google-oauth2")
    return first, newcomer, other


@pytest.fixture
def question(browser, people):
    return asked(browser, browser.sign_in(people[1].user_id, next_url="/profile/"))


def proof(question, user) -> str:
    """Sign in at the tenant; return the callback, not yet opened."""
    location = question.browser.post(f"{question.address}confirm/")["Location"]
    return question.browser.authorize(location, user.user_id)


def state() -> str:
    return FlowTransaction.objects.get(kind="account_linking").state


def test_somebody_whose_second_factor_takes_minutes_is_believed(browser, question, people, clock):
    """`max_age=0` asks for a sign-in after the question; not that the way back is short."""
    callback = proof(question, people[0])
    clock.advance(300)
    assert browser.get(callback)["Location"] == "/profile/"
    assert state() == "linked"


def test_a_sign_in_of_before_the_question_proves_nothing(tenant, browser, question, people, clock):
    """Whoever sits at a browser that somebody else signed in has not shown who they are."""
    location = browser.post(f"{question.address}confirm/")["Location"]
    tenant.id_token_hook = lambda claims, header: claims.update(auth_time=claims["auth_time"] - 60)
    assert browser.get(browser.authorize(location, people[0].user_id))["Location"].endswith(question.address)
    row = FlowTransaction.objects.get(kind="account_linking")
    assert (row.state, row.code) == ("awaiting_confirmation", "id_token_auth_time")
    assert not AccountLink.objects.exists()


def test_the_time_counts_from_the_last_question(tenant, browser, question, people, clock):
    """What was a fresh sign-in for the first question is none for the second."""
    callback = proof(question, people[0])
    signed_in_at = clock.timestamp()
    browser.get(callback + "&error=server_error&error_description=x")
    browser.get(browser.visitor.decline(browser.get(f"/auth/progress/{_id(question)}/")["Location"]))
    clock.advance(120)
    location = browser.post(f"{question.address}confirm/")["Location"]
    tenant.id_token_hook = lambda claims, header: claims.update(auth_time=int(signed_in_at))
    browser.get(browser.authorize(location, people[0].user_id))
    row = FlowTransaction.objects.get(kind="account_linking")
    assert (row.state, row.code) == ("awaiting_confirmation", "id_token_auth_time")


def test_a_wrong_account_that_is_delivered_twice_gets_the_same_page_twice(tenant, browser, question, people):
    """A browser follows the last answer that it gets, which must not be an error then."""
    callback = proof(question, people[2])
    for _ in range(2):
        assert browser.get(callback)["Location"].endswith(question.address)
        assert state() == "wrong_account"
    assert tenant.requests["/oauth/token"] - tenant.ledger.count("m2m_token_issued") == 2
    assert question.confirm(people[0].user_id)["Location"] == "/profile/"


def test_a_proof_that_failed_and_is_delivered_again_gets_the_page_that_asks(
    tenant, browser, question, people
):
    callback = proof(question, people[0])
    tenant.faults.add("/oauth/token", "lost_answer")
    for _ in range(2):
        assert browser.get(callback)["Location"].endswith(question.address)
        assert state() == "awaiting_confirmation"
    assert tenant.ledger.count("code_reused") == 0
    assert question.confirm(people[0].user_id)["Location"] == "/profile/"


def test_an_answer_to_an_earlier_question_is_nobodys(browser, question, people):
    """Each question has a `state` of its own."""
    earlier = proof(question, people[0])
    declined = browser.visitor.decline(browser.get(f"/auth/progress/{_id(question)}/")["Location"])
    browser.get(declined)
    later = proof(question, people[0])
    assert error_code(browser.get(earlier)) == "transaction_unknown"
    assert state() == "awaiting_callback"
    assert browser.get(later)["Location"] == "/profile/"


def test_another_browser_is_not_shown_the_page(browser, another_browser, question, people):
    callback = proof(question, people[0])
    browser.get(callback)
    stranger = another_browser()
    assert error_code(stranger.get(callback)) == "browser_unknown"


@pytest.mark.parametrize("account", ["auth0|somebody-else", "1", "-1", "00", "x" * 5000, "\0", "\N{SNOWMAN}"])
def test_a_confirmation_that_names_an_account_that_was_not_offered(browser, question, people, account):
    """The form is the visitor's to change: it moves nothing, and the log says that it came."""
    page = asked(browser, browser.post(f"{question.address}confirm/", {"account": account}))
    assert page.offered == ["0"]
    row = FlowTransaction.objects.get(kind="account_linking")
    assert row.state == "awaiting_confirmation"
    last = row.log.order_by("sequence").last()
    assert (last.event, last.rejected, last.code) == ("confirm", True, "candidate_unknown")
    assert page.confirm(people[0].user_id)["Location"] == "/profile/"


def _id(question) -> str:
    return question.address.rstrip("/").rpartition("/")[2]

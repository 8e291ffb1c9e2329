"""The proof belongs to one question: nothing else that happens in the browser answers it."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.storage.models import AccountLink, FlowTransaction
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import XPTO
from tests.support.error_pages import error_code
from tests.support.link_pages import asked
from tests.support.rows import show

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]

GOOGLE = "google-oauth2"


@pytest.fixture
def people(tenant):
    """The account that was there first, the newcomer, and another; only the newcomer has no user."""
    first = tenant.add_user(email=XPTO, connection=GOOGLE)
    other = tenant.add_user(email="other@example.com", password="a good one")
    for each in (first, other):
        Browser(tenant).sign_in(each.user_id)
    return first, tenant.add_user(email=XPTO, password="a good one"), other


@pytest.fixture
def question(browser, people):
    return asked(browser, browser.sign_in(people[1].user_id))


def row():
    return FlowTransaction.objects.get(kind="account_linking")


def confirmed(question):
    """Return where the browser is sent to prove it."""
    return question.browser.post(f"{question.address}confirm/")["Location"]


def weakened(location):
    """Open the authorization URL as it suits whoever wants a remembered session to count."""
    parts = urlsplit(location)
    fields = {**dict(parse_qsl(parts.query)), "max_age": "100000"}
    fields.pop("prompt", None)
    return parts._replace(query=urlencode(fields)).geturl()


def signs_in(browser, user):
    """Somebody sits down at the browser, whom the provider does not take for who was there before."""
    browser.visitor.close_browser()
    return browser.sign_in(user.user_id)


def nothing_linked(tenant):
    assert not AccountLink.objects.exists()
    assert tenant.ledger.count("identity_linked") == 0


def test_another_sign_in_of_the_very_account_is_no_proof(tenant, browser, clock, people, question):
    """The question was left open, and its account's owner signs in at that computer for another reason."""
    location = confirmed(question)
    clock.advance(30)
    assert signs_in(browser, people[0])["Location"] == "/profile/"
    clock.advance(5)
    response = browser.get(browser.authorize(weakened(location), people[0].user_id))
    assert error_code(response) == "transaction_expired", show(row().pk)
    nothing_linked(tenant)
    assert browser.client.session["stateful_oauth"]["sub"] == people[0].user_id, "They stay signed in."
    assert row().state == "expired"


@pytest.mark.parametrize("who", [0, 2])
@pytest.mark.parametrize("confirms", [False, True])
def test_a_sign_in_of_another_account_ends_what_waits(tenant, browser, people, question, who, confirms):
    if confirms:
        confirmed(question)
    signs_in(browser, people[who])
    for answer in ("confirm", "cancel"):
        assert error_code(browser.post(f"{question.address}{answer}/")) in (
            "transaction_expired",
            "already_completed",
        )
    assert row().state == "expired"
    assert row().secrets is None
    assert browser.client.session["stateful_oauth"]["sub"] == people[who].user_id
    nothing_linked(tenant)


def test_a_sweep_ends_it_as_well(browser, people, question):
    signs_in(browser, people[2])
    wiring.engine().recover(row().pk, SystemCaller())
    assert row().state == "expired"


def test_a_sign_in_by_other_means_ends_what_waits(
    tenant, browser, people, question, django_user_model, settings
):
    """A project may have another way in, for its staff say."""
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS, "django.contrib.auth.backends.ModelBackend"
    ]  # fmt: skip
    user = django_user_model.objects.create_superuser("staff", password="a good one")
    location = confirmed(question)
    browser.post("/admin/login/", {"username": "staff", "password": "a good one", "next": "/profile/"})
    assert browser.user_id == str(user.pk)
    response = browser.get(browser.authorize(location, people[0].user_id))
    assert error_code(response) == "transaction_expired"
    nothing_linked(tenant)


def test_a_sign_in_of_another_browser_ends_no_question(tenant, people, question):
    elsewhere = Browser(tenant)
    elsewhere.sign_in(people[0].user_id)
    assert question.confirm(people[0].user_id)["Location"] == "/profile/"
    assert AccountLink.objects.exists()


@pytest.mark.parametrize("answer", ["link", "keep apart"])
def test_two_tabs_of_one_person_ask_the_same(tenant, browser, people, answer):
    """Whatever one tab answers, the other one is not cut off."""
    questions = [asked(browser, browser.sign_in(people[1].user_id)) for _ in range(2)]
    proof = browser.authorize(confirmed(questions[1]), people[0].user_id)
    if answer == "link":
        questions[0].confirm(people[0].user_id)
    else:
        questions[0].keep_apart()
    assert browser.get(proof)["Location"] == "/profile/"
    assert AccountLink.objects.count() == 1
    assert browser.client.session["stateful_oauth"]["sub"] == people[0].user_id


# When the user authenticated.


@pytest.mark.parametrize("off", [0, 20, -20, 29, -29])
@pytest.mark.parametrize(
    ("seconds", "believed"), [(-29, False), (-2, False), (-1, False), (0, True), (60, True)]
)
def test_the_sign_in_is_later_than_the_redirect(
    tenant, browser, clock, people, question, off, seconds, believed
):
    """By the provider's clock, and without any leeway: one would admit a sign-in of before."""
    tenant.clock.advance(off)
    clock.advance(300)
    location = confirmed(question)
    asked_at = tenant.clock.now()
    clock.advance(90)
    tenant.id_token_hook = lambda claims, header: claims.update(auth_time=int(asked_at + seconds))
    browser.get(browser.authorize(location, people[0].user_id))
    assert AccountLink.objects.exists() == believed
    assert believed or (row().state, row().code) == ("awaiting_confirmation", "id_token_auth_time")


# What the proof is asked with.


def test_the_request_is_pushed_wherever_the_provider_takes_it(tenant, browser, clock, people, question):
    """Also where sign-ins are not pushed: nobody at the browser can change what the proof depends on."""
    tenant.settings.par = True
    wiring.provider.cache_clear()
    wiring.engine.cache_clear()
    location = confirmed(question)
    assert set(dict(parse_qsl(urlsplit(location).query))) == {"client_id", "request_uri"}
    assert tenant.ledger.count("par_pushed") == 1
    clock.advance(5)
    response = browser.get(browser.authorize(weakened(location), people[0].user_id))
    assert response["Location"] == "/profile/"
    assert AccountLink.objects.exists()


def test_a_pushed_request_counts_from_its_answer(tenant, browser, clock, people, question):
    """The redirect is made then, and not before the push."""
    tenant.settings.par = True
    wiring.provider.cache_clear()
    wiring.engine.cache_clear()
    tenant.faults.add("/oauth/par", "lost_answer")
    location = confirmed(question)
    assert tenant.ledger.count("par_pushed") == 2, "A lost answer of a push is repeated."
    assert browser.get(browser.authorize(location, people[0].user_id))["Location"] == "/profile/"


def test_a_push_that_is_refused_is_not_replaced_by_an_open_request(tenant, browser, people, question):
    tenant.settings.par = True
    wiring.provider.cache_clear()
    wiring.engine.cache_clear()
    tenant.faults.add("/oauth/par", "answer", None, status=400, json={"error": "invalid_request"})
    again = asked(browser, browser.post(f"{question.address}confirm/"))
    assert row().state == "awaiting_confirmation"
    assert again.keep_apart()["Location"] == "/profile/", "There is a way on."


def test_a_provider_that_stops_taking_pushed_requests(tenant, browser, people, question):
    """The reference of the first try is of no use for the second."""
    tenant.settings.par = True
    wiring.provider.cache_clear()
    wiring.engine.cache_clear()
    browser.get(browser.visitor.decline(confirmed(question)))
    tenant.settings.par = False
    wiring.provider.cache_clear()
    wiring.engine.cache_clear()
    location = confirmed(question)
    assert "request_uri" not in location
    assert "prompt=login" in location
    assert browser.get(browser.authorize(location, people[0].user_id))["Location"] == "/profile/"


# What the visitor is told.


def test_nothing_of_the_other_account_leaves_the_server(tenant, browser):
    """Who holds an unverified copy of an address learns what the page shows, and no more."""
    github = tenant.add_user(email=XPTO, connection="github")
    google = tenant.add_user(email=XPTO, connection=GOOGLE)
    newcomer = tenant.add_user(email=XPTO, password="a good one", email_verified=False)
    secrets = [part for each in (github, google) for part in (each.user_id, each.user_id.partition("|")[2])]
    responses = [browser.sign_in(newcomer.user_id)]
    question = asked(browser, responses[0])
    responses += [question.page, browser.post(f"{question.address}confirm/", {"account": "1"})]
    responses += [browser.get(question.address), browser.get(question.address)]
    for response in responses:
        shown = response.content.decode() + repr(response.headers) + repr(response.cookies)
        for secret in secrets:
            assert secret not in shown, response
        assert XPTO not in response.content.decode(), "Masked, also the address that the user came with."
    assert re.findall(r'name="account" value="([^"]*)"', question.page.content.decode()) == ["0", "1"]
    context = repr(question.page.context_data)
    assert not [secret for secret in secrets if secret in context], "A template cannot tell it either."

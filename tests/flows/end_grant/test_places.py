"""A refresh token is planted wherever a flow can end, and is revoked there, unless a grant holds it."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import OperatorCaller
from stateful_oauth.django.backends import Auth0Backend
from stateful_oauth.django.sweeps.sweeping import expire_due, recover_due
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.flows.oauth.errors import AccountRefused
from stateful_oauth.storage.models import FlowTransaction, Grant, Identity
from stateful_oauth.testing.browser import Browser
from stateful_oauth.testing.world.living_tokens import known_families, living_families
from tests.support.accounts_site import VICTIM, XPTO
from tests.support.crashes import at
from tests.support.link_pages import asked

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
GOOGLE = "google-oauth2"


class Refuses(Auth0Backend):
    def may_sign_in(self, identity, user):
        raise AccountRefused("account_refused")


class Breaks(Auth0Backend):
    def make_user(self, identity):
        raise LookupError("a mistake of the project")


class Site:
    """What a place is made of."""

    def __init__(self, tenant, browser, clock, settings):
        self.tenant, self.browser, self.clock, self.settings = tenant, browser, clock, settings

    def configure(self, **changes):
        self.settings.STATEFUL_OAUTH = {**self.settings.STATEFUL_OAUTH, **changes}

    def user(self, **fields):
        return self.tenant.add_user(**{"email": XPTO, "password": "a good one", **fields})

    def question(self):
        """Let a newcomer be asked whether its account is to be linked to the one that was there first."""
        self.configure(LINKING="confirm")
        self.first = self.user(connection=GOOGLE, password=None)
        Browser(self.tenant).sign_in(self.first.user_id)
        self.newcomer = self.user()
        return asked(self.browser, self.browser.sign_in(self.newcomer.user_id))

    def proof(self):
        """Let the user come back as the account that was there first; return the callback, not yet opened."""
        question = self.question()
        location = self.browser.post(f"{question.address}confirm/", {"account": ""})["Location"]
        return self.browser.authorize(location, self.first.user_id)

    def linking(self):
        return FlowTransaction.objects.get(kind="account_linking")


def id_token_is_refused(site):
    site.user()
    site.tenant.id_token_hook = lambda claims, header: claims.update(nonce="of another sign-in")
    site.browser.sign_in(XPTO)


def id_token_is_missing(site):
    site.user()
    site.tenant.token_reply_hook = lambda body: body.pop("id_token", None)
    site.browser.sign_in(XPTO)


def token_answer_is_of_another_type(site):
    site.user()
    site.tenant.token_reply_hook = lambda body: body.update(token_type="DPoP")
    site.browser.sign_in(XPTO)


def user_is_inactive(site):
    site.user()
    Browser(site.tenant).sign_in(XPTO)
    get_user_model().objects.update(is_active=False)
    site.browser.sign_in(XPTO)


def user_is_refused(site):
    site.settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Refuses"]
    site.configure(LINKING="off")
    site.user()
    site.browser.sign_in(XPTO)


def settling_breaks(site):
    site.settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Breaks"]
    site.configure(LINKING="off")
    site.user()
    with pytest.raises(LookupError):
        site.browser.sign_in(XPTO)


def user_signed_out_meanwhile(site):
    site.user()
    Browser(site.tenant).sign_in(XPTO)
    site.browser.sign_in(XPTO)
    callback = site.browser.authorize(site.browser.start(), XPTO)
    with at("effect.after", "exchange_code", lambda: site.browser.post("/auth/logout/")):
        site.browser.get(callback)
    assert FlowTransaction.objects.filter(kind="login", code="signed_out").exists()


def recovery_was_first(site):
    site.user()
    callback = site.browser.authorize(site.browser.start(), XPTO)

    def sweep():
        site.clock.advance(60)
        recover_due()

    with at("effect.after", "exchange_code", sweep):
        site.browser.get(callback)
    assert FlowTransaction.objects.get(kind="login").code == "code_exchange_lost"


def operator_abandoned_the_exchange(site):
    site.user()
    callback = site.browser.authorize(site.browser.start(), XPTO)

    def abandon():
        row = FlowTransaction.objects.get(kind="login")
        caller = OperatorCaller("1", "a test")
        wiring.engine().dispatch(row.pk, Event("abandon"), caller, kind="login", tenant="default")

    with at("effect.after", "exchange_code", abandon):
        site.browser.get(callback)


def token_was_not_asked_for(site):
    site.configure(LINKING="off", SCOPE="openid profile email")
    site.user()
    other = Browser(site.tenant)
    site.configure(SCOPE="openid profile email offline_access")
    callback = other.authorize(other.start(), XPTO)
    row = FlowTransaction.objects.get(kind="login")
    row.inputs["scope"] = "openid profile email"
    row.save()
    other.get(callback)


def question_expires(site):
    site.question()
    site.clock.advance(3600)


def question_is_cancelled_by_an_operator(site):
    site.question()
    row, caller = site.linking(), OperatorCaller("1", "a test")
    wiring.engine().dispatch(row.pk, Event("abandon"), caller, kind=row.kind, tenant="default")


def user_keeps_the_accounts_apart(site):
    site.question().keep_apart()


def user_signs_out_at_the_question(site):
    site.question()
    site.browser.post("/auth/logout/")


def another_user_signs_in_at_the_question(site):
    site.question()
    site.user(email="other@example.com")
    site.browser.visitor = site.tenant.visitor()
    site.browser.sign_in("other@example.com")


def proof_is_given_and_used(site):
    site.browser.get(site.proof())
    assert site.linking().state == "linked"


def proof_is_of_another_account(site):
    question = site.question()
    other = site.user(email="other@example.com", connection=GOOGLE, password=None)
    location = site.browser.post(f"{question.address}confirm/", {"account": ""})["Location"]
    site.browser.get(site.browser.authorize(location, other.user_id))
    assert site.linking().state == "wrong_account"


def proof_is_refused(site):
    callback = site.proof()
    site.tenant.id_token_hook = lambda claims, header: claims.update(nonce="of another sign-in")
    site.browser.get(callback)


def proof_is_given_and_not_used(site):
    callback = site.proof()
    site.tenant.block_user(site.first.user_id)
    site.browser.get(callback)
    assert site.linking().state == "kept_apart"


def candidates_are_looked_for_and_the_row_is_abandoned(site):
    site.user()
    site.tenant.faults.add("/api/v2/users-by-email", "rate_limit", None, reset=3600)
    site.browser.sign_in(XPTO)
    row = FlowTransaction.objects.get(kind="login")
    assert row.state == "finding_candidates"
    caller = OperatorCaller("1", "a test")
    wiring.engine().dispatch(row.pk, Event("abandon"), caller, kind=row.kind, tenant="default")


def accounts_are_linked_without_asking(site):
    site.first = site.user()
    site.browser.sign_in(site.first.user_id)
    social = site.user(connection=GOOGLE, password=None)
    Browser(site.tenant).sign_in(social.user_id)
    assert site.linking().state == "linked"


def secondary_had_grants(site):
    site.configure(LINKING="off")
    first, social = site.user(), site.user(connection=GOOGLE, password=None)
    for each in (first, social):
        Browser(site.tenant).sign_in(each.user_id)
    Identity.objects.update(link_checked=False)
    site.configure(LINKING="automatic")
    site.browser.sign_in(social.user_id)
    assert Identity.objects.count() == 1


def address_is_proved(site):
    user = site.user(email=VICTIM, email_verified=False)
    Browser(site.tenant).sign_in(user.user_id)
    site.tenant.users.patch(user.user_id, {"email_verified": True})
    site.browser.sign_in(user.user_id)
    assert Grant.objects.exclude(ended_at=None).exists()


def django_user_is_deleted(site):
    site.user()
    site.browser.sign_in(XPTO)
    get_user_model().objects.get().delete()


def identity_is_deleted(site):
    site.user()
    site.browser.sign_in(XPTO)
    Identity.objects.all().delete()


def open_row_is_deleted_by_the_project(site):
    site.question()
    FlowTransaction.objects.filter(kind="account_linking").delete()


def revocation_under_way_is_deleted_by_the_project(site):
    site.user()
    site.browser.sign_in(XPTO)
    site.browser.post("/auth/logout/")
    FlowTransaction.objects.filter(kind="end_grant").delete()


def user_signs_out_while_the_provider_is_down(site):
    site.user()
    site.browser.sign_in(XPTO)
    site.tenant.faults.add("/oauth/revoke", "server_error", 3)
    site.browser.post("/auth/logout/")


def user_signs_out_by_another_view(site):
    from django.contrib.auth import logout

    site.user()
    site.browser.sign_in(XPTO)
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.session = site.browser.client.session
    request.user = get_user_model().objects.get()
    logout(request)


def user_signs_out_before_a_recovered_session_is_fetched(site):
    site.user()
    site.browser.sign_in(XPTO)
    site.tenant.faults.add("/api/v2/users-by-email", "rate_limit", 1, reset=30)
    Identity.objects.update(link_checked=False)
    site.browser.sign_in(XPTO)
    site.clock.advance(31)
    recover_due()
    assert Grant.objects.count() == 2
    site.browser.post("/auth/logout/")


def user_signs_in_once_more(site):
    site.user()
    site.browser.sign_in(XPTO)
    site.browser.sign_in(XPTO)


def user_steps_up(site):
    site.user()
    site.browser.sign_in(XPTO)
    started = site.browser.post("/auth/step-up/", {"max_age": "0", "next": "/profile/"})["Location"]
    site.browser.get(site.browser.authorize(started, XPTO))


def step_up_is_refused(site):
    site.user()
    site.browser.sign_in(XPTO)
    started = site.browser.post("/auth/step-up/", {"max_age": "0", "next": "/profile/"})["Location"]
    site.tenant.id_token_hook = lambda claims, header: claims.update(auth_time=1)
    site.browser.get(site.browser.authorize(started, XPTO))


def refreshed(site, **limits):
    grant = site.browser.client.session["stateful_oauth"]["grant"]
    return wiring.access_tokens().access_token(grant, time_limit=10, **limits)


def answer_of_a_refresh_is_lost(site):
    rotates(site)
    site.tenant.faults.add("/oauth/token", "lost_answer")
    with pytest.raises(ServiceRefused):
        refreshed(site)
    assert Grant.objects.get().code == "refresh_lost"


def provider_refuses_a_refresh_for_a_while(site):
    rotates(site)
    refused = {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}
    site.tenant.faults.add("/oauth/token", "answer", status=403, json=refused)
    with pytest.raises(ServiceRefused):
        refreshed(site)


def user_signs_out_during_a_rotation(site):
    rotates(site)
    with at("refresh.answered", "refresh", lambda: site.browser.post("/auth/logout/")):
        refreshed(site)


def rotates(site):
    site.tenant.clients["web"].rotation = True
    site.configure(REFRESH_TOKEN_ROTATION=True, LINKING="off")
    site.user()
    site.browser.sign_in(XPTO)


# How many families live in the end.
PLACES = {
    id_token_is_refused: 0,
    id_token_is_missing: 0,
    token_answer_is_of_another_type: 0,
    user_is_inactive: 1,
    user_is_refused: 0,
    settling_breaks: 0,
    user_signed_out_meanwhile: 1,
    recovery_was_first: 0,
    operator_abandoned_the_exchange: 0,
    token_was_not_asked_for: 0,
    question_expires: 1,
    question_is_cancelled_by_an_operator: 1,
    user_keeps_the_accounts_apart: 2,
    user_signs_out_at_the_question: 1,
    another_user_signs_in_at_the_question: 2,
    proof_is_given_and_used: 2,
    proof_is_of_another_account: 1,
    proof_is_refused: 1,
    proof_is_given_and_not_used: 2,
    candidates_are_looked_for_and_the_row_is_abandoned: 0,
    accounts_are_linked_without_asking: 1,
    secondary_had_grants: 1,
    address_is_proved: 1,
    django_user_is_deleted: 0,
    identity_is_deleted: 0,
    open_row_is_deleted_by_the_project: 1,
    revocation_under_way_is_deleted_by_the_project: 0,
    user_signs_out_while_the_provider_is_down: 0,
    user_signs_out_by_another_view: 0,
    user_signs_out_before_a_recovered_session_is_fetched: 0,
    user_signs_in_once_more: 1,
    user_steps_up: 1,
    step_up_is_refused: 1,
    answer_of_a_refresh_is_lost: 0,
    provider_refuses_a_refresh_for_a_while: 0,
    user_signs_out_during_a_rotation: 0,
}


@pytest.fixture
def sweeps(clock):
    """Let the sweeps run until nothing is due for an hour."""

    def run():
        for _ in range(12):
            clock.advance(600)
            expire_due()
            recover_due()

    return run


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_no_token_is_left_alive_that_no_grant_holds(tenant, browser, clock, settings, sweeps, place):
    place(Site(tenant, browser, clock, settings))
    issued = len({token.family.id for token in tenant.issued.refresh.values()})
    sweeps()
    living = living_families(tenant)
    assert living == known_families(tenant)
    assert len(living) == PLACES[place]
    assert len(living) < issued or place is user_keeps_the_accounts_apart
    open_rows = FlowTransaction.objects.exclude(state_kind="final")
    assert not open_rows.exists(), list(open_rows.values("kind", "state", "code"))
    assert not FlowTransaction.objects.exclude(secrets=None).exists(), "What is over keeps no token."
    ended = FlowTransaction.objects.filter(kind="end_grant", state="ended").count()
    assert ended >= issued - len(living) or place is secondary_had_grants

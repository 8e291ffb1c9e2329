"""Connecting accounts, listing them, and disconnecting them: what is asked for and what is kept."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from django.urls import include, path

from stateful_oauth.django import flow_view, start_connect, wiring
from stateful_oauth.django.actions.callers import BrowserCaller
from stateful_oauth.django.actions.starting import connect_inputs
from stateful_oauth.django.actions.tokens import (
    access_token,
    available_connections,
    provider_token,
    refresh_connected_accounts,
)
from stateful_oauth.django.conf import conf
from stateful_oauth.django.sessions.accounts import connected_accounts
from stateful_oauth.emulator.connect_flows import ConnectFlows
from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.storage.models import ConnectedAccount, FlowTransaction
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import FIRST, SECOND, site
from tests.support.crashes import at
from tests.support.error_pages import Form, shown
from tests.support.project_requests import request_of

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def asked(tenant):
    """What the last connect request asked for."""
    return list(tenant.part(ConnectFlows)._by_session.values())[-1].ask


def kept():
    rows = ConnectedAccount.objects.order_by("pk")
    return [(row.connection, row.provider_user_id, row.email) for row in rows]


@pytest.mark.security("B30")
def test_who_was_connected_is_kept_and_not_who_connected_it(tenant, owner):
    response = owner.connect("google-oauth2", FIRST, next_url="/accounts/?tab=2")
    assert response["Location"] == "/accounts/?tab=2"
    row, remote = ConnectedAccount.objects.get(), tenant.connected_accounts(owner.user)[0]
    assert kept() == [("google-oauth2", "100", "google-oauth2-0@example.com")]
    assert (row.owner.subject, row.remote_id, row.scopes) == (
        owner.user.user_id,
        remote.id,
        list(remote.scopes),
    )
    assert (row.access_type, row.expires_at, row.owner_verified) == ("offline", None, True)
    flow = FlowTransaction.objects.get(kind="connect_account")
    assert (flow.state, str(flow.user_id)) == ("connected", owner.user_id)


@pytest.mark.security("S8")
def test_connecting_an_account_changes_the_key_of_the_session(owner):
    """Who holds the old key is not to gain what was connected."""
    before = owner.client.session.session_key
    owner.connect("google-oauth2", FIRST)
    assert owner.client.session.session_key != before
    assert owner.user_id is not None


@pytest.mark.security("B32")
def test_connecting_the_same_account_again_updates_its_row(tenant, owner):
    """Auth0 gives it a new id."""
    owner.connect("google-oauth2", FIRST)
    first = ConnectedAccount.objects.get()
    owner.connect("google-oauth2", FIRST)
    again = ConnectedAccount.objects.get()
    assert again.pk == first.pk
    assert again.remote_id != first.remote_id
    assert [row.id for row in tenant.connected_accounts(owner.user)] == [again.remote_id]


@pytest.mark.security("B32")
def test_two_accounts_of_one_connection_are_two_rows(tenant, owner):
    owner.connect("google-oauth2", FIRST)
    owner.connect("google-oauth2", SECOND)
    assert [row[1] for row in kept()] == ["100", "101"]
    owner.connect("google-oauth2", FIRST)
    assert [row[1] for row in kept()] == ["100", "101"]
    assert {row.id for row in tenant.connected_accounts(owner.user)} == set(
        ConnectedAccount.objects.values_list("remote_id", flat=True)
    )


def test_another_account_that_is_connected_before_anybody_asked_whose_this_one_is(tenant, owner):
    """Token Vault takes no `cac_…` id and gives the token of one of them: the other one keeps what it is."""

    def another_tab():
        owner.connect("google-oauth2", SECOND)

    with at("effect.before", "identify_account", another_tab):
        owner.connect("google-oauth2", FIRST)
    ids = {row.provider_user_id: row.id for row in tenant.connected_accounts(owner.user)}
    rows = ConnectedAccount.objects.values_list("remote_id", "provider_user_id")
    assert set(rows) == {(ids["100"], ""), (ids["101"], "101")}
    owner.connect("google-oauth2", FIRST)
    refresh_connected_accounts(request_of(owner))
    assert sorted(row[1] for row in kept()) == ["100", "101"]


def test_an_account_that_is_connected_once_more_while_somebody_finds_out_whose_it_is(tenant, owner, clock):
    """What the later one kept stands: its id is the one that the provider knows."""

    def another_tab():
        clock.advance(1)
        owner.connect("google-oauth2", FIRST)

    with at("effect.after", "identify_account", another_tab):
        owner.connect("google-oauth2", FIRST)
    (remote,) = tenant.connected_accounts(owner.user)
    assert list(ConnectedAccount.objects.values_list("remote_id", "provider_user_id")) == [(remote.id, "100")]


def test_two_people_may_connect_one_account(tenant, owner):
    owner.connect("google-oauth2", FIRST)
    tenant.add_user(email="eve@example.com", password="x")
    eve = Browser(tenant)
    eve.sign_in("eve@example.com")
    eve.connect("google-oauth2", FIRST)
    assert ConnectedAccount.objects.count() == 2
    assert ConnectedAccount.objects.values("owner").distinct().count() == 2


# What is asked for.


def test_the_settings_scopes_and_parameters_are_asked_for(tenant, owner):
    google = {
        "scopes": ["openid", "profile", "https://www.googleapis.com/auth/calendar"],
        "parameters": {"login_hint": "me@example.com", "prompt": "consent"},
    }
    with site(CONNECTIONS={"google-oauth2": google}):
        owner.connect("google-oauth2", FIRST)
    assert list(asked(tenant).scopes) == google["scopes"]
    assert asked(tenant).login_hint == "me@example.com"
    assert ConnectedAccount.objects.get().scopes == google["scopes"]


def test_a_call_adds_scopes_and_nothing_is_asked_for_twice(tenant, owner):
    with site(
        CONNECTIONS={"google-oauth2": {"scopes": ["openid", "profile"], "parameters": {"prompt": "none"}}}
    ):
        request = request_of(owner)
        inputs = connect_inputs(
            request,
            conf.tenant("default"),
            "google-oauth2",
            scopes=["profile", "calendar"],
            parameters={"prompt": "consent"},
        )
        wiring.engine().start("connect_account", inputs, BrowserCaller(request, bind=True))
    assert list(asked(tenant).scopes) == ["openid", "profile", "calendar"]
    assert inputs.parameters == {"prompt": "consent"}


@pytest.mark.security("B10")
def test_the_fields_of_a_connect_form_add_no_scopes(tenant, owner):
    """A page that somebody else wrote could ask for anything."""
    owner.post(
        "/auth/connect/",
        {
            "connection": "github",
            "scopes": "everything",
            "scope": "x",
            "prompt": "none",
            "redirect_uri": "https://evil.example/",
        },
    )
    assert asked(tenant).scopes is None
    assert asked(tenant).redirect_uri == "https://app.example/auth/connect/callback/"


@pytest.mark.security("B10")
@pytest.mark.parametrize(
    "name", ["state", "redirect_uri", "code_challenge", "scope", "client_id", "response_type", "anything"]
)
def test_parameters_that_connecting_does_not_take_are_refused(tenant, owner, name):
    """The API takes nine of them, and would refuse the request for another."""
    request = request_of(owner)
    inputs = connect_inputs(request, conf.tenant("default"), "google-oauth2", parameters={name: "x"})
    with pytest.raises(InvalidInput) as caught:
        wiring.engine().start("connect_account", inputs, BrowserCaller(request, bind=True))
    assert caught.value.code == "parameter_reserved"
    assert name in str(caught.value)
    assert tenant.ledger.count("connect_started") == 0


@pytest.mark.parametrize("name", ["audience", "acr_values", "display", "login_hint", "max_age", "resource"])
def test_parameters_that_it_takes_are_sent(tenant, owner, name):
    request = request_of(owner)
    inputs = connect_inputs(
        request, conf.tenant("default"), "google-oauth2", parameters={name: "60", "x": None}
    )
    del inputs.parameters["x"]
    wiring.engine().start("connect_account", inputs, BrowserCaller(request, bind=True))
    assert tenant.ledger.count("connect_started") == 1


@pytest.mark.security("B14")
def test_a_parameter_that_is_none_is_dropped(tenant, owner):
    request = request_of(owner)
    inputs = connect_inputs(request, conf.tenant("default"), "google-oauth2", parameters={"login_hint": None})
    wiring.engine().start("connect_account", inputs, BrowserCaller(request, bind=True))
    assert asked(tenant).login_hint is None


def test_each_connection_asks_only_for_the_scopes_it_needs(tenant, owner):
    """Only what is required at sign-in; more when an account is connected; still more when it is again."""
    authorize = Browser(tenant).start()
    assert "calendar" not in authorize
    basic, more = ["openid", "profile"], ["openid", "profile", "calendar"]
    with site(CONNECTIONS={"google-oauth2": {"scopes": basic}}):
        owner.connect("google-oauth2", FIRST)
    assert ConnectedAccount.objects.get().scopes == basic
    with site(CONNECTIONS={"google-oauth2": {"scopes": more}}):
        owner.connect("google-oauth2", FIRST)
    assert ConnectedAccount.objects.get().scopes == more
    assert provider_token(request_of(owner), "google-oauth2").scope == " ".join(more)


def test_a_person_may_agree_to_less(tenant, owner):
    with site(CONNECTIONS={"google-oauth2": {"scopes": ["openid", "profile", "calendar"]}}):
        location = owner.post("/auth/connect/", {"connection": "google-oauth2"})["Location"]
        owner.get(owner.visitor.connect(location, as_account=FIRST, scopes=["openid", "profile"]))
    assert ConnectedAccount.objects.get().scopes == ["openid", "profile"]


# The provider says no.


def test_a_user_who_declines_at_the_provider_keeps_a_way_back(tenant, owner):
    location = owner.post("/auth/connect/", {"connection": "github", "next": "/accounts/"})["Location"]
    response = owner.get(owner.visitor.decline(location))
    assert shown(owner, response) == ("provider_declined", 403)
    page = owner.opens(response).content.decode()
    assert "/accounts/" in page, "Where the visitor wanted to go is not lost."
    assert "GitHub" in page, "It may be tried again."
    assert not ConnectedAccount.objects.exists()
    assert owner.user_id is not None


def test_scopes_that_the_provider_refuses(tenant, owner):
    with site(CONNECTIONS={"google-oauth2": {"scopes": ["calendar"]}}):  # Google needs openid and profile
        location = owner.post("/auth/connect/", {"connection": "google-oauth2"})["Location"]
        answer = owner.visitor.request("GET", location)
        response = owner.get(answer.header("Location"))
    assert shown(owner, response) == ("request_rejected", 502)


# Lists.


def many(tenant, owner, count):
    for number in range(count):
        tenant.add_user(
            email=f"many-{number}@example.com", connection="github", user_id=f"9{number:03}", signed_up=False
        )
        tenant.connect_account(owner.user.user_id, f"github|9{number:03}")


@pytest.mark.security("B35")
def test_the_list_is_read_to_its_end(tenant, owner):
    """25 and more, at most 20 on a page."""
    for number in range(3):
        owner.connect("google-oauth2", FIRST if number == 0 else SECOND)
    many(tenant, owner, 45)
    before = tenant.requests["/me/v1/connected-accounts/accounts"]
    assert len(refresh_connected_accounts(request_of(owner))) == 47
    assert tenant.requests["/me/v1/connected-accounts/accounts"] - before == 3


def test_what_is_gone_at_the_provider_is_dropped(tenant, owner):
    owner.connect("google-oauth2", FIRST)
    owner.connect("google-oauth2", SECOND)
    many(tenant, owner, 25)
    gone = next(row for row in tenant.connected_accounts(owner.user) if row.provider_user_id == "100")
    tenant.vault.disconnect(gone)
    assert len(connected_accounts(request_of(owner))) == 2
    listed = refresh_connected_accounts(request_of(owner))
    google = ("google-oauth2", "101", "google-oauth2-1@example.com")
    assert [row for row in kept() if row[0] == "google-oauth2"] == [google]
    assert {row.remote_id for row in listed} == {row.id for row in tenant.connected_accounts(owner.user)}


def test_a_list_that_cannot_be_read_drops_nothing(tenant, owner):
    owner.connect("google-oauth2", FIRST)
    tenant.faults.add("/me/v1/connected-accounts/accounts", "html", None)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - its code is compared
        refresh_connected_accounts(request_of(owner))
    assert caught.value.code == "provider_answer_invalid"
    assert len(connected_accounts(request_of(owner))) == 1


def test_the_available_connections_are_read_to_their_end(tenant, owner):
    for number in range(45):
        tenant.add_connection(f"provider-{number:02}", scopes=["openid"])
    names = [connection.name for connection in available_connections(request_of(owner))]
    assert len(names) == 47
    assert "Username-Password-Authentication" not in names


def test_a_list_shows_only_ones_own(tenant, owner):
    owner.connect("google-oauth2", FIRST)
    tenant.add_user(email="eve@example.com", password="x")
    eve = Browser(tenant)
    eve.sign_in("eve@example.com")
    assert connected_accounts(request_of(eve)) == []
    assert connected_accounts(request_of(Browser(tenant))) == []


# Disconnecting.


def disconnect(browser, account_id, **more):
    return browser.post("/auth/disconnect/", {"account": account_id, "next": "/accounts/", **more})


def test_disconnecting_forgets_the_account_here_and_there(tenant, owner):
    owner.connect("google-oauth2", FIRST)
    owner.connect("google-oauth2", SECOND)
    row = ConnectedAccount.objects.get(provider_user_id="100")
    assert disconnect(owner, row.remote_id)["Location"] == "/accounts/"
    assert [each.provider_user_id for each in tenant.connected_accounts(owner.user)] == ["101"]
    assert [each[1] for each in kept()] == ["101"]


@pytest.mark.security("B34")
def test_an_account_that_is_gone_at_the_provider_counts_as_disconnected(tenant, owner):
    owner.connect("google-oauth2", FIRST)
    row = ConnectedAccount.objects.get()
    tenant.vault.disconnect(tenant.vault.get(row.remote_id))
    tenant.faults.add(
        "/me/v1/connected-accounts/accounts/{id}",
        "answer",
        status=404,
        json={
            "type": "https://auth0.com/api-errors#A0E-404-0001",
            "status": 404,
            "title": "Not Found",
            "detail": "x",
        },
    )
    assert disconnect(owner, row.remote_id)["Location"] == "/accounts/"
    assert not ConnectedAccount.objects.exists()


@pytest.mark.security("L14", "B34")
def test_somebody_elses_account_is_a_404(tenant, owner):
    owner.connect("google-oauth2", FIRST)
    row = ConnectedAccount.objects.get()
    tenant.add_user(email="eve@example.com", password="x")
    eve = Browser(tenant)
    eve.sign_in("eve@example.com")
    for account_id in (row.remote_id, "", "cac_", "cac_unknown", "../users", "cac_%2e%2e", str(row.pk), "\0"):
        assert disconnect(eve, account_id).status_code == 404, account_id
    assert disconnect(Browser(tenant), row.remote_id)["Location"].startswith("/auth/error/sign_in_needed/")
    assert tenant.ledger.count("account_disconnected") == 0
    assert ConnectedAccount.objects.count() == 1


@pytest.mark.security("S13")
@pytest.mark.parametrize("page", ["connect", "disconnect"])
def test_nothing_happens_without_a_form_of_ours(tenant, owner, page):
    owner.connect("google-oauth2", FIRST)
    started = tenant.ledger.count("connect_started")
    assert owner.get(f"/auth/{page}/").status_code == 405
    strict = Browser(tenant, enforce_csrf_checks=True)
    strict.sign_in(owner.user.user_id)
    row = ConnectedAccount.objects.get()
    response = strict.post(f"/auth/{page}/", {"connection": "github", "account": row.remote_id})
    assert response.status_code == 403
    assert response["Cache-Control"] == "no-store"
    assert tenant.ledger.count("connect_started") == started
    assert ConnectedAccount.objects.count() == 1


def test_nobody_connects_without_signing_in(tenant, browser):
    response = browser.post("/auth/connect/", {"connection": "github", "next": "/accounts/"})
    assert response["Location"] == "/auth/error/sign_in_needed/?next=%2Faccounts%2F"
    page = browser.opens(response)
    assert page.status_code == 403
    assert "/accounts/" in page.content.decode(), "After signing in it goes on there."
    assert not FlowTransaction.objects.exists()


# Tokens.


def test_an_access_token_is_kept_while_it_lasts(tenant, owner, clock):
    request = request_of(owner)
    audience = tenant.my_account_audience
    first = access_token(request, audience=audience, scope="read:me:connected_accounts")
    assert access_token(request, audience=audience, scope="read:me:connected_accounts") == first
    clock.advance(100_000)
    assert access_token(request, audience=audience, scope="read:me:connected_accounts") != first


@pytest.mark.security("B28")
def test_the_provider_token_is_of_the_account_that_was_named(tenant, owner):
    owner.connect("google-oauth2", FIRST)
    owner.connect("google-oauth2", SECOND)
    token = provider_token(request_of(owner), "google-oauth2", login_hint="100")
    assert tenant.vault.holder(token.value.reveal()).provider_user_id == "100"
    assert token.value.reveal() not in repr(token)


def test_connecting_again_asks_for_what_the_project_asked_for(tenant, owner, settings):
    """Scopes and parameters come from the row: a form could ask for anything."""

    @flow_view
    def own(request):
        parameters = {"login_hint": "octocat"}
        return start_connect(request, "github", scopes=["repo"], parameters=parameters, unlisted=True)

    module = ModuleType("urls_of_own_connecting")
    module.urlpatterns = [path("own/", own), path("auth/", include("stateful_oauth.django.urls"))]
    sys.modules[module.__name__] = module
    settings.ROOT_URLCONF = module.__name__
    with site(CONNECTIONS={"google-oauth2": {}}):
        first = owner.post("/own/")["Location"]
        wanted = asked(tenant)
        form = Form.of(owner.opens(owner.get(owner.visitor.decline(first))))
        assert form.submit(owner)["Location"] != first
        again = asked(tenant)
        assert again is not wanted
        assert (again.scopes, again.login_hint) == (wanted.scopes, "octocat")
        # Without the attempt, or for another connection, it is a form like any other.
        for sent in ({"attempt": ""}, {"connection": "windowslive"}):
            refused = owner.post("/auth/connect/", {**form.fields, **sent})
            assert shown(owner, refused) == ("connection_unknown", 400)

"""Connecting while the My Account API, Token Vault or the provider fails: connected once, or said why not."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.django.sessions.accounts import refresh_connected_accounts
from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import ConnectedAccount, FlowTransaction, Grant
from tests.support.callers import Operator
from tests.support.crashes import at, crash_at
from tests.support.error_pages import error_code
from tests.support.project_requests import request_of
from tests.support.recovering import recover_all
from tests.support.rows import nothing_working, show
from tests.support.waiting import waited

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]

GOOGLE, COMPLETE = "google-oauth2|100", "/me/v1/connected-accounts/complete"

CALLS = {
    "the access token": {"endpoint": "/oauth/token", "match": {"grant_type": "refresh_token"}},
    "the list before": {"endpoint": "/me/v1/connected-accounts/accounts"},
    "the request": {"endpoint": "/me/v1/connected-accounts/connect"},
    "the completion": {"endpoint": COMPLETE},
    "the vault": {"endpoint": "/oauth/token", "match": {"connection": "google-oauth2"}},
    "the provider": {"endpoint": "/_provider/{connection}/userinfo"},
}
UNREADABLE = ("lost_request", "lost_answer", "slow", "html", "server_error", "malformed")
KINDS = ("unreachable", *UNREADABLE, "rate_limit")


def fault(tenant, call, kind, times=1):
    where = dict(CALLS[call])
    return tenant.faults.add(where.pop("endpoint"), kind, times, **where)


def agree(tenant, owner):
    """What is kept here is what the tenant has."""
    text = "\n".join(show(pk) for pk in FlowTransaction.objects.values_list("pk", flat=True))
    remote = {row.id for row in tenant.connected_accounts(owner.user)}
    assert set(ConnectedAccount.objects.values_list("remote_id", flat=True)) == remote, text


@pytest.mark.security("B9")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", CALLS)
def test_one_failure_of_each_call_ends_a_connection_as_declared(tenant, owner, clock, call, kind):
    planned = fault(tenant, call, kind)
    response = waited(owner, owner.connect("google-oauth2", GOOGLE, next_url="/accounts/"), clock)
    assert planned.fired == 1, "The call was never made, so nothing was tested."
    row = FlowTransaction.objects.get(kind="connect_account")
    if response["Location"] == "/accounts/":
        assert row.state == "connected"
    else:
        assert error_code(response) == row.code
        assert owner.opens(response).status_code in (502, 503, 504)
        assert call in ("the access token", "the list before", "the request"), show(row.pk)
    nothing_working()
    agree(tenant, owner)
    assert owner.connect("google-oauth2", GOOGLE, next_url="/accounts/")["Location"] == "/accounts/"
    # The row of an account that nobody could identify goes with the next look at the list.
    refresh_connected_accounts(request_of(owner))
    agree(tenant, owner)
    assert ConnectedAccount.objects.get().provider_user_id == "100"


@pytest.mark.security("B9")
@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_completion_whose_answer_is_lost(tenant, owner, kind, happened):
    """The code is single-use: the list of accounts tells whether it bought one."""
    tenant.faults.add(COMPLETE, kind, effect=happened)
    assert owner.connect("google-oauth2", GOOGLE, next_url="/accounts/")["Location"] == "/accounts/"
    assert tenant.ledger.count("connect_completed") == 1
    assert tenant.ledger.count("connect_code_reused") == 0
    assert ConnectedAccount.objects.get().provider_user_id == "100"
    agree(tenant, owner)
    nothing_working()


@pytest.mark.parametrize("happened", [True, False])
def test_a_reconnection_whose_answer_is_lost(tenant, owner, happened):
    """The account has another id already, which the list of before shows."""
    owner.connect("google-oauth2", GOOGLE)
    owner.connect("google-oauth2", "google-oauth2|101")
    first = ConnectedAccount.objects.get(provider_user_id="100")
    tenant.faults.add(COMPLETE, "lost_answer", effect=happened)
    assert owner.connect("google-oauth2", GOOGLE, next_url="/accounts/")["Location"] == "/accounts/"
    again = ConnectedAccount.objects.get(provider_user_id="100")
    assert (again.pk, again.remote_id != first.remote_id) == (first.pk, True)
    agree(tenant, owner)


@pytest.mark.parametrize("point", ["effect.before", "effect.after"])
def test_a_worker_that_dies_at_the_completion(tenant, owner, clock, point):
    location = owner.post("/auth/connect/", {"connection": "google-oauth2", "next": "/accounts/"})["Location"]
    callback = owner.visitor.connect(location, as_account=GOOGLE)
    with crash_at(point, "complete_connection"):
        owner.get(callback)
    assert not ConnectedAccount.objects.exists()
    clock.advance(120)
    recover_due()
    nothing_working()
    assert ConnectedAccount.objects.get().provider_user_id == "100"
    agree(tenant, owner)
    assert owner.get(callback)["Location"] == "/accounts/", "The browser that comes back hears of it."
    assert tenant.ledger.count("connect_completed") == 1


def test_an_outage_after_the_completion_was_sent(tenant, owner, clock):
    location = owner.post("/auth/connect/", {"connection": "google-oauth2", "next": "/accounts/"})["Location"]
    callback = owner.visitor.connect(location, as_account=GOOGLE)
    tenant.faults.add(COMPLETE, "lost_answer")
    outage = tenant.faults.add("/me/v1/connected-accounts/*", "unreachable", 4)
    response = waited(owner, owner.get(callback), clock)
    assert outage.fired == 4
    assert response["Location"] == "/accounts/"
    agree(tenant, owner)
    nothing_working()


def test_a_grant_that_ends_after_the_completion_was_sent(tenant, owner, clock):
    """Nobody can look any more, and the user is told to look at the list after the next sign-in."""
    location = owner.post("/auth/connect/", {"connection": "google-oauth2"})["Location"]
    callback = owner.visitor.connect(location, as_account=GOOGLE)
    with crash_at("effect.after", "complete_connection"):
        owner.get(callback)
    clock.advance(1_000)
    Grant.objects.update(access_tokens="")  # the one of then is over, too
    tenant.revoke_refresh_tokens(owner.user.user_id)
    recover_due()
    nothing_working()
    assert FlowTransaction.objects.get(kind="connect_account").code == "connect_unconfirmed"
    response = owner.get(callback)
    assert error_code(response) == "connect_unconfirmed"
    assert "Sign in again" in owner.opens(response).content.decode()
    owner.sign_in(owner.user.user_id)
    [remote] = tenant.connected_accounts(owner.user)
    listed = refresh_connected_accounts(request_of(owner))
    assert [account.remote_id for account in listed] == [remote.id], "As the page has said."


def test_a_connect_session_that_is_over(tenant, owner, clock):
    """Auth0 gives it five minutes, and our row waits no longer than that."""
    location = owner.post("/auth/connect/", {"connection": "google-oauth2"})["Location"]
    callback = owner.visitor.connect(location, as_account=GOOGLE)
    clock.advance(301)
    response = owner.get(callback)
    assert error_code(response) == "transaction_expired"
    assert tenant.requests[COMPLETE] == 0
    assert "Google" in owner.opens(response).content.decode(), "It can be connected again from the page."


def test_a_connect_session_that_the_tenant_does_not_know(tenant, owner):
    location = owner.post("/auth/connect/", {"connection": "google-oauth2"})["Location"]
    callback = owner.visitor.connect(location, as_account=GOOGLE)
    tenant.reset()
    owner.user = tenant.users.get(owner.user.user_id)

    assert Grant.objects.filter(ended_at=None).exists()
    tenant.faults.add(
        COMPLETE, "answer", status=400,
        json={"type": "x", "status": 400, "title": "Bad Request", "detail": "Invalid auth_session",
              "validation_errors": [{"detail": "Invalid auth_session", "field": "auth_session"}]},
    )  # fmt: skip
    assert error_code(owner.get(callback)) == "connect_session_over"


@pytest.mark.parametrize("damage", ["another", "x"])
def test_a_connect_code_that_the_tenant_does_not_take(tenant, owner, damage):
    location = owner.post("/auth/connect/", {"connection": "google-oauth2"})["Location"]
    callback = owner.visitor.connect(location, as_account=GOOGLE)
    state = callback.fields["state"]
    response = owner.get(f"/auth/connect/callback/?connect_code={damage}&state={state}")
    assert error_code(response) == "connect_code_rejected"
    assert "Google" in owner.opens(response).content.decode()
    assert not ConnectedAccount.objects.exists()


@pytest.mark.parametrize("how", ["switched off", "deleted"])
def test_a_connection_that_vanishes_in_between(tenant, owner, how):
    """What was agreed to is connected, and can be taken back; nobody can begin anew."""
    location = owner.post("/auth/connect/", {"connection": "google-oauth2", "next": "/accounts/"})["Location"]
    callback = owner.visitor.connect(location, as_account=GOOGLE)
    if how == "deleted":
        del tenant.people.connections["google-oauth2"]
    else:
        tenant.people.connections["google-oauth2"].connected_accounts = False
    assert owner.get(callback)["Location"] == "/accounts/"
    nothing_working()
    agree(tenant, owner)
    again = owner.post("/auth/connect/", {"connection": "google-oauth2", "next": "/accounts/"})
    assert error_code(again) == "connection_unknown"
    row = ConnectedAccount.objects.get()
    form = {"account": row.remote_id, "next": "/accounts/"}
    assert owner.post("/auth/disconnect/", form)["Location"] == "/accounts/"
    agree(tenant, owner)


# Disconnecting.


@pytest.mark.parametrize("kind", KINDS)
def test_disconnecting_survives_a_failure_of_the_call(tenant, owner, clock, kind):
    owner.connect("google-oauth2", GOOGLE)
    row = ConnectedAccount.objects.get()
    tenant.faults.add("/me/v1/connected-accounts/accounts/{id}", kind, method="DELETE")
    response = owner.post("/auth/disconnect/", {"account": row.remote_id, "next": "/accounts/"})
    assert waited(owner, response, clock)["Location"] == "/accounts/"
    assert not ConnectedAccount.objects.exists()
    assert tenant.connected_accounts(owner.user) == []
    nothing_working()


@pytest.mark.parametrize("status", [400, 403, 404, 409, 500])
@pytest.mark.parametrize("happened", [True, False])
def test_any_other_answer_to_a_disconnection_is_decided_by_the_list(tenant, owner, clock, status, happened):
    owner.connect("google-oauth2", GOOGLE)
    row = ConnectedAccount.objects.get()
    body = {"type": "https://auth0.com/api-errors#unknown", "status": status, "title": "Not Found"}
    fault = tenant.faults.add(
        "/me/v1/connected-accounts/accounts/{id}", "answer", None, method="DELETE", status=status,
        json=body, effect=happened,
    )  # fmt: skip
    response = owner.post("/auth/disconnect/", {"account": row.remote_id, "next": "/accounts/"})
    if happened:
        assert waited(owner, response, clock)["Location"] == "/accounts/"
        assert not ConnectedAccount.objects.exists()
    else:
        assert ConnectedAccount.objects.exists()
    tenant.faults.remove(fault)
    recover_all(clock.advance)
    agree(tenant, owner)


def test_disconnecting_with_a_token_that_lacks_the_scope(tenant, owner):
    owner.connect("google-oauth2", GOOGLE)
    row = ConnectedAccount.objects.get()
    tenant.allow_connected_accounts("web", ["read:me:connected_accounts", "create:me:connected_accounts"])
    response = owner.post("/auth/disconnect/", {"account": row.remote_id, "next": "/accounts/"})
    assert error_code(response) == "scope_not_granted"
    assert ConnectedAccount.objects.exists(), "What is connected there is not forgotten here."


def test_connected_again_before_anybody_knew_who_the_first_one_was(tenant, owner, clock):
    """The worker dies after the completion; recovery finds that a newer connection has taken its place."""
    with crash_at("effect.before", "identify_account"):
        owner.connect("google-oauth2", GOOGLE)
    owner.connect("google-oauth2", GOOGLE)
    clock.advance(31)
    recover_due()
    nothing_working()
    agree(tenant, owner)
    assert ConnectedAccount.objects.get().provider_user_id == "100"


@pytest.mark.parametrize(
    "place",
    [
        ("effect.after", "complete_connection"),
        ("settle.after_commit", "connection_completed"),
        ("effect.before", "identify_account"),
        ("effect.after", "identify_account"),
    ],
    ids=" ".join,
)
def test_connected_again_in_another_tab_meanwhile(tenant, owner, place):
    """The provider forgets the older id, and so does whoever comes last here."""
    with at(*place, lambda: owner.connect("google-oauth2", GOOGLE)):
        owner.connect("google-oauth2", GOOGLE)
    agree(tenant, owner)
    assert ConnectedAccount.objects.get().provider_user_id == "100"


def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_happened(tenant, owner, clock):
    """The account was disconnected, and then the application's scope taken away."""
    owner.connect("google-oauth2", GOOGLE)
    row = ConnectedAccount.objects.get()
    tenant.faults.add("/me/v1/connected-accounts/accounts/{id}", "lost_answer", method="DELETE")
    refusing = tenant.faults.add(
        "/me/v1/connected-accounts/accounts*", "answer", None, status=403,
        json={"type": "https://auth0.com/api-errors#A0E-403-0001", "status": 403, "title": "Forbidden",
              "detail": "Insufficient scope"},
    )  # fmt: skip
    response = owner.post("/auth/disconnect/", {"account": row.remote_id, "next": "/accounts/"})
    assert waited(owner, response, clock).status_code == 202
    stuck = FlowTransaction.objects.get(kind="disconnect_account")
    assert stuck.stuck_since is not None, show(stuck.pk)
    # Whoever retries too early loses nothing.
    wiring.engine().recover(stuck.pk, Operator())
    stuck.refresh_from_db()
    assert stuck.state == "disconnecting", show(stuck.pk)
    tenant.faults.remove(refusing)
    recover_all(clock.advance)
    assert not ConnectedAccount.objects.exists()
    agree(tenant, owner)


def test_a_disconnection_that_nobody_can_finish_waits_for_no_operator(tenant, owner, clock):
    """The answer was lost, and then the user blocked: nobody can ask for them, and the list will tell."""
    owner.connect("google-oauth2", GOOGLE)
    row = ConnectedAccount.objects.get()
    tenant.faults.add("/me/v1/connected-accounts/accounts/{id}", "lost_answer", method="DELETE")
    tenant.faults.add("/me/v1/connected-accounts/accounts", "lost_answer", method="GET")
    owner.post("/auth/disconnect/", {"account": row.remote_id, "next": "/accounts/"})
    assert FlowTransaction.objects.get(kind="disconnect_account").state == "disconnecting"
    Grant.objects.update(access_tokens="")
    tenant.block_user(owner.user.user_id)
    recover_all(clock.advance)
    ended = FlowTransaction.objects.get(kind="disconnect_account")
    assert (ended.state, ended.code) == ("failed", "sign_in_refused"), show(ended.pk)
    tenant.block_user(owner.user.user_id, False)
    refresh_connected_accounts(request_of(owner))
    agree(tenant, owner)

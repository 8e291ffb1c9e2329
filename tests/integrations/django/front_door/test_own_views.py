"""Views of a project's own, three lines each: what the package's own views promise, they promise, too."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError, connection
from django.http import HttpResponse, JsonResponse
from django.urls import include, path, resolve, reverse
from django.views.decorators.http import require_POST

from stateful_oauth.django import (
    InsideTransaction,
    callback_view,
    complete,
    connected_accounts,
    current_sign_in,
    flow_view,
    send_event,
    sign_out,
    start_connect,
    start_disconnect,
    start_flow,
    start_login,
    start_step_up,
    start_unlink,
)
from stateful_oauth.flows import InvalidInput, Quarantined, RedirectTo, Rejected, SignedIn
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.storage.store import DjangoTransactionStore
from stateful_oauth.testing import Browser
from tests.support.costs import cost_of
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

ADA, BOB = "ada@example.com", "bob@example.com"
OUTCOMES: list[object] = []


@flow_view
def start(request):
    return start_login(request, next="/profile/?tab=2", parameters={"login_hint": "x@example.com"})


def start_without_decorator(request):
    return start_login(request)


@flow_view
def start_of_ada(request):
    return start_login(
        request, next="https://elsewhere.example/", subject=request.GET["subject"], scope="openid"
    )


@flow_view
def start_for_own_callback(request):
    return start_login(request, redirect_uri="https://app.example/own/callback/")


@callback_view
def callback(request, tenant="default"):
    response = complete(request, tenant=tenant)
    OUTCOMES.append(response.outcome)
    return response


@flow_view
def welcome(request):
    response = complete(request)
    return (
        HttpResponse(f"welcome {response.outcome.user_id}")
        if isinstance(response.outcome, SignedIn)
        else response
    )


@flow_view
@require_POST
def leave(request):
    return sign_out(request)


@flow_view
@require_POST
def connect(request):
    return start_connect(
        request, request.POST["connection"], next="/profile/", unlisted="any" in request.POST
    )


@flow_view
@require_POST
def disconnect_first(request):
    return start_disconnect(request, connected_accounts(request)[0], next="/profile/")


@flow_view
@require_POST
def disconnect(request):
    return start_disconnect(request, request.POST["account"])


@flow_view
@require_POST
def unlink(request):
    return start_unlink(request, int(request.POST["link"]))


@flow_view
def pay(request):
    return start_step_up(request, next="/profile/")


@login_required
def who(request):
    sign_in = current_sign_in(request)
    return JsonResponse({} if sign_in is None else {
        "user_id": sign_in.user_id, "issuer": sign_in.issuer, "subject": sign_in.subject,
        "tenant": sign_in.tenant, "organization": sign_in.organization,
            "auth_time": sign_in.auth_time and sign_in.auth_time.timestamp(), "sid": sign_in.sid,
    })  # fmt: skip


urlpatterns = [
    path("auth/callback/", callback),
    path("auth/logout/", leave),
    path("auth/", include("stateful_oauth.django.urls")),
    path("own/start/", start),
    path("own/bare/", start_without_decorator),
    path("own/ada/", start_of_ada),
    path("own/elsewhere/", start_for_own_callback),
    path("own/callback/", welcome),
    path("own/connect/", connect),
    path("own/disconnect-first/", disconnect_first),
    path("own/disconnect/", disconnect),
    path("own/unlink/", unlink),
    path("own/pay/", pay),
    path("own/who/", who),
]


@pytest.fixture(autouse=True)
def outcomes():
    OUTCOMES.clear()
    return OUTCOMES


@contextmanager
def atomic_requests():
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        yield
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


def subject_of(tenant, email):
    return tenant.users.by_email(email)[0].user_id


def test_sign_in_starts_and_ends_in_own_views(browser, outcomes):
    started = browser.get("/own/start/")
    assert "login_hint=x%40example.com" in started["Location"]
    assert browser.get(browser.authorize(started["Location"], ADA))["Location"] == "/profile/?tab=2"
    assert [type(outcome) for outcome in outcomes] == [SignedIn]
    assert browser.user_id is not None


def test_second_delivery_to_own_callback_is_signed_in_too(browser, tenant, outcomes):
    callback_url = browser.authorize(browser.get("/own/start/")["Location"], ADA)
    browser.get(callback_url)
    browser.client.cookies.pop("sessionid")
    assert browser.get(callback_url)["Location"] == "/profile/?tab=2"
    assert browser.user_id is not None
    assert [outcome.replayed for outcome in outcomes] == [False, True]
    assert tenant.requests["/oauth/token"] == 1


def test_second_delivery_after_the_grace_is_refused(browser, clock, outcomes):
    callback_url = browser.authorize(browser.get("/own/start/")["Location"], ADA)
    browser.get(callback_url)
    browser.client.cookies.pop("sessionid")
    clock.advance(61)
    assert error_code(browser.get(callback_url)) == "already_completed"
    assert isinstance(outcomes[-1], Rejected)
    assert browser.user_id is None


def test_own_response_keeps_the_session_and_the_cookie(tenant, browser):
    next(iter(tenant.clients.values())).callbacks.append("https://app.example/own/callback/")
    started = browser.get("/own/elsewhere/")["Location"]
    assert parse_qs(urlsplit(started).query)["redirect_uri"] == ["https://app.example/own/callback/"]
    shown = browser.get(browser.authorize(started, ADA))
    assert shown.content.startswith(b"welcome ")
    assert shown["Cache-Control"] == "no-store"
    assert browser.user_id is not None


@pytest.mark.parametrize("address", ["/own/start/", "/own/bare/", "/auth/callback/?code=x&state=y"])
def test_response_has_the_headers_of_the_packages_own(browser, address):
    response = browser.get(address)
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(("address", "status"), [("/own/start/", 204), ("/own/bare/", 401)])
def test_a_prefetch_of_a_projects_view_starts_nothing(browser, address, status):
    """`flow_view` answers before it asks the view; the function that starts has an answer of its own."""
    with_purpose = browser.get(address, HTTP_SEC_PURPOSE="prefetch")
    assert (with_purpose.status_code, with_purpose.cookies) == (status, {})


def test_another_user_than_the_one_asked_for_is_a_mismatch(tenant, browser):
    started = browser.get(f"/own/ada/?subject={subject_of(tenant, ADA)}")["Location"]
    assert error_code(browser.get(browser.authorize(started, BOB))) == "subject_mismatch"
    assert browser.user_id is None


def test_next_on_another_host_counts_as_empty(tenant, browser):
    started = browser.get(f"/own/ada/?subject={subject_of(tenant, ADA)}")["Location"]
    assert parse_qs(urlsplit(started).query)["scope"] == ["openid"]
    assert not FlowTransaction.objects.get().inputs.get("next")
    assert browser.get(browser.authorize(started, ADA))["Location"] == "/profile/"


def test_view_in_a_database_transaction_is_refused_before_anything_starts(browser, tenant):
    with atomic_requests(), pytest.raises(InsideTransaction, match="flow_view"):
        browser.get("/own/bare/")
    with atomic_requests():
        assert browser.get("/own/start/").status_code == 303


def test_database_that_is_gone_has_a_page_without_the_decorator(browser, monkeypatch):
    def gone(*_):
        raise OperationalError("gone")

    monkeypatch.setattr(DjangoTransactionStore, "create", gone)
    assert browser.get("/own/bare/").status_code == 503


def test_unknown_flow_and_wrong_inputs_are_the_projects_mistake(browser, rf):
    request = rf.get("/")
    request.session = SessionStore()
    with pytest.raises(Quarantined):
        start_flow(request, "no.such_flow", {})
    with pytest.raises(InvalidInput):
        start_login(request, scope="profile")


def test_event_for_a_transaction_of_another_browser_moves_nothing(tenant, browser, rf):
    response = send_event(rf.post("/"), uuid.uuid4(), "cancel", kind="account_linking")
    assert isinstance(response.outcome, Rejected)


def test_start_and_callback_cost_what_the_packages_own_views_cost(tenant, browser):
    Browser(tenant).sign_in(ADA)
    assert _costs(tenant, "/own/start/") == _costs(tenant, "/auth/login/?next=/profile/%3Ftab=2")


def _costs(tenant, address):
    fresh = Browser(tenant)
    started, start = cost_of(tenant, lambda: fresh.get(address))
    arrived = fresh.authorize(started["Location"], ADA)
    _, callback = cost_of(tenant, lambda: fresh.get(arrived))
    return [(len(cost.statements), cost.commits, cost.calls) for cost in (start, callback)]


def test_current_sign_in_says_who_and_where(tenant, browser):
    browser.sign_in(ADA)
    said = browser.get("/own/who/").json()
    assert said["subject"] == subject_of(tenant, ADA)
    assert (said["issuer"], said["tenant"]) == (tenant.issuer, "default")
    assert said["user_id"] == browser.user_id
    assert said["sid"]


def test_step_up_of_an_own_view_renews_the_sign_in(browser, clock):
    browser.sign_in(ADA)
    before = browser.get("/own/who/").json()
    clock.advance(3600)
    assert (
        browser.get(browser.authorize(browser.get("/own/pay/")["Location"], ADA))["Location"] == "/profile/"
    )
    after = browser.get("/own/who/").json()
    assert after["auth_time"] - (before["auth_time"] or 0) >= 3600
    assert (after["user_id"], after["subject"]) == (before["user_id"], before["subject"])


def test_current_sign_in_says_at_which_organization(browser, tenant, settings):
    tenant.add_organization("one", org_id="org_1", members=[subject_of(tenant, ADA)])
    asked = {"AUTHORIZATION_PARAMETERS": {"organization": "org_1"}}
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, **asked}
    browser.sign_in(ADA)
    assert browser.get("/own/who/").json()["organization"] == "org_1"


def test_user_with_a_password_of_the_site_has_no_sign_in_at_the_provider(
    browser, django_user_model, settings
):
    passwords = "django.contrib.auth.backends.ModelBackend"
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, passwords]
    browser.client.force_login(django_user_model.objects.create_user("root"), backend=passwords)
    assert browser.get("/own/who/").json() == {}


def test_session_whose_user_is_gone_has_no_sign_in(rf):
    request = rf.get("/")
    request.session, request.user = SessionStore(), AnonymousUser()
    request.session["stateful_oauth"] = {"sub": "auth0|left-over"}
    assert current_sign_in(request) is None


def test_sign_out_ends_the_session_here_and_goes_to_the_provider(tenant, browser):
    browser.sign_in(ADA)
    response = browser.post("/auth/logout/")
    assert response["Location"].startswith(tenant.issuer)
    assert browser.user_id is None


def test_replaced_url_leads_the_packages_own_names_to_the_own_view(browser, outcomes):
    assert resolve(reverse("stateful_oauth:callback")).func is callback
    assert resolve(reverse("stateful_oauth:logout")).func is leave
    assert browser.sign_in(ADA)["Location"] == "/profile/"
    assert len(outcomes) == 1


def test_user_who_is_not_signed_in_is_asked_to(browser):
    for address, data in (
        ("/own/connect/", {"connection": "github"}),
        ("/own/disconnect/", {"account": "cac_x"}),
        ("/own/unlink/", {"link": "1"}),
    ):
        assert error_code(browser.post(address, data)) == "sign_in_needed"


def test_what_is_not_the_users_own_is_not_found(browser):
    browser.sign_in(ADA)
    assert browser.post("/own/disconnect/", {"account": "cac_x"}).status_code == 404
    assert browser.post("/own/unlink/", {"link": "7"}).status_code == 404


def test_connection_that_the_settings_do_not_name_needs_the_projects_word(browser, settings):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "CONNECTIONS": {"google-oauth2": {}}}
    browser.sign_in(ADA)
    assert error_code(browser.post("/own/connect/", {"connection": "github"})) == "connection_unknown"
    assert (
        error_code(browser.post("/own/connect/", {"connection": "github", "any": "1"}))
        != "connection_unknown"
    )


def test_outcome_of_a_start_is_the_redirect(tenant, rf):
    response = start_login(rf.get("/"))
    assert isinstance(response.outcome, RedirectTo)
    assert response.outcome.url == response["Location"]

"""A project's own async views, with the engine's `a…` methods."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.http import HttpResponse
from django.test import AsyncClient
from django.urls import include, path

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import BrowserCaller, SystemCaller
from stateful_oauth.django.actions.starting import login_inputs
from stateful_oauth.django.browser.binding import send_binding
from stateful_oauth.django.conf import conf
from stateful_oauth.django.pages.responses import respond
from stateful_oauth.django.sessions.sign_ins import signed_in_again
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.identifiers import transaction_id_of
from stateful_oauth.flows.engine.outcomes import InProgress
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse

# Database work of async views runs on another thread: the rows have to be committed.
pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

ADA = "ada@example.com"


async def start(request):
    caller = BrowserCaller(request, bind=True)
    outcome = await wiring.engine().astart("login", login_inputs(request, conf.tenant("default")), caller)
    response = respond(outcome, request)
    send_binding(response, caller.binding)
    return response


async def callback(request):
    answer = AuthorizationResponse.parse(request.GET.lists())
    outcome = await wiring.engine().adispatch(
        transaction_id_of(answer.state.reveal()),
        Event("callback", answer),
        BrowserCaller(request),
        kind="login",
        state=answer.state,
    )
    return await sync_to_async(answered)(outcome, request)


def answered(outcome, request):
    return respond(signed_in_again(request, outcome), request)


async def who(request):
    user = await request.auser()
    return HttpResponse(str(user.pk))


async def recover(request, transaction_id: uuid.UUID):
    outcome = await wiring.engine().arecover(transaction_id, SystemCaller())
    return HttpResponse(type(outcome).__name__, status=202 if isinstance(outcome, InProgress) else 200)


urlpatterns = [
    path("auth/callback/", callback),
    path("auth/", include("stateful_oauth.django.urls")),
    path("start/", start),
    path("who/", who),
    path("recover/<uuid:transaction_id>/", recover),
]


class AsyncBrowser:
    def __init__(self, tenant):
        self.client, self.visitor = AsyncClient(), tenant.visitor()

    def get(self, address):
        parts = urlsplit(address)
        path = parts._replace(scheme="", netloc="").geturl()
        return async_to_sync(self.client.get)(path, secure=True)


@pytest.fixture
def browser(tenant):
    return AsyncBrowser(tenant)


def test_a_sign_in_through_async_views(browser):
    location = browser.get("/start/?next=/profile/%3Ftab=2")["Location"]
    came_back = browser.get(browser.visitor.authorize(location, ADA))
    assert (came_back.status_code, came_back["Location"]) == (303, "/profile/?tab=2")
    assert browser.get("/who/").content.decode() not in ("", "None")


def test_a_second_delivery_has_the_same_outcome(browser, tenant):
    location = browser.get("/start/")["Location"]
    came_back = browser.visitor.authorize(location, ADA)
    assert [browser.get(came_back)["Location"] for _ in range(2)] == ["/profile/", "/profile/"]
    assert tenant.requests["/oauth/token"] == 1


def test_a_sweep_in_async_code(browser, clock):
    location = browser.get("/start/")["Location"]
    transaction_id = transaction_id_of(browser.visitor.authorize(location, ADA).fields["state"])
    clock.advance(601)
    assert browser.get(f"/recover/{transaction_id}/").content == b"Expired"


@pytest.mark.urls("tests.support.testsite.urls")
def test_the_packages_own_views_work_under_asgi(browser):
    location = browser.get("/auth/login/?next=/profile/%3Ftab=2")["Location"]
    assert browser.get(browser.visitor.authorize(location, ADA))["Location"] == "/profile/?tab=2"
    assert browser.get("/profile/").content.decode().startswith("user:")

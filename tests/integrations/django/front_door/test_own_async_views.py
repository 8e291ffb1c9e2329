"""The twins for async views."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.http import HttpResponse
from django.test import AsyncClient
from django.urls import include, path

from stateful_oauth.django import (
    acomplete,
    acurrent_sign_in,
    asign_out,
    astart_login,
    callback_view,
    flow_view,
)
from tests.support.error_pages import error_code

# Database work of async views runs on another thread: the rows have to be committed.
pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

ADA = "ada@example.com"


@flow_view
async def start(request):
    return await astart_login(request, next="/profile/?tab=2")


@callback_view
async def callback(request, tenant="default"):
    return await acomplete(request, tenant=tenant)


@flow_view
async def leave(request):
    return await asign_out(request)


async def who(request):
    sign_in = await acurrent_sign_in(request)
    return HttpResponse("" if sign_in is None else sign_in.user_id)


urlpatterns = [
    path("auth/callback/", callback),
    path("auth/", include("stateful_oauth.django.urls")),
    path("start/", start),
    path("leave/", leave),
    path("who/", who),
]


class AsyncBrowser:
    def __init__(self, tenant):
        self.client, self.visitor = AsyncClient(), tenant.visitor()

    def get(self, address, **headers):
        parts = urlsplit(address)
        return async_to_sync(self.client.get)(
            parts._replace(scheme="", netloc="").geturl(), secure=True, **headers
        )


@pytest.fixture
def browser(tenant):
    return AsyncBrowser(tenant)


@pytest.fixture(params=[False, True], ids=["", "ATOMIC_REQUESTS"])
def atomic_requests(request):
    connection.settings_dict["ATOMIC_REQUESTS"] = request.param
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.mark.usefixtures("atomic_requests")
def test_sign_in_through_async_views(browser):
    came_back = browser.get(browser.visitor.authorize(browser.get("/start/")["Location"], ADA))
    assert (came_back.status_code, came_back["Location"]) == (303, "/profile/?tab=2")
    assert came_back["Cache-Control"] == "no-store"


def test_second_delivery_is_signed_in_too(browser, tenant):
    arrived = browser.visitor.authorize(browser.get("/start/")["Location"], ADA)
    browser.get(arrived)
    browser.client.cookies.pop("sessionid")
    assert browser.get(arrived)["Location"] == "/profile/?tab=2"
    assert browser.get("/who/").content
    assert tenant.requests["/oauth/token"] == 1


def test_sign_out_ends_the_session(browser, tenant):
    browser.get(browser.visitor.authorize(browser.get("/start/")["Location"], ADA))
    assert browser.get("/who/").content
    assert browser.get("/leave/")["Location"].startswith(tenant.issuer)
    assert not browser.get("/who/").content


def test_a_prefetch_of_an_async_view_starts_nothing(browser):
    assert browser.get("/start/", headers={"Sec-Purpose": "prefetch"}).status_code == 204


def test_callback_takes_no_form_and_has_the_headers(browser):
    assert error_code(browser.get("/auth/callback/?code=x")) == "state_missing"
    refused = async_to_sync(browser.client.post)("/auth/callback/", secure=True)
    assert refused.status_code == 405
    assert refused["Referrer-Policy"] == "no-referrer"

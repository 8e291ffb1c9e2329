"""After an automatic link, the session is the primary's, and its user has a silent way to tokens again."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.urls import include, path

from stateful_oauth.django import FlowError, access_token, flow_view
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import XPTO

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

GOOGLE, MY_ACCOUNT = "google-oauth2", "https://tenant.example/me/"


@flow_view
def report(request):
    try:
        access_token(request, audience=MY_ACCOUNT)
    except FlowError as error:
        return error.remedy.start(request)
    return HttpResponse("report")


urlpatterns = [path("auth/", include("stateful_oauth.django.urls")), path("report/", report)]


def test_session_of_the_primary_gets_a_grant_by_its_remedy(tenant, browser):
    primary = tenant.add_user(email=XPTO, password="a good one")
    browser.sign_in(XPTO)
    tenant.add_user(email=XPTO, connection=GOOGLE, user_id="google-oauth2|7", signed_up=False)
    later = Browser(tenant)
    later.sign_in("google-oauth2|7")
    assert later.client.session["stateful_oauth"]["sub"] == primary.user_id
    answer = later.get("/report/")
    if answer.status_code != 200:
        back = later.get(later.authorize(answer["Location"], "google-oauth2|7"))
        assert back["Location"] == "/report/"
        assert later.client.session["stateful_oauth"]["sub"] == primary.user_id
        answer = later.get("/report/")
    assert answer.content == b"report"

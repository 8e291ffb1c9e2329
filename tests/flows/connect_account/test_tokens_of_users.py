"""Access tokens for views and for work in the background, and what a user can do about an error."""

from __future__ import annotations

from datetime import UTC
from urllib.parse import parse_qs, urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.urls import include, path

from stateful_oauth.django import (
    FlowError,
    aaccess_token,
    access_token,
    connected_accounts,
    current_sign_in,
    flow_view,
    provider_token,
)
from stateful_oauth.storage.models import Grant
from tests.support.accounts_site import FIRST, site
from tests.support.project_requests import request_of

pytestmark = [
    pytest.mark.database_in_ci,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls(__name__),
]

MY_ACCOUNT, GOOGLE = "https://tenant.example/me/", "google-oauth2"


@flow_view
def calendar(request):
    try:
        provider_token(request, GOOGLE)
        access_token(request, audience=MY_ACCOUNT)
    except FlowError as error:
        return error.remedy.start(request)
    return HttpResponse("events")


@flow_view
async def async_calendar(request):
    try:
        await aaccess_token(request, audience=MY_ACCOUNT)
    except FlowError as error:
        return await error.remedy.astart(request)
    return HttpResponse("events")


urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
    path("calendar/", calendar),
    path("async/", async_calendar),
]


def user_of(owner):
    return get_user_model().objects.get(pk=owner.user_id)


def asked(response):
    return {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}


class TestBackground:
    def test_task_gets_a_token_by_user_or_by_grant(self, owner):
        kept = current_sign_in(request_of(owner)).grant
        by_user = access_token(user=user_of(owner), audience=MY_ACCOUNT)
        by_grant = access_token(grant=kept, audience=MY_ACCOUNT)
        assert by_user == by_grant == access_token(request_of(owner), audience=MY_ACCOUNT)
        assert by_user.expires_at.tzinfo == UTC
        owner.connect(GOOGLE, FIRST)
        assert provider_token(user=user_of(owner), connection=GOOGLE).value
        assert provider_token(grant=kept, connection=GOOGLE, login_hint=FIRST.partition("|")[2]).value

    def test_newest_grant_that_lasts_is_used(self, owner, another_browser):
        other = another_browser()
        other.sign_in(owner.user.user_id)
        assert Grant.objects.filter(ended_at=None).count() == 2
        access_token(user=user_of(owner), audience=MY_ACCOUNT)
        assert Grant.objects.exclude(access_tokens="").get().pk == Grant.objects.order_by("-pk").first().pk
        other.post("/auth/logout/")
        assert access_token(user=user_of(owner), audience=MY_ACCOUNT).value

    def test_sign_out_ends_the_work_in_the_background(self, owner):
        user, kept = user_of(owner), current_sign_in(request_of(owner)).grant
        owner.post("/auth/logout/")
        for code, who in (("grant_missing", {"user": user}), ("grant_dead", {"grant": kept})):
            with pytest.raises(FlowError) as caught:
                access_token(**who, audience=MY_ACCOUNT)
            assert caught.value.code == code

    def test_inactive_user_gets_no_token(self, owner):
        user = user_of(owner)
        user.is_active = False
        with pytest.raises(FlowError) as caught:
            access_token(user=user, audience=MY_ACCOUNT)
        assert (caught.value.code, caught.value.remedy) == ("account_inactive", None)

    def test_exactly_one_says_whose_token_it_is(self, owner):
        for wrong in (
            {},
            {"user": user_of(owner), "grant": "x"},
            {"request": request_of(owner), "grant": "x"},
        ):
            with pytest.raises(TypeError):
                access_token(**wrong)
        with pytest.raises(TypeError):
            provider_token(request_of(owner))
        with pytest.raises(KeyError):
            access_token(user=user_of(owner), tenant="none")

    def test_async_task_gets_a_token(self, owner):
        assert async_to_sync(aaccess_token)(user=user_of(owner), audience=MY_ACCOUNT).value


def test_scopes_are_texts_or_those_that_the_settings_name(owner):
    request = request_of(owner)
    read, create = "read:me:connected_accounts", "create:me:connected_accounts"
    assert access_token(request, audience=MY_ACCOUNT, scope=[read]).scope == read
    for named in (f"{create} {read}", [create, read]):
        with site(API_SCOPES={MY_ACCOUNT: named}):
            found = access_token(request, audience=MY_ACCOUNT)
        assert set(found.scope.split()) == {create, read}


class TestRemedy:
    def test_user_without_a_refresh_token_signs_in_for_one_and_comes_back(self, owner):
        Grant.objects.all().delete()
        with site(SCOPE="openid profile email"):
            started = owner.get("/async/?day=1")
        assert "offline_access" in asked(started)["scope"]
        back = owner.get(owner.authorize(started["Location"], owner.user.user_id))
        assert back["Location"] == "/async/?day=1"
        assert owner.get("/async/").content == b"events"

    def test_account_that_is_not_connected_is_connected_after_a_click(self, owner):
        page = owner.get("/calendar/?day=1")
        assert b"<code>account_not_connected</code>" in page.content
        assert b'name="connection" value="google-oauth2"' in page.content
        started = owner.post("/calendar/", {}, HTTP_REFERER="https://app.example/calendar/?day=1")
        back = owner.get(owner.visitor.connect(started["Location"], as_account=FIRST))
        assert back["Location"] == "/calendar/?day=1"
        assert connected_accounts(request_of(owner))
        assert owner.get("/calendar/").content == b"events"

    def test_other_factor_is_asked_for_by_a_step_up(self, owner, tenant):
        owner.connect(GOOGLE, FIRST)
        body = {"error": "mfa_required", "error_description": "x"}
        tenant.faults.add("/oauth/token", "answer", None, effect=False, status=403, json=body)
        started = owner.get("/calendar/")
        assert asked(started)["max_age"] == "0"

    def test_fault_of_the_site_has_no_remedy(self, owner):
        with pytest.raises(FlowError) as caught:
            access_token(request_of(owner), audience=MY_ACCOUNT, scope="no:such:scope")
        assert caught.value.remedy is None

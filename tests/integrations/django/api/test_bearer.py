"""Views of an API: a request with an access token, and how one without is refused (RFC 6750)."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.http import JsonResponse
from django.test import AsyncClient, Client
from django.urls import include, path

from stateful_oauth.django import (
    AccessTokenRejected,
    averify_access_token,
    bearer_required,
    end_sessions,
    verify_access_token,
)
from stateful_oauth.flows.engine.secret import Secret
from tests.support.api_tokens import API, machine_token, user_token

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

ADA = "ada@example.com"


@bearer_required(API, scopes="read:things")
def things(request):
    token = request.access_token
    return JsonResponse({"sub": token.subject, "scopes": sorted(token.scopes)})


@bearer_required(API, scopes=["read:things"])
async def async_things(request):
    return JsonResponse({"sub": request.access_token.subject})


@bearer_required(API, user=True)
def mine(request):
    return JsonResponse({"user": request.user.pk, "session": request.session.session_key})


@bearer_required(API, organization=lambda request: request.resolver_match.kwargs["name"])
def of_organization(request, name):
    return JsonResponse({"organization": request.access_token.organization})


@bearer_required()
def by_setting(request):
    return JsonResponse({})


@bearer_required("web")
def for_id_tokens(request):
    return JsonResponse({})


urlpatterns = [
    path("things/", things),
    path("async/", async_things),
    path("mine/", mine),
    path("of/<name>/", of_organization),
    path("by-setting/", by_setting),
    path("wrong/", for_id_tokens),
    path("auth/", include("stateful_oauth.django.urls")),
]


def call(url, token=None, *, client=None, **headers):
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return (client or Client(enforce_csrf_checks=True)).post(url, headers=headers)


def refusal(response):
    return response.status_code, response.json()["error"], response.headers.get("WWW-Authenticate", "")


def test_token_with_the_scope_opens_the_view(tenant):
    token = user_token(tenant, ADA, scopes=["read:things", "write:things"])
    answer = call("/things/", token)
    assert answer.status_code == 200
    assert answer.json()["scopes"] == ["read:things", "write:things"]
    assert "Authorization" in answer.headers["Vary"]


def test_view_makes_no_session_and_reads_no_row(tenant, django_assert_num_queries):
    token = user_token(tenant, ADA, scopes=["read:things"])
    with django_assert_num_queries(0):
        answer = call("/things/", token)
    assert not answer.cookies


def test_scheme_is_read_in_any_case(tenant):
    token = user_token(tenant, ADA, scopes=["read:things"])
    assert call("/things/", Authorization=f"bearer {token}").status_code == 200


def test_request_without_a_token_is_told_how_to_authenticate(tenant):
    answer = call("/things/")
    assert refusal(answer) == (401, "unauthorized", 'Bearer realm="api"')
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("scheme", ["Basic d2ViOnNlY3JldA==", "DPoP a.b.c", "BearerX a.b.c", ""])
def test_other_scheme_is_no_bearer_token(tenant, scheme):
    assert refusal(call("/things/", Authorization=scheme))[:2] == (401, "unauthorized")


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer a b", "Bearer a,Bearer b", 'Bearer "a"', "Bearer ä"]
)
def test_malformed_header_is_an_invalid_request(tenant, header):
    status, error, said = refusal(call("/things/", Authorization=header))
    assert (status, error) == (400, "invalid_request")
    assert 'error="invalid_request"' in said


def test_token_in_the_query_or_the_body_is_not_read(tenant):
    token = user_token(tenant, ADA, scopes=["read:things"])
    client = Client()
    assert client.get("/things/", {"access_token": token}).status_code == 401
    assert client.post("/things/", {"access_token": token}).status_code == 401


def test_an_expired_access_token_is_told_as_invalid(tenant, clock):
    token = user_token(tenant, ADA, scopes=["read:things"])
    clock.advance(86_400 + 31)
    answer = call("/things/", token)
    status, error, said = refusal(answer)
    assert (status, error, answer.json()["code"]) == (401, "invalid_token", "access_token_expired")
    assert (
        said == 'Bearer realm="api", error="invalid_token", error_description="The access token has expired."'
    )
    assert token not in answer.content.decode() + said


def test_token_without_the_scope_is_told_which_one_is_needed(tenant):
    status, error, said = refusal(call("/things/", user_token(tenant, ADA, scopes=["write:things"])))
    assert (status, error) == (403, "insufficient_scope")
    assert said.endswith('scope="read:things"')


def test_keys_that_cannot_be_read_are_answered_with_a_pause(tenant):
    token = user_token(tenant, ADA, scopes=["read:things"])
    tenant.faults.add("/.well-known/jwks.json", "server_error", None)
    answer = call("/things/", token)
    assert refusal(answer) == (503, "temporarily_unavailable", "")
    assert answer.headers["Retry-After"] == "30"


def test_id_token_opens_no_view(tenant, settings):
    with pytest.raises(ImproperlyConfigured, match="CLIENT_ID"):
        call("/wrong/", "a.b.c")
    with pytest.raises(ImproperlyConfigured, match="API_AUDIENCE"):
        call("/by-setting/", "a.b.c")
    settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | {"API_AUDIENCE": API}
    assert call("/by-setting/", user_token(tenant, ADA)).status_code == 200


def test_token_of_another_organization_is_refused(tenant):
    acme = tenant.add_organization(name="acme", members=[tenant.users.by_email(ADA)[0].user_id])
    token = user_token(tenant, ADA, organization_id=acme.id)
    assert call(f"/of/{acme.id}/", token).json() == {"organization": acme.id}
    answer = call("/of/org_other/", token)
    assert (refusal(answer)[:2], answer.json()["code"]) == (
        (401, "invalid_token"),
        "access_token_organization",
    )


@pytest.mark.database
def test_user_of_the_token_is_the_one_who_signed_in(tenant, browser):
    token = user_token(tenant, ADA)
    assert call("/mine/", token).json()["code"] == "access_token_user"
    browser.sign_in(ADA)
    found = call("/mine/", token).json()
    assert found == {"user": get_user_model().objects.get().pk, "session": None}
    assert call("/mine/", machine_token(tenant)).status_code == 403


def test_the_access_token_of_an_inactive_user_is_refused(tenant, browser):
    browser.sign_in(ADA)
    get_user_model().objects.update(is_active=False)
    assert call("/mine/", user_token(tenant, ADA)).json()["code"] == "access_token_user"


def test_token_from_before_the_users_sessions_ended_names_no_user(tenant, browser, clock):
    browser.sign_in(ADA)
    token = user_token(tenant, ADA)
    clock.advance(5)
    end_sessions(get_user_model().objects.get())
    assert call("/mine/", token).json()["code"] == "access_token_user"
    clock.advance(5)
    assert call("/mine/", user_token(tenant, ADA)).status_code == 200


def test_signed_in_browser_is_no_client_of_the_api(tenant, browser):
    browser.sign_in(ADA)
    assert browser.get("/things/").status_code == 401


def test_async_view_is_protected_in_the_same_way(tenant):
    token = user_token(tenant, ADA, scopes=["read:things"])

    async def visit(**headers):
        return await AsyncClient().get("/async/", headers=headers)

    assert async_to_sync(visit)(Authorization=f"Bearer {token}").status_code == 200
    assert async_to_sync(visit)().status_code == 401


def test_view_is_open_to_clients_where_all_others_need_a_session(tenant, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert call("/things/", user_token(tenant, ADA, scopes=["read:things"])).status_code == 200


def test_function_takes_a_text_or_a_secret(tenant):
    token = user_token(tenant, ADA, scopes=["read:things"])
    for each in (token, Secret(token)):
        assert verify_access_token(each, audience=API, scopes="read:things").client_id == "web"
    assert async_to_sync(averify_access_token)(token, audience=API).client_id == "web"
    with pytest.raises(AccessTokenRejected) as caught:
        verify_access_token(token, audience="https://other.example/")
    assert caught.value.code == "access_token_audience"
    with pytest.raises(KeyError):
        verify_access_token(token, audience=API, tenant="none")

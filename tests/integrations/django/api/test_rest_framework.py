"""The authentication class for Django REST framework."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import include, path
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from stateful_oauth.django import Auth0Bearer
from tests.support.api_tokens import API, machine_token, user_token

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

ADA = "ada@example.com"


class Reports(Auth0Bearer):
    audience = API
    scopes = "read:things"


class Owners(Auth0Bearer):
    audience = API
    finds_user = True


class OfOrganizations(Auth0Bearer):
    audience = API

    def organization_of(self, request):
        return request.parser_context["kwargs"]["name"]


class Whole(APIView):
    authentication_classes = (Reports,)
    permission_classes = (IsAuthenticated,)
    renderer_classes = (JSONRenderer,)

    def post(self, request, **kwargs):
        return Response(
            {"user": str(request.user), "pk": request.user.pk, "scopes": sorted(request.auth.scopes)}
        )


urlpatterns = [
    path("reports/", Whole.as_view()),
    path("mine/", Whole.as_view(authentication_classes=(Owners,))),
    path("of/<name>/", Whole.as_view(authentication_classes=(OfOrganizations,))),
    path("auth/", include("stateful_oauth.django.urls")),
]


def call(url, token=None, **headers):
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return Client(enforce_csrf_checks=True).post(url, headers=headers)


def test_token_speaks_for_a_user_without_a_row(tenant, django_assert_num_queries):
    token = user_token(tenant, ADA)
    with django_assert_num_queries(0):
        answer = call("/reports/", token)
    subject = tenant.users.by_email(ADA)[0].user_id
    assert answer.json() == {"user": subject, "pk": None, "scopes": ["read:things"]}


def test_request_without_a_token_is_challenged(tenant):
    for answer in (call("/reports/"), call("/reports/", Authorization="Basic eDp5")):
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


def test_refusal_is_that_of_the_decorator(tenant):
    answer = call("/reports/", user_token(tenant, ADA, scopes=["write:things"]))
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"].endswith('scope="read:things"')
    answer = call("/reports/", "a.b.c")
    assert (answer.status_code, answer.json()["code"]) == (401, "access_token_malformed")
    assert call("/reports/", Authorization="Bearer a b").status_code == 400


def test_keys_that_cannot_be_read_are_answered_with_a_pause(tenant):
    token = user_token(tenant, ADA)
    tenant.faults.add("/.well-known/jwks.json", "server_error", None)
    answer = call("/reports/", token)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_organization_is_read_from_the_request(tenant):
    acme = tenant.add_organization(name="acme", members=[tenant.users.by_email(ADA)[0].user_id])
    token = user_token(tenant, ADA, organization_id=acme.id)
    assert call(f"/of/{acme.id}/", token).status_code == 200
    assert call("/of/org_other/", token).json()["code"] == "access_token_organization"


def test_user_of_the_site_is_found_where_asked_for(tenant, browser):
    token = user_token(tenant, ADA)
    assert call("/mine/", token).status_code == 403
    browser.sign_in(ADA)
    assert call("/mine/", token).json()["pk"] == get_user_model().objects.get().pk
    assert call("/mine/", machine_token(tenant)).status_code == 403

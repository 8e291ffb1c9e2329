"""`readiness()` for health checks, and the view that a project may include."""

from __future__ import annotations

import json

import pytest
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from django.urls import get_resolver, include, path

from stateful_oauth.django.doctor import readiness
from stateful_oauth.django.views.readiness import readiness_view
from tests.support.counting import counted

pytestmark = pytest.mark.database

urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
    path("ready/", readiness_view),
]

CHEAP = ["settings", "database", "migrations", "key_ring"]


def refuse(*args):
    raise OperationalError("gone, password=planted")


def test_a_site_that_is_ready_calls_no_provider(healthy):
    report = readiness()
    assert report.ok
    assert [stage.name for stage in report.stages] == CHEAP
    assert not healthy.requests


def test_it_costs_a_health_check_little(healthy):
    readiness()
    with counted() as count:
        readiness()
    assert len(count.statements) <= 2, "Which migrations are applied, and an update of no row."
    assert count.commits == 0


def test_a_site_that_is_not(healthy):
    with connection.execute_wrapper(refuse):
        report = readiness()
    assert not report.ok
    assert {stage.name: str(stage.verdict) for stage in report.stages}["database"] == "failed"


def test_warnings_leave_a_site_ready(healthy, settings):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "ENCRYPTION_KEYS": []}
    report = readiness()
    assert report.ok
    assert str(report.verdict) == "warning"


def test_calling_the_provider_has_to_be_asked_for(healthy):
    report = readiness(outbound=True)
    assert report.ok
    assert {"discovery", "client", "callbacks", "management"} <= {stage.name for stage in report.stages}
    assert healthy.requests["/oauth/token"] >= 1


def test_a_tenant_that_is_not_there(healthy):
    with pytest.raises(KeyError, match="nowhere"):
        readiness(outbound=True, tenants=["nowhere"])


def test_the_readiness_view_shows_the_cheap_stages(healthy):
    response = readiness_view(RequestFactory().get("/ready/"))
    body = json.loads(response.content)
    assert response.status_code == 200
    assert body["ok"] is True
    assert [stage["name"] for stage in body["stages"]] == CHEAP
    assert "no-store" in response["Cache-Control"]


def test_the_view_says_503_and_not_why(healthy):
    with connection.execute_wrapper(refuse):
        response = readiness_view(RequestFactory().get("/ready/"))
    assert response.status_code == 503
    assert b"planted" not in response.content
    assert b"message" not in response.content


@pytest.mark.urls(__name__)
def test_the_view_says_503_where_every_request_is_a_transaction(healthy, monkeypatch):
    """Django would open it before the view runs, and answer 500 itself."""
    client = Client(raise_request_exception=False, headers={"host": "app.example"})
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        patch.setattr(connection, "ensure_connection", refuse)
        response = client.get("/ready/", secure=True)
    assert response.status_code == 503
    assert json.loads(response.content)["ok"] is False


@pytest.mark.urls(__name__)
def test_the_view_is_open_to_who_is_not_signed_in(healthy, settings):
    """`LoginRequiredMiddleware` would send a load balancer to the provider, which looks like an answer."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert Client(headers={"host": "app.example"}).get("/ready/", secure=True).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_readiness_view_refuses_methods_that_change(healthy, method):
    assert readiness_view(getattr(RequestFactory(), method)("/ready/")).status_code == 405


def test_no_address_of_the_package_leads_to_it():
    names = str([*get_resolver("stateful_oauth.django.urls").reverse_dict.keys()])
    assert "readiness" not in names
    assert "ready" not in names

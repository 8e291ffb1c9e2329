"""What docs/connecting.md and docs/linking.md tell people to write works as it stands."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path

from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.storage.models import ConnectedAccount, Grant
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import QWERTY, XPTO
from tests.support.checkout import ROOT

pytestmark = [pytest.mark.django_db(transaction=True)]

DOCS = ROOT / "docs"
GOOGLE = "google-oauth2"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def settings_of(page: str, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The settings after the block of the page."""
    import os

    monkeypatch.setenv("AUTH0_MANAGEMENT_CLIENT_ID", "linker")
    monkeypatch.setenv("AUTH0_MANAGEMENT_CLIENT_SECRET", "a-machine-secret-of-the-tests-0123456789")
    names = {"STATEFUL_OAUTH": dict(settings.STATEFUL_OAUTH), "os": os}
    exec(blocks(page, "python")[0], names)
    return names["STATEFUL_OAUTH"]


@pytest.fixture
def example(monkeypatch):
    """A module for what a page says."""
    module = ModuleType("documented_example")
    monkeypatch.setitem(sys.modules, "documented_example", module)
    return vars(module)


@pytest.fixture
def person(tenant, browser):
    tenant.add_user(email=XPTO, password="a good one")
    tenant.add_user(email=QWERTY, connection=GOOGLE, signed_up=False)
    browser.sign_in(XPTO)
    return browser


def test_the_settings_of_connecting_are_complete(monkeypatch, tenant, browser):
    with override_settings(STATEFUL_OAUTH=settings_of("connecting.md", monkeypatch)):
        assert run_checks(tags=["security"]) == []
        tenant.add_user(email=XPTO, password="a good one")
        tenant.add_user(email=QWERTY, connection=GOOGLE, signed_up=False)
        browser.sign_in(XPTO)
        browser.connect(GOOGLE, QWERTY)
    assert ConnectedAccount.objects.get().provider_user_id


def test_the_settings_of_linking_are_complete(monkeypatch, tenant, browser):
    with override_settings(STATEFUL_OAUTH=settings_of("linking.md", monkeypatch)):
        assert run_checks(tags=["security"]) == []
        password = tenant.add_user(email=XPTO, password="a good one")
        browser.sign_in(XPTO)
        tenant.add_user(email=XPTO, connection=GOOGLE, user_id="google-oauth2|7", signed_up=False)
        later = Browser(tenant)
        later.sign_in("google-oauth2|7")
        assert later.client.session["stateful_oauth"]["sub"] == password.user_id


def test_the_views_of_connecting_work(example, person, monkeypatch):
    example["events_of"] = lambda headers: headers
    for block in blocks("connecting.md", "python")[1:]:
        exec(block, example)
    shown = []
    example["render"] = lambda request, page, context, status=200: (
        shown.append((page, context)) or HttpResponse(status=status)
    )
    own = [
        path("auth/", include("stateful_oauth.django.urls")),
        path("calendar/", example["calendar"]),
        path("allow/", example["allow_calendar"]),
        path("agenda/", example["agenda"]),
    ]
    addresses = type("Addresses", (), {"urlpatterns": own})
    chosen = settings_of("connecting.md", monkeypatch)
    with override_settings(ROOT_URLCONF=addresses, STATEFUL_OAUTH=chosen):
        assert person.get("/calendar/").status_code == 409
        assert shown.pop() == ("connect_google.html", {"code": "account_not_connected"})
        assert b"account_not_connected" in person.get("/agenda/").content
        started = person.post("/allow/", {"next": "/calendar/"})["Location"]
        back = person.get(person.visitor.connect(started, as_account=QWERTY))
        assert back["Location"] == "/calendar/"
        assert "calendar.readonly" in str(ConnectedAccount.objects.get().scopes)
        assert person.get("/agenda/").status_code == 200
        assert shown.pop()[1]["until"] > datetime.now(UTC) - timedelta(days=3650)
        assert person.get("/calendar/").status_code == 200
        user = get_user_model().objects.get(pk=person.user_id)
        with pytest.raises(FlowError, match=r"audience_not_granted|scope_not_granted|request_rejected"):
            example["nightly_report"](user, str(Grant.objects.get().pk))  # the tenant has no such API
    page, context = shown.pop()
    assert page == "calendar.html"
    assert context["events"]["Authorization"].startswith("Bearer ")


def test_the_forms_go_to_addresses_that_there_are(person):
    from django.template import Context, Template

    connect, unlink = blocks("connecting.md", "html")[0], blocks("linking.md", "html")[0]
    assert 'action="/auth/connect/"' in Template(connect).render(Context())
    assert 'action="/auth/unlink/"' in Template(unlink).render(Context())


@pytest.mark.security("B48")
def test_the_hook_of_linking_is_called_with_both_users(example, tenant, person):
    exec(blocks("linking.md", "python")[1], example)
    moved = []

    class Orders:
        def update(self, customer):
            moved.append(customer)

    from django.contrib.auth import get_user_model

    user_model = get_user_model()
    first = person.user_id
    person.connect(GOOGLE, QWERTY)
    person.post("/auth/logout/")
    with override_settings(
        STATEFUL_OAUTH={**settings.STATEFUL_OAUTH, "LINKING": "off"},
        AUTHENTICATION_BACKENDS=["documented_example.ShopBackend"],
    ):
        Browser(tenant).sign_in(QWERTY)  # a user of its own, before linking was switched on
    user_model.order_set = Orders()
    try:
        with override_settings(AUTHENTICATION_BACKENDS=["documented_example.ShopBackend"]):
            later = Browser(tenant)
            later.sign_in(QWERTY)
    finally:
        del user_model.order_set
    assert later.user_id == first
    assert [str(user.pk) for user in moved] == [first]

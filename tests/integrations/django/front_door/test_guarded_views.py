"""Views that need a recent authentication, or an organization."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.http import HttpResponse
from django.urls import include, path

from stateful_oauth.django import current_sign_in, organization_required, recent_sign_in, start_login
from stateful_oauth.storage.models import FlowTransaction
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

ADA = "ada@example.com"
MFA = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"
FORM = "https://app.example/form/?tab=2"


@recent_sign_in(max_age=timedelta(minutes=5))
def payments(request):
    return HttpResponse(f"paid {connection.in_atomic_block}")


@recent_sign_in()
async def async_payments(request):
    return HttpResponse("paid")


@recent_sign_in(acr=MFA)
def vault(request):
    return HttpResponse("open")


@organization_required(lambda request: request.resolver_match.kwargs["org"])
def desk(request, org):
    return HttpResponse(current_sign_in(request).organization)


@organization_required()
def any_desk(request):
    return HttpResponse(current_sign_in(request).organization)


def form(request):
    return HttpResponse("; ".join(str(each) for each in get_messages(request)))


urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
    path("payments/", payments),
    path("async/", async_payments),
    path("vault/", vault),
    path("desk/<org>/", desk),
    path("desk/", any_desk),
    path("form/", form),
    path("of/<organization>/", lambda request, organization: start_login(request, next="/form/")),
]


def asked(response):
    return {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}


@pytest.mark.security("T13")
@pytest.mark.parametrize("url", ["/payments/?amount=5", "/async/"])
def test_user_who_authenticated_long_ago_proves_it_again_and_comes_back(browser, clock, url):
    browser.get(browser.authorize(browser.get(url)["Location"], ADA))
    assert browser.get(url).status_code == 200
    clock.advance(301)
    started = browser.get(url)
    assert asked(started)["max_age"] == "300"
    back = browser.get(browser.authorize(started["Location"], ADA))
    assert back["Location"] == url
    assert browser.get(url).content.startswith(b"paid")


def test_user_who_is_not_signed_in_signs_in_and_comes_back(browser):
    started = browser.get("/payments/?amount=5")
    back = browser.get(browser.authorize(started["Location"], ADA))
    assert back["Location"] == "/payments/?amount=5"
    assert FlowTransaction.objects.get().kind == "login"
    assert browser.get("/payments/").status_code == 200


def test_age_that_the_provider_did_not_tell_is_not_recent(browser):
    browser.sign_in(ADA)
    assert asked(browser.get("/payments/"))["max_age"] == "300"


@pytest.mark.security("T12")
def test_class_of_authentication_is_that_of_the_token(browser, tenant):
    browser.get(browser.authorize(browser.get("/payments/")["Location"], ADA))
    started = browser.get("/vault/")
    assert asked(started)["acr_values"] == MFA
    browser.get(browser.authorize(started["Location"], ADA))
    assert browser.get("/vault/").content == b"open"


def test_form_is_not_lost_without_a_word(browser, clock):
    browser.sign_in(ADA)
    clock.advance(301)
    started = browser.post("/payments/", {"amount": "5"}, HTTP_REFERER=FORM)
    back = browser.get(browser.authorize(started["Location"], ADA))
    assert back["Location"] == "/form/?tab=2"
    assert "send the form again" in browser.opens(back).content.decode()


@pytest.mark.security("S9")
def test_form_of_another_site_leads_back_to_none_of_its_pages(browser, clock):
    browser.sign_in(ADA)
    clock.advance(301)
    started = browser.post("/payments/", {}, HTTP_REFERER="https://evil.example/form/")
    assert browser.get(browser.authorize(started["Location"], ADA))["Location"] == "/profile/"


def test_view_runs_in_the_transaction_that_the_project_wants(browser, settings, monkeypatch):
    browser.get(browser.authorize(browser.get("/payments/")["Location"], ADA))
    assert browser.get("/payments/").content == b"paid False"
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert browser.get("/payments/").content == b"paid True"


def test_start_is_committed_whatever_the_project_wants(browser, clock, monkeypatch):
    browser.sign_in(ADA)
    clock.advance(301)
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert asked(browser.get("/payments/"))["max_age"] == "300"


def test_age_that_no_browser_can_meet_is_refused():
    with pytest.raises(ValueError, match="30 seconds"):
        recent_sign_in(max_age=29)
    with pytest.raises(ValueError, match="org_"):
        organization_required("acme")


@pytest.fixture
def organizations(tenant):
    tenant.clients["web"].organization_usage = "allow"
    ada = tenant.users.by_email(ADA)[0].user_id
    return [
        tenant.add_organization(name=name, org_id=f"org_{name}", members=[ada]) for name in ("acme", "globex")
    ]


@pytest.mark.security("T18")
def test_user_changes_organizations_by_opening_a_page_of_another_one(browser, organizations):
    for name in ("org_acme", "org_globex"):
        started = browser.get(f"/desk/{name}/?tab=1")
        assert asked(started)["organization"] == name
        back = browser.get(browser.authorize(started["Location"], ADA))
        assert back["Location"] == f"/desk/{name}/?tab=1"
        assert browser.get(f"/desk/{name}/").content.decode() == name
    assert browser.get("/desk/").content == b"org_globex"


def test_user_who_is_no_member_is_told_so(browser, organizations):
    organizations[0].members.clear()
    started = browser.get("/desk/org_acme/")
    assert error_code(browser.get(browser.authorize(started["Location"], ADA))) == "organization_refused"


def test_user_without_an_organization_is_not_sent_in_circles(browser, organizations):
    started = browser.get("/desk/")
    back = browser.get(browser.authorize(started["Location"], ADA))
    again = browser.opens(back)
    assert again.status_code == 403
    assert b"<code>not_permitted</code>" in again.content


def test_step_up_stays_at_the_organization_of_the_session(browser, clock, organizations):
    browser.get(browser.authorize(browser.get("/desk/org_acme/")["Location"], ADA))
    clock.advance(301)
    assert asked(browser.get("/payments/"))["organization"] == "org_acme"


def of_header(request):
    return request.headers.get("X-Organization")


class TestSetting:
    def organization(self, browser, settings, value, url="/auth/login/", **headers):
        settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | {"ORGANIZATION": value}
        return asked(browser.get(url, **headers)).get("organization")

    def test_organization_is_part_of_the_path(self, browser, settings):
        assert self.organization(browser, settings, "path", "/of/acme/") == "acme"
        assert self.organization(browser, settings, "path") is None

    def test_organization_is_a_subdomain_that_the_settings_name(self, browser, settings):
        settings.ALLOWED_HOSTS = ["app.example", "acme.app.example"]
        settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | {"OTHER_BASE_URLS": ["https://acme.app.example"]}
        host = {"HTTP_HOST": "acme.app.example"}
        assert self.organization(browser, settings, "subdomain", **host) == "acme"
        assert self.organization(browser, settings, "subdomain") is None

    def test_organization_is_what_a_function_says(self, browser, settings):
        assert self.organization(browser, settings, of_header, HTTP_X_ORGANIZATION="acme") == "acme"
        name = f"{__name__}.of_header"
        assert self.organization(browser, settings, name, HTTP_X_ORGANIZATION="globex") == "globex"
        assert self.organization(browser, settings, of_header) is None

    def test_organization_is_always_the_same(self, browser, settings):
        assert self.organization(browser, settings, "org_acme") == "org_acme"

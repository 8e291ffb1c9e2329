"""Signed-in users without the permission for a page are told so, and are not sent in circles."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from django.contrib.auth.decorators import permission_required, user_passes_test
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.urls import include, path

from tests.support.error_pages import Form

pytestmark = pytest.mark.database_in_ci

ADA, BOB = "ada@example.com", "bob@example.com"
TOLD = "You are signed in as {}, who may not open this page."


@user_passes_test(lambda user: getattr(user, "email", "") == BOB)
def bobs(request, page=""):
    return HttpResponse("Bob's")


@permission_required("auth.view_user")
def listed(request):
    return HttpResponse("list")


def refused(request):
    raise PermissionDenied


@pytest.fixture(autouse=True)
def urls(settings):
    module = ModuleType("urls_with_permissions")
    module.urlpatterns = [
        path("bob/", bobs),
        path("bob/<path:page>", bobs),
        path("list/", listed),
        path("refused/", refused),
        path("auth/", include("stateful_oauth.django.urls")),
    ]
    module.handler403 = "stateful_oauth.django.permission_denied_view"
    sys.modules[module.__name__] = module
    settings.ROOT_URLCONF = module.__name__
    yield module
    sys.modules.pop(module.__name__)


def travel(browser, tenant, url, user=ADA):
    for _ in range(20):
        if url.startswith(tenant.issuer):
            url = browser.authorize(url, user)
        response = browser.get(url)
        if response.status_code not in (302, 303):
            return response
        url = response["Location"]
    raise AssertionError("in circles")


def exchanged(tenant):
    return tenant.ledger.count("code_exchanged")


def told(page, user=ADA):
    text = page.content.decode()
    assert page.status_code == 403
    assert TOLD.format(user) in text
    assert "<code>not_permitted</code>" in text
    assert "Sign out of tenant.example" in text
    return page


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("url", ["/bob/", "/list/", "/bob/a/?q=ä&page=2", "/bob/" + "a" * 1000])
def test_user_without_the_permission_makes_one_round_trip(browser, tenant, url, signed_in):
    if signed_in:
        browser.sign_in(ADA)
    before = exchanged(tenant)
    told(travel(browser, tenant, url))
    assert exchanged(tenant) - before == 1
    told(travel(browser, tenant, url))
    assert exchanged(tenant) - before == 1


def test_login_url_with_parameters_of_its_own_does_not_lead_in_circles(browser, tenant, settings, configure):
    configure(REQUEST_PARAMETERS=["ui_locales"])
    settings.LOGIN_URL = "/auth/login/?ui_locales=de"
    told(travel(browser, tenant, "/bob/"))
    assert exchanged(tenant) == 1


def test_default_destination_that_refuses_has_a_way_home_elsewhere(browser, tenant, settings):
    settings.LOGIN_REDIRECT_URL = "/bob/"
    page = told(travel(browser, tenant, "/auth/login/"))
    assert '<a class="button secondary" href="/">' in page.content.decode()


def test_another_account_that_may_open_the_page_lands_there(browser, tenant):
    page = told(travel(browser, tenant, "/bob/a/?q=1"))
    start = Form.of(page).press(browser, "another")
    assert "prompt=login" in start["Location"]
    assert travel(browser, tenant, start["Location"], BOB).content == b"Bob's"


def test_another_account_that_may_not_open_it_either_is_told_as_well(browser, tenant):
    start = Form.of(travel(browser, tenant, "/list/")).press(browser, "another")
    before = exchanged(tenant)
    told(travel(browser, tenant, start["Location"], BOB), BOB)
    assert exchanged(tenant) - before == 1


def test_sign_out_from_the_page_ends_both_sessions(browser, tenant):
    page = travel(browser, tenant, "/bob/")
    location = Form.of(page).press(browser, "default")["Location"]
    assert browser.user_id is None
    assert str(browser.visitor.logout(location)) == "https://app.example/"


def test_permission_that_was_given_meanwhile_opens_the_page(browser, tenant, django_user_model):
    told(travel(browser, tenant, "/bob/"))
    django_user_model.objects.update(email=BOB)
    assert travel(browser, tenant, "/bob/").content == b"Bob's"


def test_a_while_later_the_provider_is_asked_once_more(browser, tenant, clock):
    told(travel(browser, tenant, "/bob/"))
    clock.advance(61)
    told(travel(browser, tenant, "/bob/"))
    assert exchanged(tenant) == 2


def test_another_page_is_asked_for_at_the_provider(browser, tenant):
    told(travel(browser, tenant, "/bob/"))
    assert "/authorize" in browser.get("/auth/login/?next=/list/")["Location"]


def test_user_who_signed_out_is_sent_to_sign_in(browser, tenant):
    told(travel(browser, tenant, "/bob/"))
    browser.post("/auth/logout/")
    assert "/authorize" in browser.get("/auth/login/?next=/bob/")["Location"]


def test_page_shows_who_it_is_escaped(browser, tenant, django_user_model):
    browser.sign_in(ADA)
    django_user_model.objects.update(email="", first_name="<script>", last_name="Ada")
    page = travel(browser, tenant, "/refused/")
    assert "&lt;script&gt; Ada, who may not open" in page.content.decode()


# The project's own 403.


def test_own_refusal_of_a_signed_in_user_has_both_ways_out(browser, tenant):
    browser.sign_in(ADA)
    page = told(travel(browser, tenant, "/refused/?q=1"))
    assert Form.of(page).fields["next"] == "/refused/?q=1"
    assert "prompt=login" in Form.of(page).press(browser, "another")["Location"]


def test_own_refusal_of_a_visitor_offers_to_sign_in(browser):
    page = browser.get("/refused/")
    assert page.status_code == 403
    assert "signed in as" not in page.content.decode()
    assert Form.of(page).submit(browser)["Location"].startswith("https://tenant.example/authorize?")

"""A form that the CSRF check refuses: a page with the cause, and one button that works."""

from __future__ import annotations

import re
from html import unescape
from types import ModuleType

import pytest
from django.http import HttpResponse
from django.template import RequestContext, Template
from django.urls import include, path

from stateful_oauth.storage.models import FlowTransaction
from tests.support.error_pages import Form

pytestmark = pytest.mark.database_in_ci

ADA, BOB = "ada@example.com", "bob@example.com"
OURS = {"HTTP_ORIGIN": "https://app.example"}
FOREIGN = {"HTTP_ORIGIN": "https://evil.example"}
FORMS = {
    "/auth/login/": {"next": "/profile/?tab=2"},
    "/auth/logout/": {},
    "/auth/connect/": {"connection": "github"},
    "/auth/disconnect/": {"account": "cac_1"},
    "/auth/unlink/": {"link": "1"},
    "/auth/step-up/": {"max_age": "0"},
    "/auth/link/0190163d-8694-739b-aea5-966c26f8ad91/confirm/": {"account": "0"},
    "/auth/link/0190163d-8694-739b-aea5-966c26f8ad91/cancel/": {},
}


def code_on(page: HttpResponse) -> str:
    assert page.status_code == 403
    assert page["Cache-Control"] == "no-store"
    return re.findall(r"<code>(\w+)</code>", page.content.decode())[0]


def link_on(page: HttpResponse) -> str:
    return unescape(re.search(r'<a class="button" href="([^"]*)"', page.content.decode())[1])


@pytest.fixture(params=["with the middleware", "without the middleware"])
def site(request, settings):
    if request.param == "without the middleware":
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("url", FORMS)
def test_form_without_the_cookie_says_so_and_is_offered_again(strict_browser, url):
    page = strict_browser.post(url, {**FORMS[url], "csrfmiddlewaretoken": "a" * 64}, **OURS)
    assert code_on(page) == "form_cookie_missing"
    again = Form.of(page)
    assert again.action == url
    assert FORMS[url].items() <= again.fields.items()
    assert "form_" not in again.submit(strict_browser).content.decode()


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("url", FORMS)
def test_form_with_an_old_token_is_offered_again_with_what_it_held(strict_browser, url):
    strict_browser.get("/auth/restart/")
    page = strict_browser.post(url, {**FORMS[url], "csrfmiddlewaretoken": "a" * 64}, **OURS)
    assert code_on(page) == "form_outdated"
    again = Form.of(page)
    assert FORMS[url].items() <= again.fields.items()
    assert "form_" not in again.submit(strict_browser).content.decode()


@pytest.mark.usefixtures("site")
def test_form_opened_before_another_tab_signed_in_signs_in_all_the_same(strict_browser):
    opened_before = Form.of(strict_browser.get("/auth/restart/?next=/profile/%3Ftab=2"))
    strict_browser.sign_in(ADA)
    response = opened_before.submit(strict_browser)
    if response.status_code == 403:
        assert code_on(response) == "form_outdated"
        response = Form.of(response).submit(strict_browser)
    assert response["Location"].startswith("https://tenant.example/authorize?")
    assert (
        strict_browser.get(strict_browser.authorize(response["Location"], ADA))["Location"]
        == "/profile/?tab=2"
    )


@pytest.mark.security("S13")
@pytest.mark.parametrize(
    "headers", [FOREIGN, {"HTTP_ORIGIN": "null"}, {}, {"HTTP_REFERER": "https://evil.example/"}]
)
@pytest.mark.parametrize("url", FORMS)
def test_form_of_another_site_fills_in_nothing(strict_browser, url, headers):
    strict_browser.sign_in(ADA)
    user = strict_browser.user_id
    rows = FlowTransaction.objects.count()
    page = strict_browser.post(url, {**FORMS[url], "evil": "field"}, **headers)
    assert code_on(page) == "form_origin"
    text = page.content.decode()
    for value in ("evil", "cac_1", "github"):
        assert value not in text
    assert strict_browser.user_id == user
    assert FlowTransaction.objects.count() == rows


@pytest.mark.security("S13")
@pytest.mark.parametrize("headers", [{"HTTP_ORIGIN": "https://trusted.example"}])
def test_trusted_origin_without_a_token_fills_in_nothing(strict_browser, settings, headers):
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.example"]
    strict_browser.sign_in(ADA)
    page = strict_browser.post("/auth/disconnect/", {"account": "cac_1"}, **headers)
    assert "cac_1" not in page.content.decode()


def test_refused_sign_in_of_another_origin_leads_to_one_that_works(strict_browser):
    page = strict_browser.post("/auth/login/", {"next": "/profile/?tab=2"}, **FOREIGN)
    assert link_on(page) == "https://app.example/auth/login/?next=%2Fprofile%2F%3Ftab%3D2"
    start = strict_browser.get(link_on(page))["Location"]
    assert strict_browser.get(strict_browser.authorize(start, ADA))["Location"] == "/profile/?tab=2"


def test_refused_sign_out_of_another_origin_has_a_button_that_works(strict_browser):
    strict_browser.sign_in(ADA)
    page = strict_browser.post("/auth/logout/", {"next": "/elsewhere/"}, **FOREIGN)
    form = Form.of(page)
    assert "next" not in form.fields
    assert form.submit(strict_browser).status_code == 303
    assert strict_browser.user_id is None


@pytest.mark.parametrize("target", ["//evil.example/", "https://evil.example/"])
def test_refused_form_leads_nowhere_else(strict_browser, target):
    for url in FORMS:
        for headers in (OURS, FOREIGN):
            page = strict_browser.post(url, {"next": target}, **headers)
            if headers is FOREIGN:
                assert "evil.example" not in page.content.decode()


@pytest.mark.parametrize("url", FORMS)
def test_proxy_that_hides_https_does_not_break_our_forms(strict_browser, url, caplog):
    """`SECURE_PROXY_SSL_HEADER` is missing: Django takes the site for http."""
    client = strict_browser.client
    page = client.get("/auth/restart/", secure=False, headers={"host": "app.example"})
    token = Form.of(page).fields["csrfmiddlewaretoken"]
    sent = {**FORMS[url], "csrfmiddlewaretoken": token}
    response = client.post(
        url, sent, secure=False, headers={"host": "app.example", "origin": "https://app.example"}
    )
    assert "form_" not in response.content.decode()
    assert "SECURE_PROXY_SSL_HEADER" in caplog.text


def test_refused_form_tells_the_operator_what_to_set(strict_browser, caplog):
    strict_browser.post("/auth/login/", **FOREIGN)
    assert "form_origin" in caplog.text
    assert "CSRF_TRUSTED_ORIGINS" in caplog.text


# Forms of the project.


FORM = Template('<form method="post" action="/note/">{% csrf_token %}<button></button></form>')


def _note(request):
    if request.method == "POST":
        return HttpResponse("written")
    return HttpResponse(FORM.render(RequestContext(request)), headers={"Referrer-Policy": "same-origin"})


@pytest.fixture
def project_form(settings):
    patterns = [path("auth/", include("stateful_oauth.django.urls")), path("note/", _note)]
    module = ModuleType("urls_with_a_form")
    module.urlpatterns = patterns
    settings.ROOT_URLCONF = module


@pytest.fixture(params=[False, True], ids=["in the cookie", "in the session"])
def secret(request, settings):
    settings.CSRF_USE_SESSIONS = request.param


@pytest.mark.usefixtures("project_form", "secret")
def test_projects_form_survives_a_renewed_sign_in_of_the_same_user(strict_browser):
    strict_browser.sign_in(ADA)
    form = Form.of(strict_browser.get("/note/"))
    key = strict_browser.client.session.session_key
    strict_browser.sign_in(ADA)
    assert strict_browser.client.session.session_key != key
    assert form.submit(strict_browser).content == b"written"


@pytest.mark.security("S8")
@pytest.mark.usefixtures("project_form", "secret")
def test_projects_form_does_not_survive_another_users_sign_in(strict_browser):
    strict_browser.sign_in(ADA)
    form = Form.of(strict_browser.get("/note/"))
    strict_browser.visitor.cookies.clear()
    strict_browser.sign_in(BOB)
    assert form.submit(strict_browser).status_code == 403


@pytest.mark.security("S8")
@pytest.mark.usefixtures("project_form")
def test_secret_of_before_the_first_sign_in_is_void_after_it(strict_browser):
    """Another site of the domain could have planted it."""
    form = Form.of(strict_browser.get("/note/"))
    strict_browser.sign_in(ADA)
    assert form.submit(strict_browser).status_code == 403


@pytest.mark.security("S8")
@pytest.mark.usefixtures("project_form")
def test_secret_is_renewed_where_the_password_has_changed_since(strict_browser, django_user_model):
    strict_browser.sign_in(ADA)
    form = Form.of(strict_browser.get("/note/"))
    user = django_user_model.objects.get()
    user.set_password("another")
    user.save()
    strict_browser.sign_in(ADA)
    assert form.submit(strict_browser).status_code == 403

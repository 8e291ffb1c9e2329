"""A start at another host than `BASE_URL` goes on there, and several hosts have callbacks of their own."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, urlsplit

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import include, path

from stateful_oauth.django import flow_view, start_login
from stateful_oauth.django.browser.hosts import warn_of_replaced_host
from stateful_oauth.django.checks import check_settings
from stateful_oauth.django.checks.hosts import check_hosts, check_other_hosts
from stateful_oauth.storage.models import FlowTransaction
from tests.support import accounts_site
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.database_in_ci, pytest.mark.security("S10")]

ADA = "ada@example.com"
WWW = "www.app.example"


@pytest.fixture(autouse=True)
def hosts(settings):
    settings.ALLOWED_HOSTS = ["app.example", WWW, "evil.example", "web", "127.0.0.1", "localhost", "[::1]"]
    warn_of_replaced_host.cache_clear()


def query_of(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.mark.parametrize(
    "host", [WWW, "evil.example", "www.app.example:8443", "127.0.0.1:8000", "[::1]:8000"]
)
@pytest.mark.parametrize("target", ["/profile/?tab=2", "/profile/?q=" + "x" * 8_192, "/café/?q=ß"])
def test_start_goes_to_the_same_path_at_base_url_before_anything_is_bound(browser, host, target):
    response = browser.client.get("/auth/login/", {"next": target}, secure=True, headers={"host": host})
    assert response.status_code == 303
    assert response["Location"].startswith("https://app.example/auth/login/?")
    assert query_of(response["Location"])["next"] == target
    assert not response.cookies
    assert not FlowTransaction.objects.exists()
    location = browser.get(response["Location"])["Location"]
    assert location.startswith("https://tenant.example/")


def test_user_who_starts_at_another_host_is_signed_in_at_base_url(browser):
    location = browser.get(browser.start("/profile/?tab=2", HTTP_HOST=WWW))["Location"]
    assert browser.get(browser.authorize(location, ADA))["Location"] == "/profile/?tab=2"
    assert browser.user_id is not None


def test_localhost_goes_to_the_loopback_address_of_base_url(browser, tenant, configure):
    configure(BASE_URL="http://127.0.0.1:8000")
    tenant.clients["web"].callbacks = ["http://127.0.0.1:8000/auth/callback/"]
    location = browser.start("/profile/?tab=2", HTTP_HOST="localhost:8000")
    assert location.startswith("http://127.0.0.1:8000/auth/login/?")
    callback = browser.authorize(browser.get(location)["Location"], ADA)
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


def test_parameters_of_the_start_are_kept(browser, configure):
    configure(REQUEST_PARAMETERS=["screen_hint"])
    response = browser.get("/auth/login/?screen_hint=signup&next=/profile/", HTTP_HOST=WWW)
    assert query_of(browser.get(response["Location"])["Location"])["screen_hint"] == "signup"


def test_next_to_the_host_that_was_asked_is_a_path_at_base_url(browser):
    location = browser.start(f"https://{WWW}/profile/?tab=2", HTTP_HOST=WWW)
    assert query_of(location)["next"] == "/profile/?tab=2"


def test_form_at_another_host_keeps_its_next(browser):
    response = browser.post("/auth/login/", {"next": "/profile/?tab=2"}, HTTP_HOST=WWW)
    assert query_of(response["Location"])["next"] == "/profile/?tab=2"
    assert browser.get(response["Location"])["Location"].startswith("https://tenant.example/")


@pytest.mark.parametrize("method", ["get", "post"])
def test_proxy_that_replaces_the_host_ends_in_no_loop(browser, method, caplog):
    """Every request of such a site has the Host header of the server behind the proxy."""
    first = getattr(browser, method)("/auth/login/", HTTP_HOST="web")
    with caplog.at_level(logging.WARNING, "stateful_oauth.hosts"):
        location = browser.get(first["Location"], HTTP_HOST="web")["Location"]
    assert "let your proxy pass the header on" in caplog.text
    assert query_of(location)["redirect_uri"] == "https://app.example/auth/callback/"
    assert browser.get(browser.authorize(location, ADA), HTTP_HOST="web")["Location"] == "/profile/"


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_HOST": "app.example:443"},
        {"HTTP_HOST": "app.example:8443"},
        {"HTTP_HOST": "APP.example"},
        {"HTTP_HOST": "app.example."},
        {"HTTP_HOST": "web", "HTTP_X_FORWARDED_HOST": "app.example"},
        {"HTTP_HOST": "web", "HTTP_X_FORWARDED_HOST": "app.example:443, proxy.example"},
    ],
    ids=str,
)
def test_start_at_the_host_of_base_url_goes_to_the_provider_at_once(browser, headers):
    assert browser.start(**headers).startswith("https://tenant.example/")


def test_own_view_at_another_host_goes_to_the_same_path_at_base_url(browser):
    with override_settings(ROOT_URLCONF=__name__):
        response = browser.get("/enter/?next=/profile/", HTTP_HOST=WWW)
        assert response["Location"].startswith("https://app.example/enter/?")
        assert browser.get(response["Location"])["Location"].startswith("https://tenant.example/")


class TestAccounts:
    """Forms of a signed-in user."""

    @pytest.fixture(autouse=True)
    def site(self, tenant):
        accounts_site.prepare(tenant)
        with accounts_site.site():
            yield

    def test_form_of_an_account_at_another_host_starts_nothing_there(self, browser):
        browser.sign_in(ADA)
        rows = FlowTransaction.objects.count()
        sent = {"connection": "github", "next": "/profile/?tab=2"}
        response = browser.post("/auth/connect/", sent, HTTP_HOST=WWW, HTTP_ORIGIN=f"https://{WWW}")
        assert response["Location"].startswith("https://app.example/auth/error/sign_in_needed/?")
        assert query_of(response["Location"])["next"] == "/profile/?tab=2"
        assert FlowTransaction.objects.count() == rows

    @pytest.mark.parametrize("headers", [{}, {"HTTP_ORIGIN": "https://app.example"}], ids=str)
    def test_form_of_an_account_behind_a_proxy_that_replaces_the_host_starts(self, browser, headers):
        browser.sign_in(ADA)
        response = browser.post("/auth/connect/", {"connection": "github"}, HTTP_HOST="web", **headers)
        assert response["Location"].startswith("https://tenant.example/")


class TestSeveralHosts:
    """Hosts that `OTHER_BASE_URLS` names."""

    @pytest.fixture(autouse=True)
    def site(self, tenant, configure):
        configure(OTHER_BASE_URLS=[f"https://{WWW}/", "https://evil.example"])
        tenant.clients["web"].callbacks = [
            f"https://{host}/auth/callback/" for host in ("app.example", WWW, "evil.example")
        ]

    @pytest.mark.parametrize("host", ["app.example", WWW, "evil.example"])
    def test_each_host_has_a_callback_of_its_own(self, browser, host):
        location = browser.start("/profile/?tab=2", HTTP_HOST=host)
        assert query_of(location)["redirect_uri"] == f"https://{host}/auth/callback/"
        callback = browser.authorize(location, ADA)
        assert urlsplit(str(callback)).netloc == host
        assert browser.get(callback, HTTP_HOST=host)["Location"] == "/profile/?tab=2"

    @pytest.mark.parametrize("host", ["app.example", WWW])
    def test_sign_out_ends_at_the_host_where_it_began(self, browser, host):
        browser.sign_in(ADA)
        location = browser.post("/auth/logout/", HTTP_HOST=host)["Location"]
        assert query_of(location)["post_logout_redirect_uri"] == f"https://{host}/"

    def test_sign_out_at_another_host_ends_at_base_url(self, browser):
        browser.sign_in(ADA)
        location = browser.post("/auth/logout/", HTTP_HOST="localhost")["Location"]
        assert query_of(location)["post_logout_redirect_uri"] == "https://app.example/"

    def test_other_hosts_still_go_to_base_url(self, browser):
        assert browser.start(HTTP_HOST="localhost").startswith("https://app.example/auth/login/?")

    def test_next_may_lead_to_each_of_the_hosts(self, browser):
        target = f"https://{WWW}/profile/?tab=2"
        assert browser.sign_in(ADA, next_url=target)["Location"] == target

    def test_callback_of_one_host_is_refused_at_another_without_its_cookie(self, browser, another_browser):
        callback = browser.authorize(browser.start(HTTP_HOST=WWW), ADA)
        assert error_code(another_browser().get(callback)) == "browser_unknown"


@pytest.mark.parametrize(
    "value", ["www.app.example", "https://www.app.example/auth", "http://www.app.example", "https://[::1"]
)
def test_check_says_which_other_base_url_is_none(configure, value):
    configure(OTHER_BASE_URLS=[value], TRANSPORT_ADAPTER=None)
    assert [message.id for message in check_settings()] == ["stateful_oauth.E054"]


def test_check_says_which_host_django_refuses(configure, settings):
    assert check_hosts() == []
    configure(OTHER_BASE_URLS=[f"https://{WWW}"])
    settings.ALLOWED_HOSTS = ["app.example"]
    (message,) = check_hosts()
    assert message.id == "stateful_oauth.W016"
    assert WWW in message.msg


def test_deployment_check_says_at_which_hosts_a_sign_in_does_not_stay(configure, settings):
    settings.ALLOWED_HOSTS = ["app.example", WWW, ".evil.example"]
    (message,) = check_other_hosts()
    assert (
        message.msg
        == "A sign-in that starts at www.app.example, .evil.example goes on at https://app.example."
    )
    configure(OTHER_BASE_URLS=[f"https://{WWW}"])
    settings.ALLOWED_HOSTS = ["app.example", WWW]
    assert check_other_hosts() == []


@flow_view
def enter(request: HttpRequest) -> HttpResponse:
    return start_login(request)


urlpatterns = [path("auth/", include("stateful_oauth.django.urls")), path("enter/", enter)]

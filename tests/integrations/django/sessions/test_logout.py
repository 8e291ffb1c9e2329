"""Signing out: here first, then at the provider."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.middleware import SessionMiddleware
from django.contrib.sessions.models import Session

from stateful_oauth.django import sign_out
from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import Grant
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]

ADA = "ada@example.com"
LOGOUT = "/auth/logout/"
HOME = "https://app.example/"


def asked(response):
    """Where a redirect leads, and with which parameters."""
    parts = urlsplit(response["Location"])
    return parts._replace(query="").geturl(), dict(parse_qsl(parts.query, keep_blank_values=True))


@pytest.fixture
def offline(configure):
    configure(SCOPE="openid profile email offline_access")


@pytest.mark.security("B29")
def test_the_session_ends_here_and_the_provider_is_told_which_one_to_end(browser, tenant):
    browser.sign_in(ADA)
    sid = browser.client.session["stateful_oauth"]["sid"]
    response = browser.post(LOGOUT)
    assert response.status_code == 303
    assert asked(response) == (
        "https://tenant.example/oidc/logout",
        {"client_id": "web", "logout_hint": sid, "post_logout_redirect_uri": HOME},
    )
    assert browser.user_id is None
    assert not Session.objects.exists()
    assert str(browser.visitor.logout(response["Location"])) == HOME
    assert tenant.ledger.count("session_ended", sid=sid) == 1


def test_where_the_provider_announces_no_end_session_endpoint_it_is_auth0s_own(browser, tenant):
    tenant.settings.end_session_in_discovery = False
    browser.sign_in(ADA)
    assert asked(browser.post(LOGOUT)) == (
        "https://tenant.example/v2/logout",
        {"client_id": "web", "returnTo": HOME},
    )


def test_federated_sign_out_is_a_setting(browser, configure):
    browser.sign_in(ADA)
    configure(FEDERATED_LOGOUT=True)
    assert asked(browser.post(LOGOUT))[1]["federated"] == ""


def test_the_page_to_return_to_is_a_setting(browser, configure):
    browser.sign_in(ADA)
    configure(LOGOUT_RETURN_PATH="/goodbye/")
    assert asked(browser.post(LOGOUT))[1]["post_logout_redirect_uri"] == "https://app.example/goodbye/"


@pytest.mark.security("S9", "B29")
@pytest.mark.parametrize(
    "name", ["next", "returnTo", "return_to", "post_logout_redirect_uri", "redirect_uri"]
)
def test_nobody_chooses_where_a_sign_out_leads(browser, name):
    """`mozilla-django-oidc` redirects anywhere here."""
    browser.sign_in(ADA)
    response = browser.post(f"{LOGOUT}?{name}=https://evil.example/", {name: "https://evil.example/"})
    assert "evil.example" not in unquote(response["Location"])


@pytest.mark.security("B29")
def test_the_grant_is_wiped_here_and_revoked_there(browser, tenant, offline):
    browser.sign_in(ADA)
    browser.post(LOGOUT)
    grant = Grant.objects.get()
    assert grant.refresh_token is None
    assert grant.ended_at is not None
    recover_due()
    assert tenant.ledger.count("refresh_revoked") == 1


@pytest.mark.security("B26")
def test_only_the_grant_of_this_session_ends(browser, another_browser, tenant, offline):
    """A grant belongs to one sign-in."""
    elsewhere = another_browser()
    elsewhere.sign_in(ADA)
    browser.sign_in(ADA)
    browser.post(LOGOUT)
    kept = Grant.objects.get(ended_at=None)
    assert str(kept.pk) == elsewhere.client.session["stateful_oauth"]["grant"]
    assert elsewhere.user_id is not None
    recover_due()
    assert tenant.ledger.count("refresh_revoked") == 1


@pytest.mark.parametrize(
    "kind", ["lost_request", "lost_answer", "html", "server_error", "rate_limit", "slow"]
)
def test_a_provider_that_does_not_revoke_keeps_nobody_signed_in(browser, tenant, offline, kind):
    browser.sign_in(ADA)
    tenant.faults.add("/oauth/revoke", kind)
    assert asked(browser.post(LOGOUT))[0] == "https://tenant.example/oidc/logout"
    assert browser.user_id is None
    assert Grant.objects.get().refresh_token is None


def test_a_provider_that_is_down_keeps_nobody_signed_in(browser, tenant, configure, offline):
    browser.sign_in(ADA)
    configure()  # a worker that has not asked the provider for anything yet
    tenant.faults.add("*", "lost_request", times=None)
    response = browser.post(LOGOUT)
    assert (response.status_code, response["Location"]) == (303, HOME)
    assert browser.user_id is None


def test_a_refresh_token_that_no_key_opens_keeps_nobody_signed_in(browser, configure, offline):
    browser.sign_in(ADA)
    configure(ENCRYPTION_KEYS=[Fernet.generate_key().decode()])
    assert asked(browser.post(LOGOUT))[0] == "https://tenant.example/oidc/logout"
    assert browser.user_id is None


def test_a_refresh_token_that_no_key_opens_is_wiped_all_the_same(browser, configure, offline):
    browser.sign_in(ADA)
    configure(ENCRYPTION_KEYS=[Fernet.generate_key().decode()])
    browser.post(LOGOUT)
    assert Grant.objects.get().ended_at is not None


def test_a_tenant_that_was_removed_keeps_nobody_signed_in(browser, configure, settings, tenant):
    browser.sign_in(ADA)
    one = {"ISSUER": tenant.issuer, "CLIENT_ID": "web", "CLIENT_SECRET": "s"}
    configure(TENANTS={"other": one})
    response = browser.post(LOGOUT)
    assert (response.status_code, response["Location"]) == (303, HOME)
    assert browser.user_id is None


def test_a_session_of_another_backend_ends_without_asking_the_provider(browser, tenant, settings):
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        "django.contrib.auth.backends.ModelBackend",
    ]
    user = get_user_model().objects.create_user("root")
    browser.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    response = browser.post(LOGOUT)
    assert response["Location"] == HOME
    assert browser.user_id is None
    assert not tenant.requests


def test_the_binding_cookie_goes_with_the_session(browser):
    browser.sign_in(ADA)
    cookie = browser.post(LOGOUT).cookies["__Host-stateful_oauth"]
    assert (cookie.value, cookie["max-age"]) == ("", 0)
    # Browsers ignore a `__Host-` cookie that is not Secure, a deletion too.
    assert cookie["secure"]
    assert (cookie["path"], cookie["domain"]) == ("/", "")


@pytest.mark.security("B29")
def test_a_callback_of_before_the_sign_out_is_refused_afterwards(browser):
    """This includes the attempt that another tab had not finished."""
    unfinished = browser.visitor.authorize(browser.start(), ADA)
    browser.sign_in(ADA)
    browser.post(LOGOUT)
    assert error_code(browser.get(unfinished)) == "browser_unknown"
    assert browser.user_id is None
    assert browser.sign_in(ADA)["Location"] == "/profile/"


def test_djangos_signal_names_who_signed_out(browser):
    browser.sign_in(ADA)
    seen = []

    def receiver(sender, request, user, **kwargs):
        seen.append(str(user.pk))

    user = browser.user_id
    user_logged_out.connect(receiver)
    try:
        browser.post(LOGOUT)
    finally:
        user_logged_out.disconnect(receiver)
    assert seen == [user]


def test_a_second_sign_out_does_nothing_more(browser, tenant, offline):
    browser.sign_in(ADA)
    browser.post(LOGOUT)
    assert "logout_hint" not in asked(browser.post(LOGOUT))[1]
    recover_due()
    assert tenant.ledger.count("refresh_revoked") == 1


# Without a session here, and on to where the user wanted to go.


@pytest.fixture
def two_tenants(configure, tenant):
    secret = "a-client-secret-of-the-tests-0123456789"
    one = {"ISSUER": tenant.issuer, "CLIENT_ID": "web", "CLIENT_SECRET": secret}
    configure(TENANTS={"default": one, "partners": {**one, "CLIENT_ID": "linker", "TITLE": "Partners"}})


def test_session_that_is_over_here_is_ended_at_the_provider_all_the_same(browser, tenant):
    browser.sign_in(ADA)
    Session.objects.all().delete()
    location = browser.post(LOGOUT)["Location"]
    assert asked(browser.post(LOGOUT)) == (
        "https://tenant.example/oidc/logout",
        {"client_id": "web", "post_logout_redirect_uri": HOME},
    )
    # The provider does not know which session is meant, and asks the user.
    browser.visitor.logout(location)
    assert tenant.ledger.count("session_ended") == 1


def test_going_to_the_provider_without_a_session_can_be_turned_off(browser, configure, tenant):
    configure(LOGOUT_WITHOUT_SESSION_GOES_TO_PROVIDER=False)
    assert browser.post(LOGOUT)["Location"] == HOME
    assert not tenant.requests


def test_user_without_a_session_may_name_the_tenant_all_the_same(browser, configure):
    """The button "Sign out of …" of a page that refused."""
    configure(LOGOUT_WITHOUT_SESSION_GOES_TO_PROVIDER=False)
    assert asked(browser.post(LOGOUT, {"tenant": "default"}))[0] == "https://tenant.example/oidc/logout"


@pytest.mark.usefixtures("two_tenants")
@pytest.mark.parametrize(("named", "client"), [("", "web"), ("partners", "linker"), ("nothing", "web")])
def test_tenant_to_sign_out_at_is_that_of_the_form(browser, named, client):
    assert asked(browser.post(LOGOUT, {"tenant": named}))[1]["client_id"] == client


@pytest.mark.usefixtures("two_tenants")
def test_session_of_another_tenant_is_not_named_to_the_provider(browser, settings):
    browser.sign_in(ADA)
    assert browser.user_id is not None
    assert "logout_hint" not in asked(browser.post(LOGOUT, {"tenant": "partners"}))[1]
    assert browser.user_id is None


@pytest.mark.parametrize("where", ["/goodbye/", "https://app.example/goodbye/"])
@pytest.mark.parametrize("listed", ["/goodbye/", "https://app.example/goodbye/"])
@pytest.mark.parametrize("signed_in", [True, False])
def test_next_of_a_sign_out_is_honoured_if_the_settings_name_it(browser, configure, where, listed, signed_in):
    configure(LOGOUT_NEXT_URLS=[listed])
    if signed_in:
        browser.sign_in(ADA)
    parameters = asked(browser.post(LOGOUT, {"next": where}))[1]
    assert parameters["post_logout_redirect_uri"] == "https://app.example/goodbye/"


@pytest.mark.security("S9", "B29")
@pytest.mark.parametrize(
    "where",
    ["/profile/", "/goodbye", "/goodbye/?a=b", "//evil.example/goodbye/", "https://evil.example/goodbye/",
     "http://app.example/goodbye/", "goodbye/", "/goodbye/\\@evil.example", "javascript:alert(1)",
     "/\t/evil.example/"],
)  # fmt: skip
def test_next_of_a_sign_out_that_is_not_named_leads_to_the_return_path(browser, configure, where):
    configure(LOGOUT_NEXT_URLS=["/goodbye/", "https://evil.example/goodbye/"])
    browser.sign_in(ADA)
    assert asked(browser.post(LOGOUT, {"next": where}))[1]["post_logout_redirect_uri"] == HOME


@pytest.mark.security("S9")
def test_next_of_a_sign_out_on_another_host_needs_both_settings(browser, configure):
    where = "https://shop.example/bye/"
    configure(LOGOUT_NEXT_URLS=[where], ALLOWED_NEXT_HOSTS=["shop.example"])
    assert asked(browser.post(LOGOUT, {"next": where}))[1]["post_logout_redirect_uri"] == where


@pytest.mark.security("S13", "B29")
@pytest.mark.parametrize("signed_in", [True, False])
def test_sign_out_of_another_site_ends_nothing(strict_browser, tenant, signed_in):
    if signed_in:
        strict_browser.sign_in(ADA)
    user, requests = strict_browser.user_id, len(tenant.requests)
    assert strict_browser.get(f"{LOGOUT}?tenant=default").status_code == 405
    response = strict_browser.post(LOGOUT, {"tenant": "default"}, HTTP_ORIGIN="https://evil.example")
    assert response.status_code == 403
    assert strict_browser.user_id == user
    assert len(tenant.requests) == requests


@pytest.mark.security("S9", "B29")
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/"])
def test_next_that_a_project_passes_on_leads_to_no_other_host(rf, db, tenant, target):
    request = rf.post("/bye/", {"where": target})
    SessionMiddleware(lambda _: None).process_request(request)
    request.user = AnonymousUser()
    response = sign_out(request, next=request.POST["where"])
    assert asked(response)[1]["post_logout_redirect_uri"] == HOME

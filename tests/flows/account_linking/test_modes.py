"""What a project chooses: when to link, whom to trust, with a pushed request, at which tenant."""

from __future__ import annotations

from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import override_settings

from stateful_oauth.django import wiring
from stateful_oauth.emulator import DATABASE, MFA_POLICY, Tenant
from stateful_oauth.storage.models import AccountLink, FlowTransaction, Identity
from stateful_oauth.testing.browser import Browser
from tests.support import tenants
from tests.support.accounts_site import QWERTY, XPTO, prepare, site
from tests.support.link_pages import asked
from tests.support.testsite import settings as testsite

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def two_accounts(tenant, connection="google-oauth2"):
    password = tenant.add_user(email=XPTO, password="a good one")
    return password, tenant.add_user(email=XPTO, connection=connection)


def test_linking_that_is_off_looks_at_no_other_account(tenant, browser):
    _, google = two_accounts(tenant)
    with site(LINKING="off"):
        assert browser.sign_in(google.user_id)["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == google.user_id
    assert not any(path.startswith("/api/v2") for path in tenant.requests)
    assert list(FlowTransaction.objects.values_list("kind", flat=True)) == ["login"]


def test_who_was_looked_for_once_is_not_looked_for_at_every_sign_in(tenant, browser):
    alone = tenant.add_user(email=QWERTY, connection="google-oauth2")
    for _ in range(2):
        assert browser.sign_in(alone.user_id)["Location"] == "/profile/"
    assert tenant.requests["/api/v2/users-by-email"] == 1


def test_turning_it_on_later_links_who_signs_in_then(tenant, browser):
    password, google = two_accounts(tenant)
    with site(LINKING="off"):
        browser.sign_in(google.user_id)
    again = Browser(tenant)
    again.sign_in(google.user_id)
    assert again.client.session["stateful_oauth"]["sub"] == password.user_id


@pytest.mark.parametrize("linking", ["automatic", "confirm"])
def test_turning_it_on_later_keeps_the_account_that_was_there_first(tenant, browser, clock, linking):
    """Google first and a password later, both with a user here: not the password is the primary then.

    Whoever signs in with the older account is no newcomer. With the younger one they are asked.
    """
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    clock.advance(86400)
    password = tenant.add_user(email=XPTO, password="a good one")
    with site(LINKING="off"):
        browser.sign_in(google.user_id)
        Browser(tenant).sign_in(password.user_id)
    with site(LINKING=linking):
        older = Browser(tenant)
        assert older.sign_in(google.user_id)["Location"] == "/profile/"
        assert older.user_id == browser.user_id, "Nobody loses the user that their data belong to."
        assert not AccountLink.objects.exists()
        younger = Browser(tenant)
        question = asked(younger, younger.sign_in(password.user_id))
        assert question.confirm(google.user_id)["Location"] == "/profile/"
    assert younger.user_id == browser.user_id
    assert AccountLink.objects.get().primary_subject == google.user_id


@pytest.mark.parametrize("evidence", ["e-mail", "connected"])
def test_linking_that_confirms_asks_whatever_the_evidence(tenant, browser, evidence):
    password, google = two_accounts(tenant)
    if evidence == "connected":
        tenant.users.patch(password.user_id, {"email": QWERTY})
        browser.sign_in(password.user_id)
        browser.connect("google-oauth2", google.user_id)
    with site(LINKING="confirm"):
        later = Browser(tenant)
        question = asked(later, later.sign_in(google.user_id))
        assert "email and password" in question.text
        if evidence == "connected":
            assert QWERTY not in question.text, "An address that the visitor did not come with is masked."
            assert "q•••@g•••.com" in question.text
        assert not AccountLink.objects.exists()
        to_provider = later.post(f"{question.address}confirm/")["Location"]
        told = dict(parse_qsl(urlsplit(to_provider).query)).get("login_hint")
        assert told == (None if evidence == "connected" else XPTO), "What the page masks, no address shows."
        assert later.get(later.authorize(to_provider, password.user_id))["Location"] == "/profile/"
    assert later.client.session["stateful_oauth"]["sub"] == password.user_id
    assert AccountLink.objects.get().rule == "confirmation"


@pytest.mark.parametrize("trusted", [(), (DATABASE,), ("google-oauth2",)])
def test_whom_a_project_does_not_trust_is_asked(tenant, browser, trusted):
    password, google = two_accounts(tenant)
    with site(LINKING_TRUSTED_CONNECTIONS=trusted):
        question = asked(browser, browser.sign_in(google.user_id))
        assert (
            FlowTransaction.objects.get(kind="account_linking").inputs["reason"] == "connection_not_trusted"
        )
        assert question.confirm(password.user_id)["Location"] == "/profile/"


def test_linking_that_is_switched_off_while_the_user_is_asked_links_nothing(tenant, browser):
    """What the project chooses today may narrow what it chose when the sign-in started."""
    password, google = two_accounts(tenant)
    with site(LINKING="confirm"):
        question = asked(browser, browser.sign_in(google.user_id))
    with site(LINKING="off"):
        assert question.confirm(password.user_id)["Location"] == "/profile/"
    assert not AccountLink.objects.exists()
    assert browser.client.session["stateful_oauth"]["sub"] == google.user_id


def test_the_number_of_tries_is_a_setting(tenant, browser):
    _, google = two_accounts(tenant, "github")
    stranger = tenant.add_user(email="stranger@example.com", password="x")
    with site(LINKING_TRIES=1):
        question = asked(browser, browser.sign_in(google.user_id))
        refused = question.confirm(stranger.user_id)
    assert refused["Location"].startswith("/auth/error/wrong_account/")


@pytest.mark.security("L8")
def test_somebody_with_two_candidates_chooses(tenant, browser):
    password, google = two_accounts(tenant)
    github = tenant.add_user(email=XPTO, connection="github")
    question = asked(browser, browser.sign_in(github.user_id))
    assert question.offered == ["0", "1"]
    candidates = [
        each["user_id"] for each in FlowTransaction.objects.get(kind="account_linking").inputs["candidates"]
    ]
    assert set(candidates) == {password.user_id, google.user_id}
    assert {"Google", "email and password"} <= {
        name for name in ("Google", "email and password") if name in question.text
    }
    for unknown in ("", "auth0|nobody", google.user_id, "2"):
        response = browser.post(f"{question.address}confirm/", {"account": unknown})
        assert response["Location"] == question.address, "An older copy of the page leads to the page."
    chosen = str(candidates.index(google.user_id))
    assert question.confirm(google.user_id, account=chosen)["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == google.user_id
    assert len(tenant.users.get(password.user_id).identities) == 1


def test_an_account_that_more_people_connected_than_are_looked_at_is_linked_to_none_without_asking(tenant):
    """Only the first few are read. Where all but one of them are gone, that one is not the only one."""
    google = tenant.add_user(email=QWERTY, connection="google-oauth2", signed_up=False)
    owners = [tenant.add_user(email=f"owner-{number}@acme.com", password="x") for number in range(6)]
    for owner in owners:
        browser = Browser(tenant)
        browser.sign_in(owner.user_id)
        browser.connect("google-oauth2", google.user_id)
    for owner in owners[:4]:
        tenant.users.delete(owner.user_id)
    later = Browser(tenant)
    asked(later, later.sign_in(google.user_id))
    assert not AccountLink.objects.exists()


def test_who_proves_the_other_candidate_is_linked_to_that_one(tenant, browser):
    """Whom the user signs in as counts, and not which button was pressed."""
    password, google = two_accounts(tenant)
    github = tenant.add_user(email=XPTO, connection="github")
    question = asked(browser, browser.sign_in(github.user_id))
    candidates = FlowTransaction.objects.get(kind="account_linking").inputs["candidates"]
    chosen = next(str(n) for n, each in enumerate(candidates) if each["user_id"] == google.user_id)
    to_provider = browser.post(f"{question.address}confirm/", {"account": chosen})["Location"]
    anywhere = to_provider.replace("connection=google-oauth2", "")
    browser.get(browser.authorize(anywhere, password.user_id))
    assert browser.client.session["stateful_oauth"]["sub"] == password.user_id
    assert AccountLink.objects.get().primary_subject == password.user_id


def test_linking_works_with_a_pushed_authorization_request(tenant, browser):
    tenant.settings.par = True
    password, google = two_accounts(tenant, "github")
    with site(PUSHED_AUTHORIZATION_REQUESTS=True):
        question = asked(browser, browser.sign_in(google.user_id))
        to_provider = browser.post(f"{question.address}confirm/")["Location"]
        assert "request_uri=" in to_provider
        assert "login_hint" not in to_provider, "A pushed request tells the browser nothing."
        assert browser.get(browser.authorize(to_provider, password.user_id))["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == password.user_id
    assert tenant.ledger.count("par_pushed") == 2


@pytest.mark.parametrize("kind", ["lost_request", "html", "unreachable"])
def test_a_push_that_fails_asks_again_and_loses_nothing(tenant, browser, kind):
    tenant.settings.par = True
    password, google = two_accounts(tenant, "github")
    with site(PUSHED_AUTHORIZATION_REQUESTS=True):
        question = asked(browser, browser.sign_in(google.user_id))
        tenant.faults.add("/oauth/par", kind, None)
        again = asked(browser, browser.post(f"{question.address}confirm/"))
        assert again.text != question.text, "It says that something went wrong."
        tenant.faults.clear()
        assert again.confirm(password.user_id)["Location"] == "/profile/"


# What the sign-in was to fulfil, the proof has to fulfil, too: it is a sign-in as the primary.


def test_the_proof_needs_the_factor_that_the_sign_in_needed(tenant, browser):
    password, github = two_accounts(tenant, "github")
    with site(AUTHORIZATION_PARAMETERS={"acr_values": MFA_POLICY}):
        question = asked(browser, browser.sign_in(github.user_id))
        to_provider = browser.post(f"{question.address}confirm/")["Location"]
        assert "acr_values=" in to_provider
        tenant.id_token_hook = lambda claims, header: claims.pop("acr", None) and None
        again = asked(browser, browser.get(browser.authorize(to_provider, password.user_id)))
        tenant.id_token_hook = None
        assert browser.user_id is None
        assert not AccountLink.objects.exists()
        assert again.confirm(password.user_id)["Location"] == "/profile/"


def test_the_proof_is_for_the_organization_of_the_sign_in(tenant, browser):
    password, github = two_accounts(tenant, "github")
    acme = tenant.add_organization("acme", members=[password.user_id, github.user_id])
    other = tenant.add_organization("other", members=[password.user_id])
    with site(AUTHORIZATION_PARAMETERS={"organization": acme.id}):
        question = asked(browser, browser.sign_in(github.user_id))
        to_provider = browser.post(f"{question.address}confirm/")["Location"]
        assert f"organization={acme.id}" in to_provider
        elsewhere = to_provider.replace(acme.id, other.id)
        response = browser.get(browser.authorize(elsewhere, password.user_id))
        assert response["Location"].startswith("/auth/error/organization_mismatch/")
        assert browser.user_id is None
        assert not AccountLink.objects.exists()


def test_what_was_for_the_first_account_is_not_asked_of_the_other(tenant, browser):
    """A login hint, an invitation or a connection of the sign-in belongs to the account that it was for."""
    _, github = two_accounts(tenant, "github")
    first_only = {
        "login_hint": "somebody",
        "connection": "github",
        "prompt": "select_account",
        "ui_locales": "de",
    }
    with site(AUTHORIZATION_PARAMETERS=first_only):
        question = asked(browser, browser.sign_in(github.user_id))
        to_provider = browser.post(f"{question.address}confirm/")["Location"]
    asked_for = dict(parse_qsl(urlsplit(to_provider).query))
    assert asked_for["login_hint"] == XPTO
    assert (asked_for["connection"], asked_for["prompt"]) == (DATABASE, "login")
    assert asked_for["ui_locales"] == "de"


# Several tenants.


@contextmanager
def two_tenants(second):
    """The test's tenant as `staff`, and another one beside it."""
    tenants.current.append(second)
    both = {name: testsite.STATEFUL_OAUTH[name] for name in ("BASE_URL",)}
    common = {
        **{
            name: value
            for name, value in testsite.STATEFUL_OAUTH.items()
            if name not in ("BASE_URL", "ISSUER", "TRANSPORT_ADAPTER", "PROVIDER_USERINFO")
        },
        "SCOPE": "openid profile email offline_access",
        "LINKING": "automatic",
        "LINKING_TRUSTED_CONNECTIONS": (DATABASE, "google-oauth2"),
    }
    chosen = {
        **both,
        "TRANSPORT_ADAPTER": f"{__name__}.AnyTenant",
        "TENANTS": {
            "staff": {**common, "ISSUER": "https://tenant.example/"},
            "shop": {**common, "ISSUER": second.issuer},
        },
    }
    for made in (wiring.flows, wiring.provider, wiring.engine):
        made.cache_clear()
    with override_settings(STATEFUL_OAUTH=chosen):
        yield
    tenants.current.remove(second)


class AnyTenant:
    """Carries a request to the tenant that it is for."""

    def __init__(self):
        self._adapters = {tenant.base_url: tenant.adapter() for tenant in tenants.current}

    def send(self, request, **options):
        base = next(base for base in self._adapters if request.url.startswith(base))
        return self._adapters[base].send(request, **options)

    def close(self):
        """Nothing is held."""


def callbacks(alias):
    return [
        f"https://app.example/auth/{alias}/{path}"
        for path in ("callback/", "connect/callback/", "link/callback/")
    ]


def test_accounts_of_two_tenants_never_meet(tenant, clock):
    second = Tenant(issuer="https://shop.example/")
    second.clock.follow(clock.timestamp)
    second.add_client(
        client_id="web",
        client_secret="a-client-secret-of-the-tests-0123456789",
        callbacks=callbacks("shop"),
    )
    second.add_client(client_id="linker", client_secret="a-machine-secret-of-the-tests-0123456789")
    second.allow_management("linker", ["read:users", "update:users", "update:users_app_metadata"])
    second.allow_connected_accounts("web")
    prepare(second)
    tenant.clients["web"].callbacks = callbacks("staff")
    tenant.add_user(email=XPTO, password="x", user_id="auth0|1")
    shop_password = second.add_user(email=XPTO, password="x", user_id="auth0|1")
    shop_github = second.add_user(email=XPTO, connection="github")
    with two_tenants(second):
        staff = Browser(tenant)
        location = staff.get("/auth/staff/login/")["Location"]
        staff.get(staff.authorize(location, "auth0|1"))

        shop = Browser(second)
        location = shop.get("/auth/shop/login/")["Location"]
        question = asked(shop, shop.get(shop.authorize(location, shop_github.user_id)))
        to_provider = shop.post(f"{question.address}confirm/")["Location"]
        assert to_provider.startswith("https://shop.example/")
        assert "%2Fauth%2Fshop%2Flink%2Fcallback%2F" in to_provider
        proof = shop.authorize(to_provider, shop_password.user_id)
        elsewhere = str(proof).replace("/shop/", "/staff/")
        assert shop.get(elsewhere)["Location"].startswith("/auth/error/wrong_flow/")
        assert shop.get(proof)["Location"] == "/profile/"
        link = AccountLink.objects.get()
        assert (link.tenant, link.primary_subject) == ("shop", "auth0|1")
        assert shop.client.session["stateful_oauth"]["tenant"] == "shop"
        assert shop.user_id != staff.user_id
        assert Identity.objects.filter(subject="auth0|1").count() == 2
    assert len(tenant.users.get("auth0|1").identities) == 1


@pytest.mark.security("B41")
@pytest.mark.parametrize("strategy", ["oauth2", "oidc", "waad"])
def test_who_is_connected_later_at_a_connection_with_a_name_of_its_own(tenant, browser, settings, strategy):
    """Who signed in before is linked all the same. Its name is not what user ids begin with."""
    tenant.add_connection("our-portal", strategy=strategy)
    portal = {"our-portal": {"url": "https://tenant.example/_provider/our-portal/userinfo"}}
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "PROVIDER_USERINFO": portal}
    theirs = tenant.add_user(email="own@example.org", connection="our-portal", user_id="our-portal|77")
    own = Browser(tenant)
    own.sign_in(theirs.user_id)
    password = tenant.add_user(email=XPTO, password="a good one")
    browser.sign_in(password.user_id)
    browser.connect("our-portal", theirs.user_id)

    again = Browser(tenant)
    assert again.sign_in(theirs.user_id)["Location"] == "/profile/"
    assert again.user_id == browser.user_id
    assert AccountLink.objects.get().rule == "connected_account"

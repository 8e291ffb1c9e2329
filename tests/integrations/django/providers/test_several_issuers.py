"""Several providers in one project, and issuers of every form."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from django.contrib.auth import get_user_model
from requests.adapters import BaseAdapter

from stateful_oauth.django import wiring
from stateful_oauth.emulator import Tenant
from stateful_oauth.storage.models import Identity
from stateful_oauth.testing.browser import Browser
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]

ADA = "ada@example.com"
SECRET = "a-client-secret-of-the-tests-0123456789"


class ByIssuer(BaseAdapter):
    """Sends each request to the provider that its URL belongs to; all of them stand for one network."""

    def __init__(self, *tenants: Tenant) -> None:
        super().__init__()
        self._tenants = {tenant.base_url: tenant.adapter() for tenant in tenants}

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        (adapter,) = [each for base, each in self._tenants.items() if request.url.startswith(f"{base}/")]
        return adapter.send(request, *args, **kwargs)

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def fresh(clock):
    for made in (wiring.provider, wiring.engine):
        made.cache_clear()
    yield
    for made in (wiring.provider, wiring.engine):
        made.cache_clear()


def new_tenant(clock: Any, issuer: str, alias: str = "") -> Tenant:
    tenant = Tenant(issuer=issuer, auth0_logout=False)
    tenant.issuer = issuer
    tenant.clock.follow(clock.timestamp)
    part = f"{alias}/" if alias else ""
    tenant.add_client(
        client_id="web",
        client_secret=SECRET,
        callbacks=[f"https://app.example/auth/{part}callback/"],
        logout_urls=["https://app.example/"],
    )
    tenant.add_user(email=ADA, name="Ada", user_id="auth0|ada")
    return tenant


def keys_of(issuer: str, **changes: Any) -> dict[str, Any]:
    return {"PROVIDER": "generic", "ISSUER": issuer, "CLIENT_ID": "web", "CLIENT_SECRET": SECRET, **changes}


@pytest.fixture
def two(clock, settings):
    first = new_tenant(clock, "https://one.example")
    second = new_tenant(clock, "https://two.example/realms/b/", alias="other")
    second.clients["web"].signing_alg = "ES256"
    settings.STATEFUL_OAUTH = {
        "BASE_URL": "https://app.example",
        "TRANSPORT_ADAPTER": ByIssuer(first, second),
        "TENANTS": {
            "default": keys_of(first.issuer),
            "other": keys_of(second.issuer, PROVIDER="okta", ID_TOKEN_SIGNING_ALG="ES256"),
        },
    }
    return first, second


def arrive(browser: Browser, tenant: Tenant, path: str) -> Any:
    location = browser.get(path)["Location"]
    return browser.get(tenant.visitor().authorize(location, as_user=ADA))


def test_user_of_two_providers_is_two_users_whatever_the_sub(two):
    first, second = two
    browser = Browser(first)
    arrive(browser, first, "/auth/login/")
    arrive(browser, second, "/auth/other/login/")
    assert get_user_model().objects.count() == 2
    assert {*Identity.objects.values_list("issuer", "subject")} == {
        (first.issuer, "auth0|ada"),
        (second.issuer, "auth0|ada"),
    }


@pytest.mark.security("S4")
def test_answer_of_one_provider_is_of_no_use_at_the_other_ones_callback(two):
    first, second = two
    browser = Browser(first)
    location = browser.get("/auth/login/")["Location"]
    callback = first.visitor().authorize(location, as_user=ADA)
    foreign = str(callback).replace("/auth/callback/", "/auth/other/callback/")
    assert error_code(browser.get(foreign)) == "wrong_flow"
    assert browser.user_id is None
    assert second.requests["/oauth/token"] == 0


def test_sign_out_is_at_the_provider_of_the_session(two):
    first, second = two
    browser = Browser(first)
    arrive(browser, second, "/auth/other/login/")
    assert browser.post("/auth/logout/")["Location"].startswith("https://two.example/realms/b/oidc/logout")


@pytest.mark.parametrize(
    "issuer",
    ["https://one.example", "https://one.example/", "https://one.example/a", "https://one.example/a/b/"],
)
def test_issuer_may_have_a_path_and_a_slash_at_the_end(clock, settings, issuer):
    tenant = new_tenant(clock, issuer)
    settings.STATEFUL_OAUTH = {
        "BASE_URL": "https://app.example",
        "TRANSPORT_ADAPTER": tenant.adapter(),
        **keys_of(issuer),
    }
    browser = Browser(tenant)
    browser.sign_in(ADA)
    assert browser.user_id is not None
    assert Identity.objects.get().issuer == issuer


@pytest.mark.parametrize(
    "configured", ["https://one.example/", "https://one.example/A", "https://ONE.example"]
)
def test_issuer_that_only_resembles_the_providers_is_refused(clock, settings, configured):
    tenant = new_tenant(clock, "https://one.example")
    adapter = tenant.adapter()
    settings.STATEFUL_OAUTH = {
        "BASE_URL": "https://app.example",
        "TRANSPORT_ADAPTER": adapter,
        **keys_of(configured),
    }
    assert error_code(Browser(tenant).get("/auth/login/")) in {"discovery_invalid", "provider_unreachable"}


def test_endpoints_may_be_on_other_hosts_than_the_issuer(clock, settings):
    issuer, pool = new_tenant(clock, "https://issuer.example/pool"), new_tenant(clock, "https://pool.example")
    pool.issuer, pool_url = issuer.issuer, pool.base_url
    elsewhere = {
        "authorization_endpoint": f"{pool_url}/authorize",
        "token_endpoint": f"{pool_url}/oauth/token",
        "jwks_uri": f"{pool_url}/.well-known/jwks.json",
        "userinfo_endpoint": f"{pool_url}/userinfo",
    }
    issuer.settings.discovery_overrides = elsewhere

    class Pool(BaseAdapter):
        def send(self, request, *args, **kwargs):
            if request.url.startswith(pool_url):
                request.url = request.url.replace(pool_url, issuer.base_url)
            return issuer.adapter().send(request, *args, **kwargs)

        def close(self):
            pass

    settings.STATEFUL_OAUTH = {
        "BASE_URL": "https://app.example",
        "TRANSPORT_ADAPTER": Pool(),
        **keys_of(issuer.issuer),
    }
    browser = Browser(issuer)
    location = browser.start()
    assert location.startswith("https://pool.example/authorize?")
    browser.get(issuer.visitor().authorize(location.replace(pool_url, issuer.base_url), as_user=ADA))
    assert browser.user_id is not None

"""What `PROVIDER` sets, that its pages say so, and that what they tell people to write signs a user in."""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.core.checks import run_checks

from stateful_oauth.django import wiring
from stateful_oauth.django.conf import TENANT_DEFAULTS, conf
from stateful_oauth.django.provider_profiles import PROFILES
from stateful_oauth.emulator import Tenant
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.testing.browser import Browser
from tests.support import tenants
from tests.support.checkout import ROOT

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]

ADA = "ada@example.com"
OTHERS = sorted(set(PROFILES) - {"auth0"})
# What the emulator does differently, as each provider does.
QUIRKS = {
    "entra": {"pkce_in_discovery": False, "revocation_in_discovery": False},
    "google": {"end_session_in_discovery": False},
    "okta": {"logout_needs_id_token": True, "profile_in_id_token": False},
    "keycloak": {"logout_needs_id_token": True, "profile_in_id_token": False},
    "cognito": {
        "pkce_in_discovery": False,
        "end_session_in_discovery": False,
        "refresh_without_asking": True,
    },
    "generic": {"profile_in_id_token": False},
}


def snippet(profile):
    page = (ROOT / "docs" / f"provider-{profile}.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    found = {"os": os}
    exec(compile(code, f"provider-{profile}.md", "exec"), found)
    return found["STATEFUL_OAUTH"]


@pytest.mark.parametrize("profile", OTHERS)
def test_page_of_each_profile_signs_a_user_in_and_out(profile, settings, clock, monkeypatch, db):
    monkeypatch.setenv("OIDC_CLIENT_ID", "web")
    monkeypatch.setenv("OIDC_CLIENT_SECRET", "a-client-secret-of-the-tests-0123456789")
    written = snippet(profile)
    settings.ALLOWED_HOSTS = ["www.example.com"]
    settings.STATEFUL_OAUTH = {**written, "TRANSPORT_ADAPTER": "tests.support.tenants.tenant_adapter"}
    tenant = Tenant(issuer=written["ISSUER"].rstrip("/") + "/", auth0_logout=False, **QUIRKS[profile])
    tenant.issuer = written["ISSUER"]
    tenant.clock.follow(clock.timestamp)
    tenant.add_client(
        client_id="web",
        client_secret="a-client-secret-of-the-tests-0123456789",
        callbacks=["https://www.example.com/auth/callback/"],
        logout_urls=["https://www.example.com/"],
    )
    tenant.add_user(email=ADA, name="Ada Lovelace")
    monkeypatch.setattr(tenants, "current", [tenant])
    for made in (wiring.provider, wiring.engine):
        made.cache_clear()
    assert [each for each in run_checks() if each.is_serious() and each.id != "stateful_oauth.E030"] == []
    browser = Browser(tenant)
    browser.sign_in(ADA)
    assert browser.user_id is not None
    left = browser.post("/auth/logout/")["Location"]
    expected = {"google": "https://www.example.com/", "cognito": written.get("END_SESSION_ENDPOINT", "")}
    where = expected.get(profile, f"{tenant.base_url}/oidc/logout")
    assert urlsplit(left)._replace(query="").geturl() == where
    for made in (wiring.provider, wiring.engine):
        made.cache_clear()


def test_overview_lists_the_defaults_of_each_profile():
    page = (ROOT / "docs/providers.md").read_text(encoding="utf-8")
    for profile, defaults in PROFILES.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f'| `"{profile}"` |')]
        named = dict(re.findall(r"`([A-Z_]+) = ([^`]+)`", row))
        assert {key: eval(value) for key, value in named.items()} == dict(defaults)


def test_profiles_set_nothing_that_a_setting_could_not():
    assert {key for defaults in PROFILES.values() for key in defaults} <= TENANT_DEFAULTS.keys()


@pytest.mark.parametrize("profile", OTHERS)
def test_setting_of_the_project_counts_more_than_the_profile(configure, profile):
    configure(PROVIDER=profile, KEEP_UNASKED_REFRESH_TOKENS=False, USERINFO="always")
    chosen = conf.tenant("default")
    assert (chosen.keep_unasked_refresh_tokens, chosen.userinfo) == (False, "always")


@pytest.mark.parametrize(
    "call",
    [
        lambda provider: provider.my_account,
        lambda provider: provider.management,
        lambda provider: provider.provider_token(Secret("r"), connection="github", time_limit=5),
    ],
)
def test_what_is_auth0s_own_says_so_at_another_provider(tenant, at, call):
    at("generic")
    with pytest.raises(FlowError) as caught:
        call(wiring.provider("default"))
    assert caught.value.code == "auth0_only"


def test_connecting_an_account_at_another_provider_is_refused_by_name(browser, tenant, at):
    at("generic", SCOPE="openid offline_access")
    browser.sign_in(ADA)
    response = browser.post("/auth/connect/", {"connection": "github"})
    assert "auth0_only" in response["Location"]


def test_sign_in_of_another_provider_asks_what_the_parameters_say(browser, tenant, at):
    at("google", AUTHORIZATION_PARAMETERS={"access_type": "offline", "prompt": "consent"})
    sent = dict(parse_qsl(urlsplit(browser.start()).query))
    assert (sent["access_type"], sent["prompt"], sent["code_challenge_method"]) == (
        "offline",
        "consent",
        "S256",
    )

"""What the doctor says of what connecting and linking accounts need."""

from __future__ import annotations

from typing import Any

import pytest

from stateful_oauth.django.doctor import Verdict
from stateful_oauth.storage.models import Grant
from stateful_oauth.testing.browser import Browser

ADA = "ada@example.com"
HUB = "ada@hub.example"


def bad(stage: Any) -> list[tuple[str, str]]:
    return [
        (each.message, each.remedy)
        for each in stage.findings
        if each.verdict in (Verdict.FAILED, Verdict.WARNING)
    ]


@pytest.fixture
def signed_in(healthy):
    browser = Browser(healthy)
    browser.sign_in(ADA)
    assert Grant.objects.filter(ended_at__isnull=True).count() == 1
    return browser


# The Management API.


def test_the_doctor_finds_a_healthy_machine_application_well(stages):
    found = stages()["management"]
    assert found.verdict is Verdict.OK
    assert [each.message for each in found.findings] == [
        "linker has read:users, update:users.",
        "The Management API finds users by email.",
    ]


def test_what_is_not_used_is_not_probed(stages, healthy, configure):
    configure(MANAGEMENT_CLIENT_ID="", MANAGEMENT_CLIENT_SECRET="")
    assert stages()["management"].verdict is Verdict.NOT_PROBED
    assert healthy.ledger.count("m2m_token_issued") == 0


def test_linking_without_a_machine_application(stages, configure):
    configure(MANAGEMENT_CLIENT_ID="", MANAGEMENT_CLIENT_SECRET="", LINKING="confirm")
    ((message, remedy),) = bad(stages()["management"])
    assert message.startswith("LINKING is confirm")
    assert "MANAGEMENT_CLIENT_ID" in remedy


def test_a_wrong_secret_of_the_machine_application(stages, configure):
    configure(MANAGEMENT_CLIENT_SECRET="another-machine-secret-of-the-tests")
    found = stages()["management"]
    ((message, remedy),) = bad(found)
    assert "management_refused" in message
    assert "MANAGEMENT_CLIENT_SECRET" in remedy
    assert "another-machine" not in str(found)


def test_an_application_without_a_client_grant(stages, healthy):
    healthy.client_grants.clear()
    ((message, remedy),) = bad(stages()["management"])
    assert "management_refused" in message
    assert "client grant" in remedy


@pytest.mark.parametrize("scope_in_reply", [True, False])
def test_the_doctor_names_scopes_that_are_missing(stages, healthy, scope_in_reply):
    healthy.settings.scope_in_reply = scope_in_reply
    healthy.allow_management("linker", ["read:users"])
    ((message, remedy),) = bad(stages()["management"])
    assert message == "MANAGEMENT_CLIENT_ID lacks update:users."
    assert remedy == "Add update:users to its client grant for the Management API."


def test_scopes_for_app_metadata_are_needed_only_by_who_merges_it(stages, healthy, configure):
    configure(LINKING_APP_METADATA_KEYS=("plan",))
    ((message, _),) = bad(stages()["management"])
    assert message == "MANAGEMENT_CLIENT_ID lacks update:users_app_metadata."
    healthy.allow_management("linker", ["read:users", "update:users", "update:users_app_metadata"])
    assert stages()["management"].verdict is Verdict.OK


def test_a_machine_application_that_may_do_more_than_it_needs(stages, healthy):
    healthy.allow_management("linker", ["read:users", "update:users", "delete:users"])
    found = stages()["management"]
    assert found.verdict is Verdict.WARNING
    assert "delete:users" in bad(found)[0][0]


def test_a_token_that_may_not_read_users_is_told_twice(stages, healthy):
    """What was found out before the call that fails is still said."""
    healthy.allow_management("linker", ["update:users"])
    messages = [message for message, _ in bad(stages()["management"])]
    assert messages[0] == "MANAGEMENT_CLIENT_ID lacks read:users."
    assert "management_scope_missing" in messages[1]


def another_token(healthy: Any, **claims: Any) -> None:
    """Let the tenant issue machine tokens with other claims than they should have."""
    import jwt

    from stateful_oauth.emulator import sign

    def change(body: dict[str, Any]) -> None:
        told = jwt.decode(body["access_token"], options={"verify_signature": False})
        if told.get("gty") == "client-credentials":
            linker, header = healthy.clients["linker"], {"alg": "RS256", "typ": "at+jwt"}
            body["access_token"] = sign(healthy, linker, {**told, **claims}, header)

    healthy.token_reply_hook = change


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        (
            {"iss": "https://login.example/"},
            "issuer of the Management API token is not https://tenant.example/",
        ),
        (
            {"aud": "https://login.example/api/v2/"},
            "audience of the Management API token is not https://tenant.example/api/v2/",
        ),
    ],
)
def test_a_token_of_a_custom_domain(stages, healthy, claims, words):
    another_token(healthy, **claims)
    message, remedy = bad(stages()["management"])[0]
    assert words in message
    assert "MANAGEMENT_DOMAIN" in remedy


@pytest.mark.parametrize("fault", ["unreachable", "lost_answer", "html", "rate_limit"])
def test_a_management_api_that_does_not_answer(stages, healthy, fault):
    healthy.faults.add("/api/v2/users-by-email", fault, times=None)
    assert stages()["management"].verdict is Verdict.FAILED


def test_the_doctor_without_auth0_python_says_what_to_install(stages, monkeypatch):
    monkeypatch.setattr("stateful_oauth.django.doctor.accounts.find_spec", lambda name: None)
    assert bad(stages()["management"])[0] == (
        "auth0-python is not installed.",
        "Install django-stateful-oauth[linking].",
    )


# Refresh tokens, My Account, Token Vault: without a user.


def test_without_a_users_token_only_what_needs_none_is_told(stages, healthy, signed_in):
    refreshed = healthy.requests["/oauth/token"]
    found = stages()
    assert found["refresh_tokens"].verdict is Verdict.OK
    assert found["my_account"].verdict is Verdict.NOT_PROBED
    assert "--grant newest" in found["my_account"].findings[0].message
    vault = found["token_vault"]
    assert vault.findings[0].message == "The application may use Token Vault."
    assert vault.verdict is Verdict.NOT_PROBED
    assert healthy.ledger.count("refreshed") == 0
    assert healthy.requests["/oauth/token"] > refreshed


def test_without_offline_access_there_is_nothing_to_look_at(stages, configure):
    configure(SCOPE="openid", CONNECTIONS={})
    found = stages()
    for name in ("refresh_tokens", "my_account", "token_vault"):
        assert found[name].verdict is Verdict.NOT_PROBED


def test_the_doctor_demands_offline_access_for_connections(stages, configure):
    configure(SCOPE="openid", CONNECTIONS={"github": {}})
    ((_, remedy),) = bad(stages()["refresh_tokens"])
    assert remedy == "Add `offline_access` to SCOPE."


def test_an_application_that_may_not_refresh(stages, healthy):
    healthy.clients["web"].grant_types = ("authorization_code",)
    ((message, remedy),) = bad(stages()["refresh_tokens"])
    assert "client_rejected" in message
    assert "grant types" in remedy


def test_an_application_without_the_token_vault_grant_type(stages, healthy):
    healthy.clients["web"].grant_types = ("authorization_code", "refresh_token")
    ((message, remedy),) = bad(stages()["token_vault"])
    assert "token_vault_refused" in message
    assert "Token Vault grant type" in remedy


def test_token_vault_of_an_application_that_rotates(stages, healthy, configure):
    healthy.clients["web"].rotation = True
    ((message, _),) = bad(stages()["token_vault"])
    assert "token_vault_refused" in message, "The settings say that it does not rotate, and it does."
    configure(REFRESH_TOKEN_ROTATION=True)
    found = stages()["token_vault"]
    assert found.verdict is Verdict.NOT_PROBED
    assert "without rotation" in found.findings[0].message


# With the token of a user.


def test_the_doctor_looks_with_a_users_token_when_asked(stages, signed_in):
    found = stages(grant="newest")["my_account"]
    assert found.verdict is Verdict.OK
    assert "https://tenant.example/me/ with every scope" in found.findings[0].message


def test_a_grant_by_its_id(stages, signed_in):
    grant = Grant.objects.get()
    assert stages(grant=str(grant.pk))["my_account"].verdict is Verdict.OK


@pytest.mark.parametrize("grant", ["newest", "01900000-0000-7000-8000-000000000000", "no id"])
def test_a_grant_that_is_not_there(stages, grant):
    assert stages(grant=grant)["my_account"].verdict is Verdict.NOT_PROBED


def test_a_grant_that_has_ended_is_not_used(stages, signed_in):
    signed_in.post("/auth/logout/")
    assert stages(grant="newest")["my_account"].verdict is Verdict.NOT_PROBED


def test_an_audience_that_the_policy_does_not_have(stages, healthy, configure):
    healthy.add_api("https://api.example/", scopes=["read:orders"])
    configure(AUTHORIZATION_PARAMETERS={"audience": "https://api.example/"})
    Browser(healthy).sign_in(ADA)
    healthy.clients["web"].refresh_policies = {}
    ((message, remedy),) = bad(stages(grant="newest")["my_account"])
    assert message == "A refresh returns no token for https://tenant.example/me/."
    assert "refresh token policy" in remedy


def test_a_policy_that_is_missing_shows_where_a_token_cannot_be_read(stages, healthy, signed_in):
    healthy.clients["web"].refresh_policies = {}
    ((message, remedy),) = bad(stages(grant="newest")["my_account"])
    assert "no token for https://tenant.example/me/" in message
    assert "refresh token policy" in remedy


def test_scopes_that_the_policy_does_not_have(stages, healthy, signed_in):
    healthy.allow_connected_accounts("web", ["read:me:connected_accounts"])
    ((message, _),) = bad(stages(grant="newest")["my_account"])
    assert message.endswith("does not grant create:me:connected_accounts, delete:me:connected_accounts.")


def test_connections_that_cannot_be_connected(stages, healthy, signed_in, configure):
    configure(CONNECTIONS={"github": {}})
    ((message, remedy),) = bad(stages(grant="newest")["my_account"])
    assert "github" in message
    assert "Connected Accounts" in remedy
    healthy.add_connection("github")
    assert stages(grant="newest")["my_account"].verdict is Verdict.OK


def test_a_refresh_token_that_died(stages, healthy, signed_in):
    healthy.revoke_refresh_tokens(next(u.user_id for u in healthy.people.users.values() if u.email == ADA))
    ((message, _),) = bad(stages(grant="newest")["my_account"])
    assert "grant_dead" in message


def test_no_users_token_is_spent(stages, healthy, signed_in, configure):
    healthy.clients["web"].rotation = True
    configure(REFRESH_TOKEN_ROTATION=True)
    found = stages(grant="newest")["my_account"]
    assert found.verdict is Verdict.NOT_PROBED
    assert "would spend" in found.findings[0].message
    assert healthy.ledger.count("refresh_rotated") == 0


def test_rotation_that_the_settings_deny_loses_nobodys_token(stages, healthy, signed_in):
    from stateful_oauth.storage.grants import DjangoGrantStore

    healthy.clients["web"].rotation = True
    messages = bad(stages(grant="newest")["my_account"])
    assert messages[0][0] == "The application rotates refresh tokens, but REFRESH_TOKEN_ROTATION is False."
    assert healthy.ledger.count("refresh_rotated") == 1
    kept = DjangoGrantStore().load(str(Grant.objects.get().pk))
    assert kept is not None
    from stateful_oauth.django import wiring

    wiring.provider("default").refresh(kept.refresh_token, time_limit=5)
    assert healthy.ledger.count("refresh_reused") == 0, "It kept the old token, which is spent."


@pytest.fixture
def connected(healthy, signed_in):
    healthy.add_connection("github")
    healthy.add_user(email=HUB, connection="github", signed_up=False)
    assert signed_in.connect("github", HUB)["Location"] == "/profile/"


def test_the_token_of_a_connected_account(stages, connected):
    found = stages(grant="newest")["token_vault"]
    assert found.verdict is Verdict.OK
    assert "account at github" in found.findings[-1].message


def test_a_connected_account_that_the_provider_forgot(stages, healthy, connected):
    row = healthy.vault.accounts(next(u.user_id for u in healthy.people.users.values() if u.email == ADA))[0]
    healthy.vault.revoke_at_provider(row.id)
    ((message, remedy),) = bad(stages(grant="newest")["token_vault"])
    assert "account_not_connected" in message
    assert "connect the account again" in remedy


def test_a_user_without_connected_accounts(stages, signed_in):
    assert "connected no account" in stages(grant="newest")["token_vault"].findings[-1].message


def test_an_mfa_policy_that_is_always_on_is_named(stages, healthy, connected):
    healthy.settings.mfa_always = True
    ((message, remedy),) = bad(stages(grant="newest")["token_vault"])
    assert "MFA policy is Always" in message
    assert "Multi-factor" in remedy

"""Claims that only UserInfo has: asked for where the settings say so, and believed about one user alone."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.storage.models import FlowTransaction
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]

ADA = "ada@example.com"


@pytest.fixture
def thin(tenant):
    tenant.settings.profile_in_id_token = False


def refused(browser, tenant, code):
    assert error_code(browser.sign_in(ADA)) == code
    assert browser.user_id is None
    assert FlowTransaction.objects.get().code == code
    assert tenant.ledger.count("code_exchanged") == 1


def user():
    return get_user_model().objects.get()


def test_user_has_no_email_while_userinfo_is_never_asked(browser, tenant, thin):
    browser.sign_in(ADA)
    assert (user().email, tenant.requests["/userinfo"]) == ("", 0)


@pytest.mark.parametrize("when", ["when_missing", "always"])
def test_missing_email_and_name_come_from_userinfo(browser, tenant, thin, configure, when):
    configure(USERINFO=when)
    browser.sign_in(ADA)
    assert (user().email, tenant.requests["/userinfo"]) == (ADA, 1)


@pytest.mark.parametrize(("when", "calls"), [("when_missing", 0), ("always", 1), ("never", 0)])
def test_full_id_token_costs_a_call_only_if_it_is_always_asked(browser, tenant, configure, when, calls):
    configure(USERINFO=when)
    browser.sign_in(ADA)
    assert (user().email, tenant.requests["/userinfo"]) == (ADA, calls)


def test_scope_without_email_makes_nothing_missing(browser, tenant, thin, configure):
    configure(USERINFO="when_missing", SCOPE="openid")
    browser.sign_in(ADA)
    assert tenant.requests["/userinfo"] == 0


def test_scope_of_the_answer_does_not_hide_what_is_missing(browser, tenant, thin, configure):
    configure(USERINFO="when_missing")
    tenant.token_reply_hook = lambda body: body.update(scope="dummy")
    browser.sign_in(ADA)
    assert user().email == ADA


def test_step_up_does_not_ask_userinfo(browser, tenant, thin, configure):
    configure(USERINFO="always")
    browser.sign_in(ADA)
    location = browser.post("/auth/step-up/", {"max_age": "0"})["Location"]
    browser.get(browser.authorize(location, ADA))
    assert (browser.user_id is not None, tenant.requests["/userinfo"]) == (True, 1)


@pytest.mark.security("T16")
@pytest.mark.parametrize("sub", ["auth0|mallory", "", 7, None], ids=str)
def test_t16_userinfo_about_another_user_signs_no_user_in(browser, tenant, configure, sub):
    configure(USERINFO="always")
    tenant.settings.userinfo_overrides = {"sub": sub}
    refused(browser, tenant, "userinfo_subject_mismatch")


@pytest.mark.parametrize(
    "fault",
    ["html", "server_error", "lost_answer", "lost_request", "rate_limit", "empty", "redirect"],
)
def test_userinfo_that_fails_ends_the_sign_in_and_repeats_nothing(browser, tenant, configure, fault):
    configure(USERINFO="always")
    tenant.faults.add("/userinfo", fault)
    refused(browser, tenant, "userinfo_failed")


def test_a_userinfo_response_that_is_too_long_is_refused(browser, tenant, configure):
    configure(USERINFO="always")
    tenant.settings.userinfo_overrides = {"note": "x" * 70_000}
    refused(browser, tenant, "userinfo_failed")


def test_provider_without_userinfo_ends_the_sign_in(browser, tenant, configure):
    configure(USERINFO="always")
    tenant.settings.discovery_overrides = {"userinfo_endpoint": None}
    refused(browser, tenant, "userinfo_failed")


def test_signed_userinfo_is_verified_and_used(browser, tenant, thin, configure):
    configure(USERINFO="always")
    tenant.settings.userinfo_signed = True
    tenant.settings.userinfo_overrides = {"iss": tenant.issuer, "aud": ["web", "other"]}
    browser.sign_in(ADA)
    assert user().email == ADA


@pytest.mark.parametrize(
    "wrong", [{"iss": "https://evil.example/"}, {"aud": "other"}, {"aud": 7}, {"aud": []}], ids=str
)
def test_signed_userinfo_of_another_issuer_or_client_is_refused(browser, tenant, configure, wrong):
    configure(USERINFO="always")
    tenant.settings.userinfo_signed = True
    tenant.settings.userinfo_overrides = wrong
    refused(browser, tenant, "userinfo_rejected")


def test_signed_userinfo_with_a_wrong_signature_is_refused(browser, tenant, configure):
    configure(USERINFO="always")
    tenant.settings.userinfo_signed = True
    header = {"Content-Type": "application/jwt"}
    tenant.faults.add("/userinfo", "answer", status=200, json="e30.e30.AAAA", headers=header)
    refused(browser, tenant, "userinfo_rejected")


def test_id_token_counts_more_than_userinfo(browser, tenant, configure):
    configure(USERINFO="always")
    tenant.settings.userinfo_overrides = {"email": "other@example.com", "email_verified": True}
    tenant.id_token_hook = lambda claims, _: claims.pop("email_verified") and None
    browser.sign_in(ADA)
    assert user().email == ADA


def test_word_about_another_email_does_not_verify_this_one(browser, tenant, configure, monkeypatch):
    configure(USERINFO="always")
    tenant.settings.userinfo_overrides = {"email": "other@example.com", "email_verified": True}
    tenant.id_token_hook = lambda claims, _: claims.pop("email_verified") and None
    seen = _claims_of(browser, monkeypatch)
    assert (seen["email"], seen.get("email_verified")) == (ADA, None)


def test_authentication_is_the_id_tokens_word_alone(browser, tenant, configure, monkeypatch):
    configure(USERINFO="always")
    foreign = {"acr": "high", "amr": ["mfa"], "org_id": "org_other", "auth_time": 1, "sid": "s", "nonce": "n"}
    tenant.settings.userinfo_overrides = {**foreign, "department": "Analysis"}
    seen = _claims_of(browser, monkeypatch)
    assert seen["department"] == "Analysis"
    assert {name for name, value in foreign.items() if seen.get(name) == value} == set()


def _claims_of(browser, monkeypatch):
    from stateful_oauth.django.backends import Auth0Backend

    seen = {}
    original = Auth0Backend.authenticate

    def noting(self, request, identity=None, **credentials):
        if identity is not None:
            seen.update(identity.claims)
        return original(self, request, identity=identity, **credentials)

    monkeypatch.setattr(Auth0Backend, "authenticate", noting)
    browser.sign_in(ADA)
    return seen


ELSEWHERE = {
    "_claim_names": {"groups": "src1"},
    "_claim_sources": {"src1": {"endpoint": "https://graph.example"}},
}


@pytest.mark.parametrize("place", ["id_token", "userinfo"])
def test_distributed_claims_are_refused_by_name(browser, tenant, configure, place):
    configure(USERINFO="always")
    if place == "userinfo":
        tenant.settings.userinfo_overrides = ELSEWHERE
    else:
        tenant.id_token_hook = lambda claims, _: claims.update(ELSEWHERE)
    refused(browser, tenant, "claims_distributed")


@pytest.mark.parametrize("names", [[], "groups", 7, {"x" * 500: "a"}, {"\u202e": "a"}], ids=str)
def test_malformed_names_of_distributed_claims_are_refused(browser, tenant, names):
    tenant.id_token_hook = lambda claims, _: claims.update({"_claim_names": names})
    refused(browser, tenant, "claims_distributed")


def test_distributed_claims_can_be_ignored(browser, tenant, configure):
    configure(DISTRIBUTED_CLAIMS="ignore", USERINFO="always")
    tenant.settings.userinfo_overrides = ELSEWHERE
    tenant.id_token_hook = lambda claims, _: claims.update(ELSEWHERE)
    browser.sign_in(ADA)
    assert browser.user_id is not None

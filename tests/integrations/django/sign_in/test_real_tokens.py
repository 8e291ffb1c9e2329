"""Tokens as custom databases, SAML connections and other providers make them: odd, large, and right."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.storage.models import Grant, Identity
from tests.support.error_pages import error_code, shown
from tests.support.rows import check_rows

pytestmark = pytest.mark.database_in_ci

ADA = "ada@example.com"
SUBJECTS = [
    "samlp|company|Jürgen.Müller@example.com",
    "samlp|company|山田太郎",
    "auth0|custom|Ольга Иванова",
    'auth0|o\'brien "quoted" <b>',
    "samlp|\U0001f469\u200d\U0001f4bb",
    "samlp|" + "é" * 249,
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_subject_with_letters_of_any_language_signs_the_same_user_in_again(browser, tenant, subject):
    tenant.id_token_hook = lambda claims, header: claims.update(sub=subject)
    assert browser.sign_in(ADA, "/profile/")["Location"] == "/profile/"
    first = browser.user_id
    assert browser.sign_in(ADA, "/profile/?again")["Location"] == "/profile/?again"
    assert browser.user_id == first
    assert [each.subject for each in Identity.objects.all()] == [subject]
    check_rows()


@pytest.mark.security("L5")
def test_subjects_that_only_look_the_same_are_two_users(browser, another_browser, tenant):
    for each, subject in ((browser, "samlp|\u00e9"), (another_browser(), "samlp|e\u0301")):
        tenant.id_token_hook = lambda claims, header, subject=subject: claims.update(sub=subject)
        assert each.sign_in(ADA, "/profile/")["Location"] == "/profile/"
    assert get_user_model().objects.count() == 2


@pytest.mark.parametrize("kilobytes", [17, 64, 120])
@pytest.mark.parametrize("linking", ["off", "confirm"])
def test_token_with_hundreds_of_groups_signs_in(browser, tenant, settings, kilobytes, linking):
    settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | {"LINKING": linking}
    groups = [f"cn=group-{number:06},ou=groups,dc=example" for number in range(kilobytes * 1024 // 44)]
    tenant.id_token_hook = lambda claims, header: claims.update({"https://app.example/groups": groups})
    assert browser.sign_in(ADA, "/profile/")["Location"] == "/profile/"
    check_rows()


def test_token_beyond_the_limit_is_called_large_and_not_untrusted(browser, tenant):
    tenant.id_token_hook = lambda claims, header: claims.update(groups=["x" * 1000] * 250)
    response = browser.sign_in(ADA)
    assert shown(browser, response) == ("id_token_too_large", 502)
    page = browser.opens(response).content.decode()
    assert "could not verify" not in page
    assert "too much data" in page


@pytest.mark.security("L1")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [("true", True), ("True", True), ("false", False), ("False", False), ("yes", False), ("1", False),
     (1, False), (None, False), ("", False), ([True], False)],
)  # fmt: skip
def test_verified_email_is_a_flag_or_the_text_of_one(browser, tenant, sent, kept):
    tenant.id_token_hook = lambda claims, header: claims.update(email_verified=sent)
    assert browser.sign_in(ADA, "/profile/")["Location"] == "/profile/"
    assert Identity.objects.get().email_verified is kept


@pytest.mark.parametrize("name", ["exp", "iat", "auth_time"])
def test_moments_may_be_texts_of_whole_seconds(browser, tenant, name):
    tenant.id_token_hook = lambda claims, header: claims.update({name: str(int(claims["iat"]) + 5)})
    assert browser.sign_in(ADA, "/profile/")["Location"] == "/profile/"


@pytest.mark.parametrize(
    "name", ["nbf", "auth_time", "azp", "acr", "at_hash", "sid", "org_id", "org_name", "email", "groups"]
)
def test_null_is_a_claim_that_is_not_there(browser, tenant, name):
    tenant.id_token_hook = lambda claims, header: claims.update({name: None})
    assert browser.sign_in(ADA, "/profile/")["Location"] == "/profile/"
    check_rows()


@pytest.mark.parametrize(
    ("name", "code"), [("sub", "id_token_claims"), ("exp", "id_token_claims"), ("nonce", "nonce_mismatch")]
)
def test_null_is_no_value_of_a_claim_that_must_be_there(browser, tenant, name, code):
    tenant.id_token_hook = lambda claims, header: claims.update({name: None})
    assert error_code(browser.sign_in(ADA)) == code


def test_null_proves_no_recent_authentication(browser, tenant, settings):
    parameters = {"AUTHORIZATION_PARAMETERS": {"max_age": "60"}}
    settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | parameters
    tenant.id_token_hook = lambda claims, header: claims.update(auth_time=None)
    assert error_code(browser.sign_in(ADA)) == "id_token_auth_time"


@pytest.mark.parametrize("audience", [["web", "https://api.example/"], ["https://api.example/", "web"]])
def test_null_is_no_authorized_party_of_several_audiences(browser, tenant, settings, audience):
    settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | {"TRUSTED_AUDIENCES": ["https://api.example/"]}
    tenant.id_token_hook = lambda claims, header: claims.update(aud=audience, azp=None)
    assert error_code(browser.sign_in(ADA)) == "id_token_authorized_party"


@pytest.mark.parametrize(("name", "sent"), [("acr", True), ("acr", ["a"]), ("sid", False), ("sid", 7.5)])
def test_what_no_text_is_meant_by_is_refused(browser, tenant, name, sent):
    tenant.id_token_hook = lambda claims, header: claims.update({name: sent})
    assert error_code(browser.sign_in(ADA)) == "id_token_claims"


@pytest.mark.parametrize("scope", [["openid", "email"], [], "", None, "openid email"])
def test_scope_of_the_answer_may_be_an_array(browser, tenant, scope):
    tenant.token_reply_hook = lambda body: body.update(scope=scope)
    assert browser.sign_in(ADA, "/profile/")["Location"] == "/profile/"


@pytest.mark.parametrize("refresh_token", ["", None])
def test_empty_refresh_token_is_none(browser, tenant, refresh_token):
    tenant.token_reply_hook = lambda body: body.update(refresh_token=refresh_token)
    assert browser.sign_in(ADA, "/profile/")["Location"] == "/profile/"
    assert not Grant.objects.exists()


@pytest.mark.parametrize("lifetime", ["3600", 3600.0, "86400", None])
def test_lifetime_of_the_answer_may_be_a_text(browser, tenant, lifetime):
    tenant.token_reply_hook = lambda body: body.update(expires_in=lifetime)
    assert browser.sign_in(ADA, "/profile/")["Location"] == "/profile/"


def test_user_without_an_email_signs_in(browser, tenant):
    user = tenant.add_user(email=None, connection="sms")
    assert browser.sign_in(user.user_id, "/profile/")["Location"] == "/profile/"
    assert get_user_model().objects.get().email == ""

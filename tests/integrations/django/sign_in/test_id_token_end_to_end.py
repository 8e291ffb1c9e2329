"""The rules of the ID token, from the provider's signature to the page that the visitor sees.

The rules one by one are in tests/integrations/auth0. Here is one test for each way in which the site must
say no.
"""

from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth import get_user_model

from stateful_oauth.storage.models import Identity
from tests.support.error_pages import Form, error_code, shown
from tests.support.rows import check_rows, the_row

pytestmark = pytest.mark.database_in_ci

ADA = "ada@example.com"


def claims_are(**changes):
    """Change claims; None takes a claim away. The token is still signed with the tenant's key."""

    def hook(claims, header):
        claims.update(changes)
        for name in [name for name, value in claims.items() if value is None]:
            del claims[name]

    return hook


def header_is(**changes):
    def hook(claims, header):
        header.update(changes)

    return hook


def signed_by_a_stranger(claims, header):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, key, algorithm="RS256", headers=header)


def signed_with_the_public_client_secret(claims, header):
    secret = "a-client-secret-of-the-tests-0123456789"
    return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": header["kid"]})


REJECTED = {
    "nonce of another sign-in": (claims_are(nonce="of another sign-in"), "nonce_mismatch", 403),  # T11
    "no nonce": (claims_are(nonce=None), "nonce_mismatch", 403),
    "issuer without its slash": (claims_are(iss="https://tenant.example"), "id_token_issuer", 502),  # T2
    "another issuer": (claims_are(iss="https://evil.example/"), "id_token_issuer", 502),
    "another audience": (claims_are(aud="another-client"), "id_token_audience", 502),  # T3
    "an untrusted audience more": (claims_are(aud=["web", "another-client"]), "id_token_audience", 502),
    "another authorized party": (claims_are(azp="another-client"), "id_token_authorized_party", 502),  # T5
    "expired": (claims_are(exp=1_700_000_000), "id_token_expired", 502),  # T9
    "issued long ago": (claims_are(iat=1_700_000_000), "id_token_issued_at", 502),  # T10
    "no subject": (claims_are(sub=None), "id_token_claims", 502),  # T14, L16
    "an empty subject": (claims_are(sub=""), "id_token_claims", 502),
    "a subject too long": (claims_are(sub="a" * 256), "id_token_claims", 502),
    "no expiry": (claims_are(exp=None), "id_token_claims", 502),
    "of another access token": (claims_are(at_hash="AAAAAAAAAAAAAAAAAAAAAA"), "id_token_at_hash", 502),  # T15
    "not signed": (header_is(alg="none"), "id_token_malformed", 502),  # T7
    "signed with the secret": (signed_with_the_public_client_secret, "id_token_algorithm", 502),
    "bringing its own key": (header_is(jwk={"kty": "RSA"}), "id_token_header", 502),
    "asking for extensions": (header_is(crit=["exp"]), "id_token_header", 502),
    "of an unknown key": (header_is(kid="unknown"), "id_token_key_unknown", 502),  # T20
    "signed by a stranger": (signed_by_a_stranger, "id_token_signature", 502),  # T6
    "not a JWT": (lambda claims, header: "<html>not a token</html>", "id_token_malformed", 502),
    "encrypted": (lambda claims, header: "a.b.c.d.e", "id_token_encrypted", 502),  # T1
}


@pytest.mark.security(
    "T1", "T2", "T3", "T5", "T6", "T7", "T9", "T10", "T11", "T14", "T15", "T20", "L4", "L16", "B1", "B2"
)
@pytest.mark.parametrize(("hook", "code", "status"), REJECTED.values(), ids=list(REJECTED))
def test_an_id_token_that_breaks_a_rule_signs_nobody_in(strict_browser, tenant, hook, code, status):
    browser = strict_browser
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    tenant.id_token_hook = hook

    response = browser.get(callback)

    assert shown(browser, response) == (code, status)
    assert the_row().state == ("mismatched" if status == 403 else "failed")
    assert browser.user_id is None
    assert not get_user_model().objects.exists()
    assert not Identity.objects.exists()
    check_rows()
    tenant.id_token_hook = None
    again = Form.of(browser.opens(response)).submit(browser)
    assert browser.get(browser.visitor.authorize(again["Location"], ADA))["Location"] == "/profile/?tab=2"


@pytest.mark.security("S7")
def test_a_rejected_token_does_not_end_the_session_of_who_is_signed_in(browser, tenant):
    browser.sign_in(ADA)
    user = browser.user_id
    tenant.id_token_hook = claims_are(nonce="of another sign-in")
    browser.sign_in(ADA)
    assert browser.user_id == user


@pytest.mark.security("T20")
def test_a_key_that_was_rotated_meanwhile_is_read_anew(browser, tenant, clock):
    browser.sign_in(ADA)
    callback = browser.visitor.authorize(browser.start(), ADA)
    tenant.keys.rotate()
    clock.advance(60)
    assert browser.get(callback)["Location"] == "/profile/"


@pytest.mark.security("T12", "T13", "T18")
@pytest.mark.parametrize(
    ("asked", "hook", "code"),
    [
        ({"max_age": 60}, claims_are(auth_time=None), "id_token_auth_time"),  # T13
        ({"max_age": 60}, claims_are(auth_time=1_700_000_000), "id_token_auth_time"),
        ({"acr_values": "urn:gold"}, claims_are(acr="urn:tin"), "id_token_acr"),  # T12
        ({"organization": "org_1"}, claims_are(org_id="org_2"), "organization_mismatch"),  # T18
        ({"organization": "org_1"}, claims_are(org_id=None), "organization_mismatch"),
    ],
)
def test_what_the_request_asked_for_has_to_be_in_the_token(browser, tenant, configure, asked, hook, code):
    tenant.add_organization("one", org_id="org_1", members=[next(iter(tenant.people.users))])
    configure(AUTHORIZATION_PARAMETERS=asked)
    callback = browser.visitor.authorize(browser.start(), ADA)
    tenant.id_token_hook = hook
    assert shown(browser, browser.get(callback)) == (code, 403)
    assert browser.user_id is None


@pytest.mark.parametrize("asked", [{"max_age": 60}, {"organization": "org_1"}])
def test_what_the_request_asked_for_and_got_signs_in(browser, tenant, configure, asked):
    tenant.add_organization("one", org_id="org_1", members=[next(iter(tenant.people.users))])
    configure(AUTHORIZATION_PARAMETERS=asked)
    assert browser.sign_in(ADA)["Location"] == "/profile/"


@pytest.mark.security("T7", "T8")
def test_hs256_is_taken_only_where_it_is_configured(browser, tenant, configure):
    tenant.clients["web"].signing_alg = "HS256"
    assert error_code(browser.sign_in(ADA)) == "id_token_algorithm"
    configure(ID_TOKEN_SIGNING_ALG="HS256")
    assert browser.sign_in(ADA)["Location"] == "/profile/"

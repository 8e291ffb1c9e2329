"""Discovery and keys: docs/auth0-contract.md §1."""

from __future__ import annotations

import jwt
import pytest


def document(desk):
    return desk.http.get(desk.url("/.well-known/openid-configuration"), timeout=5).json()


def test_issuer_has_a_trailing_slash_and_endpoints_do_not_double_it(desk):
    data = document(desk)
    assert data["issuer"] == "https://tenant.example/"
    assert data["token_endpoint"] == "https://tenant.example/oauth/token"
    assert data["jwks_uri"] == "https://tenant.example/.well-known/jwks.json"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("code_challenge_methods_supported", ["S256", "plain"]),
        ("subject_types_supported", ["public"]),
        ("request_uri_parameter_supported", False),
        ("id_token_signing_alg_values_supported", ["HS256", "RS256", "PS256"]),
        ("token_endpoint_auth_signing_alg_values_supported", ["RS256", "RS384", "PS256"]),
    ],
)
def test_the_discovery_document_has_the_members_of_the_table(desk, member, value):
    assert document(desk)[member] == value


@pytest.mark.parametrize(
    ("setting", "member"),
    [
        ("par", "pushed_authorization_request_endpoint"),
        ("end_session_in_discovery", "end_session_endpoint"),
        ("iss_on_callback", "authorization_response_iss_parameter_supported"),
        ("backchannel_in_discovery", "backchannel_logout_supported"),
        ("backchannel_in_discovery", "backchannel_logout_session_supported"),
    ],
)
def test_members_of_the_discovery_document_follow_their_switches(desk, setting, member):
    setattr(desk.tenant.settings, setting, True)
    assert member in document(desk)
    setattr(desk.tenant.settings, setting, False)
    assert member not in document(desk)


def test_overrides_replace_and_remove_members(desk):
    desk.tenant.settings.discovery_overrides = {"issuer": "https://evil.example/", "jwks_uri": None}
    assert document(desk)["issuer"] == "https://evil.example/"
    assert "jwks_uri" not in document(desk)


def test_jwks_has_the_members_of_auth0(desk):
    (key,) = desk.http.get(desk.url("/.well-known/jwks.json"), timeout=5).json()["keys"]
    assert set(key) == {"alg", "kty", "use", "n", "e", "kid", "x5t", "x5c"}


def test_two_keys_are_published_around_a_rotation(desk):
    before = desk.tokens()["id_token"]
    desk.tenant.keys.rotate()
    after = desk.tokens()["id_token"]
    kids = [jwt.get_unverified_header(token)["kid"] for token in (before, after)]
    assert len(set(kids)) == 2
    assert desk.claims(before)["sub"] == desk.claims(after)["sub"] == "auth0|ada"
    desk.tenant.keys.revoke_previous()
    with pytest.raises(KeyError):
        desk.claims(before)


def test_neighbouring_tenants_and_rotated_keys_share_no_key(tenant):
    from stateful_oauth.emulator import Tenant

    other = Tenant()
    tenant.keys.rotate()
    moduli = [key.material.public_pem for key in (*tenant.keys.published(), *other.keys.published())]
    assert len(set(moduli)) == 3


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/oauth/nothing", 404), ("/", 404)])
def test_paths_that_are_unknown_are_answered_and_counted(desk, path, status):
    reply = desk.http.get(desk.url(path), timeout=5)
    assert (reply.status_code, reply.text) == (status, "Not found.")
    assert desk.tenant.requests["unknown"] == 1


def test_wrong_method_is_404_as_at_auth0(desk):
    assert desk.http.get(desk.url("/oauth/token"), timeout=5).status_code == 404

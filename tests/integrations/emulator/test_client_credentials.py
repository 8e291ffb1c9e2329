"""grant_type=client_credentials and private_key_jwt: docs/auth0-contract.md §4.4, §4.6."""

from __future__ import annotations

import jwt
import pytest

from stateful_oauth.emulator.keys import KeyMaterial
from tests.integrations.emulator.conftest import API

KEY = KeyMaterial()
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def machine(desk):
    desk.tenant.add_client_grant("web", API, ["read:things", "write:things"])
    return desk


def ask(desk, **params):
    return desk.post("/oauth/token", **{"grant_type": "client_credentials", "audience": API, **params})


def test_token_with_the_scopes_of_the_grant(machine):
    body = ask(machine).json()
    assert set(body) == {"access_token", "scope", "expires_in", "token_type"}
    claims = machine.claims(body["access_token"], API)
    assert (claims["sub"], claims["gty"], claims["azp"]) == ("web@clients", "client-credentials", "web")
    assert claims["scope"] == body["scope"] == "read:things write:things"
    assert machine.tenant.ledger.count("m2m_token_issued", audience=API) == 1


def test_scopes_without_grant_are_dropped_silently(machine):
    reply = ask(machine, scope="read:things delete:things")
    assert (reply.status_code, reply.json()["scope"]) == (200, "read:things")
    assert "scope" not in ask(machine, scope="delete:things").json()


@pytest.mark.parametrize(
    ("params", "start"),
    [
        (
            {"client_id": "other"},
            f'Client "other" is not authorized to access resource server "{API}". You need to create a',
        ),
        ({"audience": "https://nothing/"}, "Service not enabled within domain: https://nothing/"),
        ({"audience": None}, "No audience parameter was provided"),
    ],
)
def test_a_machine_without_a_grant_gets_403_access_denied(machine, params, start):
    reply = ask(machine, **params)
    assert (reply.status_code, reply.json()["error"]) == (403, "access_denied")
    assert reply.json()["error_description"].startswith(start)


def test_a_machine_token_names_its_organization(machine):
    organization = machine.tenant.add_organization("acme")
    claims = machine.claims(ask(machine, organization="acme").json()["access_token"], API)
    assert claims["org_id"] == organization.id
    assert ask(machine, organization="nothing").status_code == 403


@pytest.fixture
def signer(machine):
    machine.tenant.add_client(client_id="signer", public_keys=[KEY.public_pem])
    machine.tenant.add_client_grant("signer", API, [])
    return machine


def assertion(desk, alg="RS256", key=None, **changes):
    now = int(desk.tenant.clock.now())
    claims = {
        "iss": "signer",
        "sub": "signer",
        "aud": desk.tenant.issuer,
        "jti": "j1",
        "iat": now,
        "exp": now + 60,
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key or KEY.private, alg)


def prove(desk, token, **params):
    return ask(
        desk, client_id=None, client_secret=None, client_assertion=token, client_assertion_type=TYPE, **params
    )


@pytest.mark.parametrize("alg", ["RS256", "RS384", "PS256"])
def test_a_client_assertion_is_accepted_only_once(signer, alg):
    token = assertion(signer, alg)
    assert prove(signer, token).status_code == 200
    again = prove(signer, token)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    assert signer.tenant.ledger.count("assertion_replayed") == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://tenant.example"},
        {"aud": "https://tenant.example/oauth/token"},
        {"iss": "web"},
        {"sub": "web"},
        {"sub": None},
        {"jti": None},
        {"jti": 7},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 1_799_999_999},
        {"exp": 1_800_000_311},
        {"iat": 1_800_000_011},
        {"nbf": 1_800_000_011},
        {"padding": "x" * 2_000},
        {"alg": "RS512"},
        {"key": KeyMaterial().private},
    ],
)
def test_a_client_assertion_that_breaks_a_rule_is_401(signer, changes):
    reply = prove(signer, assertion(signer, **changes))
    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
def test_a_client_assertion_that_is_no_jwt_is_401(signer, token):
    assert prove(signer, token).status_code == 401


def test_no_mixing_and_no_secret_for_a_signing_client(signer):
    token = assertion(signer)
    both = ask(signer, client_id="signer", client_assertion=token, client_assertion_type=TYPE)
    assert both.status_code == 400
    assert ask(signer, client_id="signer", client_secret="x").status_code == 401
    assert ask(signer, client_id=None, client_secret=None, client_assertion=token).status_code == 400


def test_a_client_assertion_may_be_ten_seconds_early(signer):
    assert prove(signer, assertion(signer, iat=1_800_000_010)).status_code == 200

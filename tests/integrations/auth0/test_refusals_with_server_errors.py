"""An OAuth error body under a 5xx is read as what it says, at every endpoint that we call."""

from __future__ import annotations

import pytest

from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import DeniedByAction, ProviderAnswerLost, RefusedWithServerError
from stateful_oauth.flows.oauth.openid import AuthorizationRequest
from stateful_oauth.flows.oauth.pkce import code_challenge
from tests.support.auth0_room import CALLBACK, GOOGLE, VERIFIER, Room, refused

STATUSES = pytest.mark.parametrize("status", [500, 503])
TOKEN, PUSH, REVOKE = "/oauth/token", "/oauth/par", "/oauth/revoke"
API = "/me/v1/connected-accounts"

# What each endpoint makes of an error, as under a 4xx.
EXCHANGE = {
    "invalid_grant": "code_rejected",
    "invalid_client": "client_rejected",
    "unauthorized_client": "client_rejected",
    "unsupported_grant_type": "client_rejected",
    "invalid_request": "request_rejected",
    "invalid_scope": "request_rejected",
    "access_denied": "sign_in_refused",
    "unauthorized": "sign_in_refused",
    "mfa_required": "step_up_required",
    "unmet_authentication_requirements": "step_up_required",
    "login_required": "login_required",
    "interaction_required": "interaction_required",
    "consent_required": "interaction_required",
}
REFRESH = {
    "invalid_grant": "grant_dead",
    "invalid_client": "client_rejected",
    "unauthorized_client": "client_rejected",
    "unsupported_grant_type": "client_rejected",
    "invalid_request": "request_rejected",
    "invalid_scope": "scope_not_granted",
    "invalid_target": "audience_not_granted",
    "access_denied": "sign_in_refused",
    "unauthorized": "sign_in_refused",
    "mfa_required": "step_up_required",
    "login_required": "step_up_required",
    "consent_required": "step_up_required",
}
VAULT = {
    "invalid_grant": "grant_dead",
    "invalid_client": "token_vault_refused",
    "invalid_request": "token_vault_refused",
    "access_denied": "sign_in_refused",
    "unauthorized": "sign_in_refused",
    "mfa_required": "step_up_required",
    "tokenset_not_found": "account_not_connected",
    "federated_connection_refresh_token_not_found": "account_not_connected",
    "user_not_found": "connected_account_unknown",
}
PUSHED = {
    "invalid_client": "client_rejected",
    "unauthorized_client": "client_rejected",
    "access_denied": "client_rejected",
    "invalid_request": "request_rejected",
    "invalid_scope": "request_rejected",
    "invalid_request_object": "request_rejected",
    "invalid_request_uri": "request_rejected",
}
REVOKED = {
    "invalid_client": "client_rejected",
    "unauthorized_client": "client_rejected",
    "access_denied": "client_rejected",
    "invalid_request": "request_rejected",
    "unsupported_token_type": "request_rejected",
}


def exchange(room):
    return room.provider.exchange_code(
        code=Secret("the-code"), redirect_uri=CALLBACK, code_verifier=Secret(VERIFIER), time_limit=5
    )


def refresh(room):
    return room.provider.refresh(Secret("the-token"), time_limit=5)


def provider_token(room):
    return room.provider.provider_token(Secret("the-token"), connection=GOOGLE, time_limit=5)


def push(room):
    request = AuthorizationRequest(
        redirect_uri=CALLBACK,
        scope="openid",
        state=Secret("the-state"),
        nonce=Secret("the-nonce"),
        code_challenge=code_challenge(VERIFIER),
    )
    return room.provider.push_authorization_request(request, time_limit=5)


def revoke(room):
    return room.provider.revoke_refresh_token(Secret("the-token"), time_limit=5)


ENDPOINTS = {
    "exchange": (exchange, TOKEN, EXCHANGE),
    "refresh": (refresh, TOKEN, REFRESH),
    "token vault": (provider_token, TOKEN, VAULT),
    "par": (push, PUSH, PUSHED),
    "revoke": (revoke, REVOKE, REVOKED),
}
CASES = [
    pytest.param(call, endpoint, error, code, id=f"{name} {error}")
    for name, (call, endpoint, table) in ENDPOINTS.items()
    for error, code in table.items()
]


@pytest.fixture
def room():
    found = Room()
    found.tenant.settings.par = True
    return found


def answers(room, endpoint, status, error):
    room.fault("answer", endpoint, status=status, json={"error": error, "error_description": "RAW-TEXT"})


@STATUSES
@pytest.mark.parametrize(("call", "endpoint", "error", "code"), CASES)
def test_known_error_is_a_refusal_with_its_code(room, call, endpoint, error, code, status):
    answers(room, endpoint, status, error)
    kind = DeniedByAction if code == "sign_in_refused" else RefusedWithServerError
    assert "RAW-TEXT" not in str(refused(kind, code, call, room))


@STATUSES
@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("temporarily_unavailable", "provider_busy"),
        ("too_many_requests", "provider_busy"),
        ("server_error", "provider_error"),
        ("Internal Server Error", "provider_answer_invalid"),
        ("internal_error", "provider_answer_invalid"),
        ("INVALID_GRANT", "provider_answer_invalid"),
        ("", "provider_answer_invalid"),
        (None, "provider_answer_invalid"),
        ({"code": "invalid_grant"}, "provider_answer_invalid"),
    ],
    ids=str,
)
def test_fault_or_unknown_error_is_a_lost_answer(room, name, error, code, status):
    call, endpoint, _ = ENDPOINTS[name]
    answers(room, endpoint, status, error)
    refused(ProviderAnswerLost, code, call, room)


CALLS = {
    "connect": lambda api, room: api.connect(Secret("t"), room.connect_request(), time_limit=5),
    "complete": lambda api, _: api.complete(
        Secret("t"), auth_session=Secret("s"), connect_code=Secret("c"), redirect_uri=CALLBACK,
        code_verifier=Secret(VERIFIER), time_limit=5,
    ),
    "accounts": lambda api, _: api.accounts(Secret("t"), time_limit=5),
    "connections": lambda api, _: api.connections(Secret("t"), time_limit=5),
    "accounts/{id}": lambda api, _: api.disconnect(Secret("t"), "cac_a", time_limit=5),
}  # fmt: skip


@STATUSES
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("error", "code"),
    [("invalid_token", "my_account_token_rejected"), ("insufficient_scope", "scope_not_granted")],
)
def test_my_account_speaks_of_the_token_under_any_status(room, name, error, code, status):
    answers(room, f"{API}/{name}", status, error)
    refused(ServiceRefused, code, CALLS[name], room.provider.my_account, room)


@STATUSES
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("error", ["invalid_request", "server_error", "Internal Server Error", None])
def test_my_account_may_have_done_it_under_any_other_error(room, name, error, status):
    answers(room, f"{API}/{name}", status, error)
    refused(ProviderAnswerLost, "provider_answer_invalid", CALLS[name], room.provider.my_account, room)

"""What every call of the My Account API has in common: tokens, scopes, limits, and a wire that fails."""

import pytest

from stateful_oauth.flows.engine.errors import RateLimited, ServiceRefused
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost, ProviderUnreachable
from tests.support.auth0_room import CALLBACK, VERIFIER, Room, Spoken, refused

API = "/me/v1/connected-accounts"
CONNECT, COMPLETE = f"{API}/connect", f"{API}/complete"
ACCOUNTS, CONNECTIONS, ACCOUNT = f"{API}/accounts", f"{API}/connections", f"{API}/accounts/{{id}}"
LOST = (ProviderAnswerLost, "provider_answer_lost")
INVALID = (ProviderAnswerLost, "provider_answer_invalid")
FAULTS = {
    "unreachable": (ProviderUnreachable, "provider_unreachable"),
    "lost_request": LOST,
    "lost_answer": LOST,
    "slow": LOST,
    "truncated": LOST,
    "server_error": INVALID,
    "html": INVALID,
    "malformed": INVALID,
    "empty": INVALID,
    "huge": INVALID,
    "redirect": INVALID,
    "rate_limit": (RateLimited, "rate_limited"),
}
OF_A_BODY = {"malformed", "empty", "truncated"}  # a deleted account is answered without one


def complete(room, token):
    return room.provider.my_account.complete(
        token, auth_session=Secret("s"), connect_code=Secret("c"), redirect_uri=CALLBACK,
        code_verifier=Secret(VERIFIER), time_limit=5,
    )  # fmt: skip


CALLS = {
    CONNECT: lambda room, token: room.provider.my_account.connect(
        token, room.connect_request(), time_limit=5
    ),
    COMPLETE: complete,
    ACCOUNTS: lambda room, token: room.provider.my_account.accounts(token, time_limit=5),
    CONNECTIONS: lambda room, token: room.provider.my_account.connections(token, time_limit=5),
    ACCOUNT: lambda room, token: room.provider.my_account.disconnect(token, "cac_a", time_limit=5),
}


@pytest.fixture
def token(room):
    return room.my_account_token()


@pytest.fixture(params=CALLS)
def endpoint(request):
    return request.param


@pytest.mark.security("B36")
@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        (endpoint, kind)
        for endpoint in CALLS
        for kind in FAULTS
        if endpoint != ACCOUNT or kind not in OF_A_BODY
    ],
)
def test_a_fault_of_any_my_account_call_is_typed_and_not_sent_again(room, token, endpoint, kind):
    """Each is a typed error, and nothing is sent again."""
    room.fault(kind, endpoint, times=None)
    raised = refused(*FAULTS[kind], CALLS[endpoint], room, token)
    assert room.requests[endpoint] <= 1
    if isinstance(raised, RateLimited):
        assert 59 <= raised.retry_at.timestamp() - room.tenant.clock.now() <= 61


def test_a_token_that_is_over(room, token, endpoint):
    room.sleep(86_400)
    refused(ServiceRefused, "my_account_token_rejected", CALLS[endpoint], room, token)


def test_a_token_for_something_else(room, endpoint):
    other = room.provider.refresh(room.refresh_token(), time_limit=5).access_token
    refused(ServiceRefused, "my_account_token_rejected", CALLS[endpoint], room, other)


def test_a_token_without_the_scope(room, endpoint):
    verb = {CONNECT: "create", COMPLETE: "create", ACCOUNT: "delete"}.get(endpoint, "read")
    others = {"create", "read", "delete"} - {verb}
    room.tenant.allow_connected_accounts("web", [f"{other}:me:connected_accounts" for other in others])
    raised = refused(ServiceRefused, "scope_not_granted", CALLS[endpoint], room, room.my_account_token())
    assert f"{verb}:me:connected_accounts" in str(raised)


@pytest.mark.parametrize("body", [{}, {"status": 403}, {"detail": 7}, [], None, "text"], ids=str)
def test_a_refusal_that_is_not_the_apis_own(room, token, endpoint, body):
    room.fault("answer", endpoint, status=403, json=body)
    refused(*INVALID, CALLS[endpoint], room, token)


def test_the_rate_limit_of_the_tenant(room, token, endpoint):
    room.tenant.settings.rate_limits = True
    room.tenant.settings.burst = 0
    raised = refused(RateLimited, "rate_limited", CALLS[endpoint], room, token)
    assert raised.retry_at > room.now()


def test_the_my_account_api_is_asked_where_the_settings_say(room):
    assert room.provider.my_account.audience == room.tenant.my_account_audience
    elsewhere = Room(
        config={
            "my_account_base_url": "https://my.example/me/v1/",
            "my_account_audience": "https://my.example/me/",
        }
    )
    spoken = Spoken(elsewhere)
    assert elsewhere.provider.my_account.audience == "https://my.example/me/"
    refused(
        ServiceRefused,
        "my_account_token_rejected",
        elsewhere.provider.my_account.accounts,
        Secret("t"),
        time_limit=5,
    )
    assert spoken.said[0][1] == "https://my.example/me/v1/connected-accounts/accounts?take=20"

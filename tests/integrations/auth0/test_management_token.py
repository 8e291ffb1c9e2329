"""The Management API's token: asked for once, with what is needed, renewed in time, dropped when refused."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from stateful_oauth.flows.engine.errors import FlowError, RateLimited, ServiceRefused
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import ProviderUnreachable
from tests.support.auth0_room import ADA, LINKING, Room, Spoken, refused

TOKEN, USER = "/oauth/token", "/api/v2/users/{id}"
EXPIRED = {
    "statusCode": 401,
    "error": "Unauthorized",
    "message": "Invalid token",
    "errorCode": "invalid_token",
}


def user(room, time_limit=5.0):
    return room.provider.management.user(room.ada, time_limit=time_limit)


def issued(room):
    return room.tenant.ledger.count("m2m_token_issued", client_id="linker")


def lasting(room, seconds):
    room.tenant.apis[room.tenant.management_audience].token_ttl = seconds


def test_a_management_token_serves_many_calls_of_a_process(room):
    for _ in range(5):
        user(room)
    assert issued(room) == 1


@pytest.mark.security("B17")
def test_b17_never_with_the_client_that_users_sign_in_with(room):
    user(room)
    assert room.tenant.ledger.count("m2m_token_issued", client_id="web") == 0


def test_a_management_token_is_fetched_once_for_many_threads(room):
    """Sixteen first requests of a worker must not be sixteen tokens."""
    start = threading.Barrier(16)

    def call(_):
        start.wait(10)
        return user(room).user_id

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(call, range(16))) == {room.ada}
    assert issued(room) == 1


@pytest.mark.security("B20")
@pytest.mark.parametrize(("lifetime", "used"), [(86_400, 86_340), (600, 540), (100, 90), (10, 9)])
def test_b20_renewed_a_little_before_its_end(room, lifetime, used):
    """At most a minute, and never more than a tenth: a token of ten minutes is not born expired."""
    lasting(room, lifetime)
    user(room)
    room.sleep(used - 1)
    user(room)
    assert issued(room) == 1
    room.sleep(2)
    user(room)
    assert issued(room) == 2


def test_a_lifetime_that_is_not_said(room):
    room.tenant.token_reply_hook = lambda body: body.pop("expires_in", None)
    user(room)
    room.sleep(timedelta(minutes=4).total_seconds())
    user(room)
    assert issued(room) == 1
    room.sleep(60)
    user(room)
    assert issued(room) == 2


class TestRefusedByTheApi:
    def test_dropped_and_fetched_once_more(self, room):
        user(room)
        room.fault("answer", USER, status=401, json=EXPIRED)
        assert user(room).user_id == room.ada
        assert issued(room) == 2
        assert room.requests[USER] == 3

    def test_a_management_token_that_is_refused_is_renewed_once(self, room):
        user(room)
        room.requests.clear()
        room.fault("answer", USER, times=None, status=401, json=EXPIRED)
        refused(ServiceRefused, "management_refused", user, room)
        assert (room.requests[USER], issued(room)) == (2, 2)

    def test_what_is_refused_for_good_does_not_use_up_the_quota(self, room):
        room.fault("answer", USER, times=None, status=401, json=EXPIRED)
        for _ in range(10):
            refused(ServiceRefused, "management_refused", user, room)
        assert issued(room) == 2
        room.sleep(room.config.jwks_refetch_interval)
        refused(ServiceRefused, "management_refused", user, room)
        assert issued(room) == 3

    def test_a_proxy_that_says_401_is_not_the_api(self, room):
        room.fault("answer", USER, status=401, json={}, headers={"Content-Type": "text/html"})
        with pytest.raises(FlowError) as caught:
            user(room)
        assert (caught.value.code, issued(room)) == ("provider_answer_invalid", 1)


class TestScopes:
    def test_a_missing_one_is_named_before_anything_is_sent(self, room):
        room.tenant.allow_management("linker", ["read:users"])
        raised = refused(ServiceRefused, "management_scope_missing", user, room)
        assert "update:users" in str(raised)
        assert "read:users" not in str(raised)
        assert room.requests[USER] == 0

    def test_the_token_itself_says_it_when_the_answer_does_not(self, room):
        room.tenant.settings.scope_in_reply = False
        user(room)
        room = Room()
        room.tenant.settings.scope_in_reply = False
        room.tenant.allow_management("linker", ["read:users"])
        refused(ServiceRefused, "management_scope_missing", user, room)

    def test_when_nobody_says_it_the_api_does(self, room):
        def opaque(body):
            body.pop("scope", None)
            body["access_token"] = "opaque"

        room.tenant.token_reply_hook = opaque
        room.fault(
            "answer",
            USER,
            status=403,
            json={"statusCode": 403, "errorCode": "insufficient_scope", "message": "m"},
        )
        raised = refused(ServiceRefused, "management_scope_missing", user, room)
        assert "read:users" in str(raised)

    def test_one_that_was_granted_meanwhile(self, room):
        room.tenant.allow_management("linker", ["read:users"])
        refused(ServiceRefused, "management_scope_missing", user, room)
        room.tenant.allow_management("linker", LINKING)
        room.sleep(room.config.jwks_refetch_interval)
        assert user(room).user_id == room.ada

    def test_a_missing_one_costs_one_token(self, room):
        room.tenant.allow_management("linker", ["read:users"])
        for _ in range(5):
            refused(ServiceRefused, "management_scope_missing", user, room)
        assert issued(room) == 1


class TestTheTokenEndpointSaysNo:
    @pytest.mark.parametrize(
        "config", [{"management_client_secret": Secret("wrong")}, {"management_client_id": "nobody"}]
    )
    def test_wrong_credentials_of_the_machine_application_are_told(self, config):
        room = Room(config=config)
        refused(ServiceRefused, "management_refused", user, room)
        assert room.requests[USER] == 0

    def test_a_machine_application_without_a_client_grant_is_told(self, room):
        room.tenant.client_grants.clear()
        refused(ServiceRefused, "management_refused", user, room)

    @pytest.mark.parametrize(
        "kind",
        ["unreachable", "lost_request", "lost_answer", "slow", "server_error", "html", "malformed", "empty"],
    )
    def test_no_answer_means_that_the_call_was_not_sent(self, room, kind):
        room.fault(kind, TOKEN)
        refused(ProviderUnreachable, "provider_unreachable", user, room)
        assert room.requests[USER] == 0
        assert user(room).user_id == room.ada

    def test_a_rate_limit_of_the_token_endpoint_says_when_to_return(self, room):
        room.fault("rate_limit", TOKEN, reset=60)
        raised = refused(RateLimited, "rate_limited", user, room)
        assert 59 <= raised.retry_at.timestamp() - room.tenant.clock.now() <= 60


def test_the_token_travels_in_the_header_and_nowhere_else(room):
    spoken, values = Spoken(room), []
    room.tenant.token_reply_hook = lambda body: values.append(body["access_token"])
    room.provider.management.users_by_email(ADA, time_limit=5)
    assert len(values) == 1
    assert values[0] not in repr(spoken.said)

"""Rate limits of the Management and My Account APIs, and their headers: docs/auth0-contract.md §7.6, §9."""

from __future__ import annotations

import pytest

NAMES = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}


def limits(reply):
    return {name: int(reply.headers[name]) for name in NAMES}


def test_successful_replies_and_refusals_have_the_headers(me, admin):
    replies = [
        admin("GET", "/users/auth0|ada"),
        admin("GET", "/users/auth0|nobody"),
        admin.desk.call("GET", "/api/v2/users/auth0|ada"),
        me("GET", "/accounts"),
        me.start(),
        me.start(connection="nothing"),
    ]
    assert [reply.status_code for reply in replies] == [200, 404, 401, 200, 201, 400]
    for reply in replies:
        assert limits(reply) == {
            "x-ratelimit-limit": 2,
            "x-ratelimit-remaining": 1,
            "x-ratelimit-reset": 1_800_000_001,
        }
        assert "retry-after" not in reply.headers


def test_nothing_is_refused_unless_switched_on(admin):
    assert {admin("GET", "/users/auth0|ada").status_code for _ in range(10)} == {200}


@pytest.fixture
def limited(me, admin):
    me.desk.tenant.settings.rate_limits = True
    return me, admin


def test_management_two_at_once_then_two_a_second(limited):
    _me, admin = limited
    replies = [admin("GET", "/users/auth0|ada") for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert [limits(reply)["x-ratelimit-remaining"] for reply in replies] == [1, 0, 0]
    refused = replies[-1]
    assert (refused.json()["statusCode"], refused.json()["errorCode"]) == (429, "too_many_requests")
    assert refused.json()["error"] == "Too Many Requests"
    assert "retry-after" not in refused.headers
    admin.desk.tenant.clock.advance(0.5)
    assert [admin("GET", "/users/auth0|ada").status_code for _ in range(2)] == [200, 429]


def test_at_the_reset_time_the_bucket_is_full(limited):
    _me, admin = limited
    replies = [admin("GET", "/users/auth0|ada") for _ in range(3)]
    reset = limits(replies[-1])["x-ratelimit-reset"]
    assert reset > admin.desk.tenant.clock.now()
    admin.desk.tenant.clock.set(reset)
    assert [admin("GET", "/users/auth0|ada").status_code for _ in range(3)] == [200, 200, 429]
    admin.desk.tenant.clock.advance(3600)
    assert [admin("GET", "/users/auth0|ada").status_code for _ in range(3)] == [200, 200, 429]


def test_my_account_says_retry_after(limited):
    me, admin = limited
    replies = [me("GET", "/accounts") for _ in range(3)]
    refused = replies[-1]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert refused.json()["type"] == "https://auth0.com/api-errors#A0E-429-0003"
    assert refused.json()["status"] == 429
    assert {"x-auth0-error-kind", "retry-after", *NAMES} <= {name.lower() for name in refused.headers}
    assert admin("GET", "/users/auth0|ada").status_code == 200
    me.desk.tenant.clock.advance(int(refused.headers["retry-after"]))
    assert me("GET", "/accounts").status_code == 200


def test_what_is_refused_does_not_happen(limited):
    _me, admin = limited
    for _ in range(2):
        admin("GET", "/users/auth0|ada")
    assert admin("DELETE", "/users/auth0|ada").status_code == 429
    assert "auth0|ada" in admin.desk.tenant.people.users


def test_a_refused_completion_may_be_repeated(limited):
    me, _admin = limited
    started = me.start()
    code = me.choose(started)
    me("GET", "/accounts")
    assert me.complete(started, code).status_code == 429
    me.desk.tenant.clock.advance(1)
    assert me.complete(started, code).status_code == 201


def test_the_numbers_of_rate_limits_can_be_changed(limited):
    _me, admin = limited
    settings = admin.desk.tenant.settings
    settings.requests_per_second, settings.burst = 10, 4
    assert [admin("GET", "/users/auth0|ada").status_code for _ in range(5)] == [200] * 4 + [429]
    admin.desk.tenant.clock.advance(0.1)
    assert admin("GET", "/users/auth0|ada").status_code == 200


def test_a_clock_that_goes_back_does_no_harm(limited):
    _me, admin = limited
    admin("GET", "/users/auth0|ada")
    admin.desk.tenant.clock.advance(-60)
    assert [admin("GET", "/users/auth0|ada").status_code for _ in range(2)] == [200, 429]


def test_the_authentication_api_is_not_limited(limited):
    me, _admin = limited
    assert {me.desk.refresh(me.refresh_token).status_code for _ in range(5)} == {200}

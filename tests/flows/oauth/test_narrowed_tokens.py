"""A token that grants less than was asked for is not handed out, whatever the answer leaves unsaid."""

from __future__ import annotations

import base64
import json

import jwt
import pytest

from stateful_oauth.flows.engine.errors import ServiceRefused
from tests.flows.oauth.conftest import API

pytestmark = [pytest.mark.database, pytest.mark.django_db]

OTHER = "https://elsewhere.example/"
RW = "read:events write:events"


def jwt_of(**claims):
    return jwt.encode({"aud": API, **claims}, "k" * 32, algorithm="HS256")


def jwe(alg):
    header = base64.urlsafe_b64encode(json.dumps({"alg": alg, "enc": "A256GCM"}).encode()).decode()
    return f"{header.rstrip('=')}..aXY.Y2lwaGVy.dGFn"


def answers(grant, token, **members):
    def change(body):
        body.pop("scope", None)
        body |= {"access_token": token, **members}

    grant.tenant.token_reply_hook = change


@pytest.fixture
def grant(granted):
    return granted(rotation=False)


NARROWER = {
    "the token names one": ({"scope": "read:events"}, {}),
    "the answer names one": ({}, {"scope": "read:events"}),
    "the token names less than the answer": ({"scope": "read:events"}, {"scope": RW}),
    "the answer names less than the token": ({"scope": RW}, {"scope": "read:events"}),
    "the permissions are fewer": ({"scope": RW, "permissions": ["read:events"]}, {}),
    "only permissions": ({"permissions": ["read:events"]}, {}),
    "an empty scope": ({"scope": ""}, {}),
}


@pytest.mark.parametrize(("claims", "members"), NARROWER.values(), ids=NARROWER)
def test_token_that_says_less_than_was_asked_for_is_not_handed_out(grant, claims, members):
    answers(grant, jwt_of(**claims), **members)
    for _ in range(2):
        with pytest.raises(ServiceRefused, match="scope_not_granted"):
            grant.token(API, RW)
    assert grant.row.ended_at is None


def test_scope_of_a_kept_token_is_what_both_say(grant):
    answers(grant, jwt_of(scope="read:events openid"), scope=f"openid {RW}")
    assert grant.token(API).scope == "openid read:events"


@pytest.mark.parametrize(
    "claims",
    [{}, {"scope": RW}, {"permissions": [*RW.split(), "more"]}, {"scope": ["a"]}, {"permissions": 1}],
)
def test_token_that_says_enough_or_nothing_is_handed_out(grant, claims):
    answers(grant, jwt_of(**claims))
    assert set(grant.token(API, f"openid {RW}").scope.split()) == {"openid", *RW.split()}


@pytest.mark.parametrize("token", ["opaque", "a.b", jwe("dir"), jwt_of(aud=OTHER), jwt_of(aud=[OTHER])])
def test_token_that_is_not_for_the_named_api_is_not_handed_out(grant, token):
    answers(grant, token)
    for _ in range(2):
        with pytest.raises(ServiceRefused, match="audience_not_granted"):
            grant.token(API)
    assert grant.row.ended_at is None


@pytest.mark.parametrize("token", [jwe("RSA-OAEP-256"), jwt_of(aud=[API, OTHER])])
def test_token_that_may_be_for_the_named_api_is_handed_out(grant, token):
    answers(grant, token)
    assert grant.token(API).value.reveal() == token


def test_opaque_token_of_no_named_api_is_handed_out(grant):
    answers(grant, "opaque")
    assert grant.token().value.reveal() == "opaque"


@pytest.mark.parametrize("scope_in_reply", [True, False])
def test_unknown_audience_is_told_with_and_without_a_scope_in_the_answer(grant, scope_in_reply):
    grant.tenant.settings.scope_in_reply = scope_in_reply
    with pytest.raises(ServiceRefused, match="audience_not_granted"):
        grant.token(OTHER)


@pytest.mark.parametrize("scope_in_reply", [True, False])
def test_missing_refresh_policy_is_told_and_is_no_reason_to_sign_in_again(grant, scope_in_reply):
    grant.tenant.settings.scope_in_reply = scope_in_reply
    grant.tenant.clients["web"].refresh_policies = {}
    with pytest.raises(ServiceRefused, match="audience_not_granted"):
        grant.token(API, "read:events")
    assert grant.row.ended_at is None

"""A 404 of the Management API is about a user only where it says so: docs/auth0-contract.md §8.1."""

from __future__ import annotations

import pytest

from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from tests.support.auth0_room import Room, refused

USER, IDENTITY = "/api/v2/users/{id}", "/api/v2/users/{id}/identities/*"
BARE = {"statusCode": 404, "error": "Not Found", "message": "Not Found"}
GONE = {"statusCode": 404, "error": "Not Found", "message": "The user does not exist."}


@pytest.fixture
def room():
    room = Room()
    room.tenant.allow_management("linker", ["read:users", "update:users"])
    return room


@pytest.fixture
def api(room):
    return room.provider.management


@pytest.mark.parametrize("body", [GONE, {**GONE, "errorCode": "inexistent_user"}])
def test_user_that_does_not_exist_is_none_with_and_without_a_code(room, api, body):
    room.fault("answer", USER, status=404, json=body)
    assert api.user(room.ada, time_limit=5) is None


def test_bare_404_of_a_read_is_a_lost_answer(room, api):
    room.fault("answer", USER, status=404, json=BARE)
    refused(ProviderAnswerLost, "provider_answer_invalid", api.user, room.ada, time_limit=5)


def test_bare_404_of_an_unlinking_is_no_success(room, api):
    room.fault("answer", IDENTITY, status=404, json=BARE)
    refused(
        ServiceRefused, "request_rejected", api.unlink, room.ada, provider="github", user_id="1", time_limit=5
    )

"""A 4xx that no contract declares is a gateway's: whether the request was carried out is unknown."""

from __future__ import annotations

import pytest

from stateful_oauth.auth0.oauth_answers import refusal
from stateful_oauth.auth0.problem_answers import problem_of
from stateful_oauth.auth0.transport import Answer
from stateful_oauth.flows.engine.errors import AnswerLost, ServiceRefused

JSON = {"content-type": "application/json"}
BODIES = [
    b'{"error":"Request Timeout","message":"Request Timeout","statusCode":408}',
    b'{"error":"invalid_grant","error_description":"a gateway that quotes"}',
]


@pytest.mark.parametrize("status", [408, 421, 425, 499])
@pytest.mark.parametrize("body", BODIES, ids=["problem", "oauth"])
def test_answer_of_a_gateway_is_a_lost_answer(status, body):
    answer = Answer(status, JSON, body)
    assert isinstance(refusal(answer), AnswerLost)
    assert problem_of(answer) is None


@pytest.mark.parametrize("status", [400, 401, 403])
def test_declared_status_with_an_oauth_error_is_a_refusal(status):
    assert isinstance(refusal(Answer(status, JSON, BODIES[1])), ServiceRefused)


def test_reason_of_an_action_is_kept_apart_from_the_message():
    body = b'{"error":"unauthorized","error_description":"verify your email"}'
    error = refusal(Answer(403, JSON, body))
    assert (error.code, error.detail) == ("sign_in_refused", "verify your email")
    assert "verify" not in str(error)


def test_words_about_the_client_are_not_kept():
    body = b'{"error":"invalid_client","error_description":"secret s3cr3t is wrong"}'
    assert refusal(Answer(401, JSON, body)).detail == ""

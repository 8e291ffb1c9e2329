"""What a provider announces against what the settings ask for, in words."""

from __future__ import annotations

from typing import Any

import pytest

from stateful_oauth.django.doctor import Verdict


def problems(stages: Any) -> dict[str, Verdict]:
    return {each.message: each.verdict for each in stages()["announced"].findings}


def test_the_doctor_finds_that_a_healthy_tenant_announces_everything(stages):
    assert stages()["announced"].verdict is Verdict.OK


@pytest.mark.parametrize(
    ("keys", "override", "words", "verdict"),
    [
        (
            {"ID_TOKEN_SIGNING_ALG": "ES256"},
            {},
            "ID_TOKEN_SIGNING_ALG is ES256. The provider announces HS256, RS256, PS256",
            Verdict.FAILED,
        ),
        (
            {"PKCE_WITHOUT_METADATA": True},
            {"code_challenge_methods_supported": None},
            "does not announce PKCE",
            Verdict.WARNING,
        ),
        (
            {},
            {"token_endpoint_auth_methods_supported": ["none"]},
            "CLIENT_AUTHENTICATION is client_secret_post. The provider announces none.",
            Verdict.WARNING,
        ),
        (
            {},
            {"token_endpoint_auth_methods_supported": None},
            "The provider announces client_secret_basic.",
            Verdict.WARNING,
        ),
        (
            {"CLIENT_AUTHENTICATION": "client_secret_jwt"},
            {"token_endpoint_auth_methods_supported": ["client_secret_jwt"]},
            "signed with HS256",
            Verdict.WARNING,
        ),
        (
            {"RESPONSE_MODE": "form_post"},
            {"response_modes_supported": None},
            "RESPONSE_MODE is form_post. The provider announces query, fragment.",
            Verdict.FAILED,
        ),
        ({}, {"token_endpoint": "https://tenant.example/token"}, "PROVIDER is auth0", Verdict.WARNING),
        ({}, {"scopes_supported": ["openid"]}, "SCOPE has profile, email", Verdict.WARNING),
        ({"USERINFO": "always"}, {"userinfo_endpoint": None}, "no userinfo_endpoint", Verdict.FAILED),
    ],
    ids=lambda value: str(value)[:60],
)
def test_difference_is_said_with_both_sides(stages, healthy, configure, keys, override, words, verdict):
    configure(**keys)
    healthy.settings.discovery_overrides = override
    found = problems(stages)
    (said,) = [message for message in found if words in message]
    assert found[said] is verdict


def test_provider_whose_id_tokens_may_be_thin_is_warned_of(stages, healthy, configure):
    configure(
        PROVIDER="generic",
        USERINFO="never",
        CONNECTIONS={},
        MANAGEMENT_CLIENT_ID="",
        MANAGEMENT_CLIENT_SECRET="",
    )
    assert any("users have none" in message for message in problems(stages))


@pytest.mark.parametrize("value", ["RS256", 7, {"a": 1}, [7], ["\u202e" * 500]], ids=str)
def test_nonsense_is_shown_harmlessly_or_passed_over(stages, healthy, value):
    healthy.settings.discovery_overrides = {"id_token_signing_alg_values_supported": value}
    for message in problems(stages):
        assert message.isprintable()
        assert len(message) < 300

"""What every state of a step-up takes, written by hand."""

from __future__ import annotations

from typing import Any

from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.flows.oauth.sign_in import SignIn

ALLOWED = {
    "created": {"start": "awaiting_callback", "fail": "failed"},
    "pushing_request": {
        "request_pushed": "awaiting_callback",
        "retry": "pushing_request",
        "fail": "failed",
        "abandon": "abandoned",
    },
    "awaiting_callback": {
        "callback": "exchanging_code",
        "cancel": "cancelled",
        "mismatch": "mismatched",
        "fail": "failed",
        "expire": "expired",
        "abandon": "abandoned",
    },
    "exchanging_code": {
        "code_exchanged": "stepped_up",
        "mismatch": "mismatched",
        "fail": "failed",
        "abandon": "abandoned",
    },
    "stepped_up": {},
    "cancelled": {},
    "mismatched": {},
    "failed": {},
    "expired": {},
    "abandoned": {},
}
WORKING = {"pushing_request", "exchanging_code"}
WAITING = {"created", "awaiting_callback"}
BY_BROWSER = {"callback"}
BY_OPERATOR = {"cancel", "abandon"}
KEPT = {"next", "max_age", "acr_values", "connection"}
# State, event, target, inputs.
CHOSEN: list[tuple[Any, ...]] = [("created", "start", "pushing_request", {"par": True})]
INPUTS = {
    "redirect_uri": "https://app.example/auth/step-up/callback/",
    "scope": "openid",
    "subject": "auth0|1",
    "max_age": 0,
    "acr_values": "",
    "connection": "",
    "grant": "",
    "parameters": {},
    "next": "",
    "par": False,
    "asked_at": "2026-01-01T12:00:00+00:00",
}
_IDENTITY = VerifiedIdentity(issuer="https://tenant.example/", subject="auth0|1", claims={})
PAYLOADS = {"code_exchanged": SignIn(identity=_IDENTITY)}
RESULTS = {"stepped_up": {"sub": "auth0|1"}}

"""What every state of every flow takes, written by hand: what the machines are held against.

Nothing here is read from a machine. Where guards choose between targets, `ALLOWED` names the one for a row as
`standing` makes it, and `CHOSEN` the others with what it takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

from stateful_oauth.django import wiring
from stateful_oauth.flows.account_linking.effects import ProfilesRead
from stateful_oauth.flows.account_linking.machine import Confirmation
from stateful_oauth.flows.account_linking.policy import Candidate, Decision, Evidence, Rule
from stateful_oauth.flows.connect_account.effects import ConnectionIdentified, ConnectionRequested
from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.engine.errors import Mismatch, ServiceRefused
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.engine.transaction import StateKind, Transaction
from stateful_oauth.flows.login.effects import LinkProposed, NoCandidates
from stateful_oauth.flows.oauth.accounts import (
    ConnectSession,
    ProfileIdentity,
    ProviderUser,
    RemoteAccount,
    UserProfile,
)
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
from stateful_oauth.flows.oauth.openid import PushedAuthorizationResponse, VerifiedIdentity
from stateful_oauth.flows.oauth.sign_in import AccountResolved, KnownUser, SignIn
from stateful_oauth.flows.registry import BUILT_IN
from tests.support.callers import Person

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)

# By flow and state, the events that are taken, and where they lead.
ALLOWED: dict[str, dict[str, dict[str, str]]] = {
    "login": {
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
            "code_exchanged": "resolving_account",
            "mismatch": "mismatched",
            "fail": "failed",
            "abandon": "abandoned",
        },
        "resolving_account": {
            "account_resolved": "signed_in",
            "account_unknown": "finding_candidates",
            "fail": "failed",
        },
        "finding_candidates": {
            "no_candidates": "resolving_account",
            "pending_link": "link_pending",
            "fail": "resolving_account",
            "retry": "finding_candidates",
            "abandon": "abandoned",
        },
        "signed_in": {},
        "link_pending": {},
        "cancelled": {},
        "mismatched": {},
        "failed": {},
        "expired": {},
        "abandoned": {},
    },
    "connect_account": {
        "created": {"start": "requesting_connection"},
        "requesting_connection": {
            "connection_requested": "awaiting_callback",
            "retry": "requesting_connection",
            "fail": "failed",
            "abandon": "abandoned",
        },
        "awaiting_callback": {
            "callback": "completing_connection",
            "cancel": "cancelled",
            "mismatch": "mismatched",
            "fail": "failed",
            "expire": "expired",
            "abandon": "abandoned",
        },
        "completing_connection": {
            "connection_completed": "identifying_account",
            "retry": "completing_connection",
            "fail": "failed",
            "abandon": "abandoned",
        },
        "identifying_account": {
            "account_identified": "connected",
            "retry": "identifying_account",
            "fail": "connected",
        },
        "connected": {},
        "cancelled": {},
        "mismatched": {},
        "failed": {},
        "expired": {},
        "abandoned": {},
    },
    "account_linking": {
        "created": {"start": "reading_profiles", "pending_link": "awaiting_confirmation"},
        "awaiting_confirmation": {
            "confirm": "awaiting_callback",
            "cancel": "keeping_apart",
            "expire": "expired",
            "abandon": "abandoned",
        },
        "pushing_request": {
            "request_pushed": "awaiting_callback",
            "retry": "pushing_request",
            "fail": "awaiting_confirmation",
            "abandon": "abandoned",
        },
        "awaiting_callback": {
            "callback": "verifying_primary",
            "decline": "awaiting_confirmation",
            "cancel": "keeping_apart",
            "mismatch": "mismatched",
            "fail": "awaiting_confirmation",
            "expire": "expired",
            "abandon": "abandoned",
        },
        "verifying_primary": {
            "primary_verified": "reading_profiles",
            "mismatch": "wrong_account",
            "fail": "awaiting_confirmation",
            "abandon": "abandoned",
        },
        "wrong_account": {
            "confirm": "awaiting_callback",
            "cancel": "keeping_apart",
            "expire": "expired",
            "abandon": "abandoned",
        },
        "reading_profiles": {
            "profiles_read": "linking",
            "accounts_linked": "merging_metadata",
            "retry": "reading_profiles",
            "fail": "keeping_apart",
            "abandon": "abandoned",
        },
        "linking": {
            "accounts_linked": "merging_metadata",
            "retry": "linking",
            "fail": "keeping_apart",
            "abandon": "abandoned",
        },
        "merging_metadata": {
            "metadata_merged": "resolving_primary",
            "retry": "merging_metadata",
            "fail": "resolving_primary",
            "abandon": "abandoned",
        },
        "resolving_primary": {"account_resolved": "linked", "fail": "failed"},
        "keeping_apart": {"account_resolved": "kept_apart", "fail": "failed"},
        "linked": {},
        "kept_apart": {},
        "mismatched": {},
        "failed": {},
        "expired": {},
        "abandoned": {},
    },
    "disconnect_account": {
        "created": {"start": "disconnecting"},
        "disconnecting": {
            "account_disconnected": "disconnected",
            "retry": "disconnecting",
            "fail": "failed",
            "abandon": "abandoned",
        },
        "disconnected": {},
        "failed": {},
        "abandoned": {},
    },
    "unlink_account": {
        "created": {"start": "unlinking"},
        "unlinking": {
            "account_unlinked": "unlinked",
            "retry": "unlinking",
            "fail": "failed",
            "abandon": "abandoned",
        },
        "unlinked": {},
        "failed": {},
        "abandoned": {},
    },
}
WORKING = {
    "login": {"pushing_request", "exchanging_code", "resolving_account", "finding_candidates"},
    "connect_account": {"requesting_connection", "completing_connection", "identifying_account"},
    "account_linking": {
        "pushing_request",
        "verifying_primary",
        "reading_profiles",
        "linking",
        "merging_metadata",
        "resolving_primary",
        "keeping_apart",
    },
    "disconnect_account": {"disconnecting"},
    "unlink_account": {"unlinking"},
}
WAITING = {
    "login": {"created", "awaiting_callback"},
    "connect_account": {"created", "awaiting_callback"},
    "account_linking": {"created", "awaiting_confirmation", "awaiting_callback", "wrong_account"},
    "disconnect_account": {"created"},
    "unlink_account": {"created"},
}
BY_BROWSER = {
    "login": {"callback"},
    "connect_account": {"callback"},
    "account_linking": {"confirm", "callback", "cancel"},
    "disconnect_account": set[str](),
    "unlink_account": set[str](),
}
BY_OPERATOR = {
    "login": {"cancel", "abandon"},
    "connect_account": {"cancel", "abandon"},
    "account_linking": {"cancel", "abandon"},
    "disconnect_account": {"abandon"},
    "unlink_account": {"abandon"},
}
# What finished rows keep of their inputs, beside `next`.
KEPT: dict[str, set[str]] = {"connect_account": {"next", "connection"}}
# Of the domain and of other flows, and some that no machine knows.
FOREIGN_EVENTS = ("confirm", "pending_link", "callback", "sign_in", "__init__", "", "Callback")


@dataclass(frozen=True)
class Choice:
    """A guard that chooses another target than the one in `ALLOWED`."""

    kind: str
    state: str
    event: str
    target: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    payload: Any = None

    def __str__(self) -> str:
        return f"{self.kind}.{self.state}-{self.event}-{self.target}"


_GONE = ServiceRefused("newcomer_gone")
_PUSHED = Confirmation("auth0|first", pushed=True)
CHOSEN = [
    Choice("login", "created", "start", "pushing_request", {"par": True}),
    Choice("account_linking", "awaiting_confirmation", "confirm", "pushing_request", {}, _PUSHED),
    Choice("account_linking", "wrong_account", "confirm", "pushing_request", {}, _PUSHED),
    # The last of three tries; and what no other account would make better.
    Choice(
        "account_linking",
        "verifying_primary",
        "mismatch",
        "mismatched",
        {"tries": 3},
        Mismatch("wrong_account"),
    ),
    Choice(
        "account_linking",
        "verifying_primary",
        "mismatch",
        "mismatched",
        {"tries": 1},
        Mismatch("nonce_mismatch"),
    ),
    Choice("account_linking", "reading_profiles", "fail", "failed", {}, _GONE),
    Choice("account_linking", "linking", "fail", "failed", {}, _GONE),
]

ISSUER = "https://tenant.example/"
_IDENTITY = VerifiedIdentity(issuer=ISSUER, subject="auth0|1", claims={})
_SIGN_IN = SignIn(identity=_IDENTITY)
_GOOGLE = ProfileIdentity(connection="google-oauth2", provider="google-oauth2", user_id="2", is_social=True)
_PROFILE = UserProfile(user_id="google-oauth2|2", email="ada@example.com", identities=(_GOOGLE,))
_FIRST = UserProfile(user_id="auth0|first", email="ada@example.com", identities=(_GOOGLE,))
_ACCOUNT = RemoteAccount(
    id="cac_1", connection="google-oauth2", access_type="offline", scopes=(), created_at=NOW
)
_SESSION = ConnectSession(
    auth_session=Secret("session"), connect_uri=Secret("https://tenant.example/c?ticket=t"), expires_in=300
)
_DECISION = Decision(
    rule=Rule.CONFIRMATION, candidates=(Candidate(profile=_FIRST, evidence=Evidence.E_MAIL),), reason="asked"
)
# What comes with an event, where its actions look at it.
PAYLOADS: dict[str, Any] = {
    "request_pushed": PushedAuthorizationResponse(request_uri=Secret("urn:x"), expires_in=30),
    "account_resolved": AccountResolved(sign_in=_SIGN_IN, user=KnownUser(id="1", standing="")),
    "account_unknown": _SIGN_IN,
    "no_candidates": NoCandidates("no_candidate"),
    "pending_link": LinkProposed(_PROFILE, _DECISION),
    "connection_requested": ConnectionRequested(_SESSION, ()),
    "callback": AuthorizationResponse(state=Secret("state" * 9), code=Secret("a code")),
    "connection_completed": _ACCOUNT,
    "account_identified": ConnectionIdentified(ProviderUser(id="2")),
    "confirm": Confirmation("auth0|first"),
    "primary_verified": _SIGN_IN,
    "profiles_read": ProfilesRead(_GOOGLE, {"user_metadata": {}, "app_metadata": {}}, {}),
    "accounts_linked": ProfilesRead(_GOOGLE, {"user_metadata": {}, "app_metadata": {}}, {}),
    "mismatch": Mismatch("wrong_account"),
}
_NAME = {"user_id": "auth0|first", "connection": "google-oauth2", "email": "ada@example.com"}
_SIGNING_IN = {"redirect_uri": "https://app.example/auth/callback/", "scope": "openid", "parameters": {}}
_LINKING = {"mode": "automatic", "redirect_uri": "https://app.example/auth/link/callback/", "trusted": [],
            "app_metadata": [], "tries": 3}  # fmt: skip
INPUTS: dict[str, dict[str, Any]] = {
    "login": {**_SIGNING_IN, "linking": _LINKING},
    "connect_account": {
        "connection": "google-oauth2", "redirect_uri": "https://app.example/auth/connect/callback/",
        "scopes": [], "authorization_params": {}, "subject": "auth0|1", "known": [],
    },
    "account_linking": {
        **_SIGNING_IN, "linking": _LINKING, "newcomer": {**_NAME, "user_id": "google-oauth2|2"},
        "candidates": [{**_NAME, "evidence": "e-mail"}], "rule": "confirmation", "reason": "always_ask",
        "tries": 1, "primary": "auth0|first", "expected": "auth0|first", "evidence": {},
        "identity": {"connection": "google-oauth2", "provider": "google-oauth2", "user_id": "2",
                     "is_social": True},
    },
    "disconnect_account": {"account": "cac_1", "connection": "google-oauth2", "subject": "auth0|1"},
    "unlink_account": {"primary": "auth0|1", "secondary": "google-oauth2|2", "connection": "google-oauth2",
                       "provider": "google-oauth2", "provider_user_id": "2"},
}  # fmt: skip
RESULTS: dict[str, dict[str, Any]] = {
    "signed_in": {"sub": "auth0|1"},
    "linked": {"sub": "auth0|1"},
    "kept_apart": {"sub": "auth0|1"},
    "link_pending": {"linking": str(UUID(int=7))},
    "identifying_account": {"account": "cac_1", "connection": "google-oauth2"},
    "connected": {"account": "cac_1", "connection": "google-oauth2"},
}
_SECRETS = ("state", "nonce", "code_verifier", "auth_session", "connect_uri", "connect_code")

# The table of a flow that is not above is a module of its own: `flow_tables/<kind>.py`.
for _kind in (flow.kind for flow in BUILT_IN if flow.kind not in ALLOWED):
    _table: Any = import_module(f"tests.support.flow_tables.{_kind}")
    ALLOWED[_kind], WORKING[_kind], WAITING[_kind] = _table.ALLOWED, _table.WORKING, _table.WAITING
    BY_BROWSER[_kind], BY_OPERATOR[_kind] = _table.BY_BROWSER, _table.BY_OPERATOR
    INPUTS[_kind], KEPT[_kind] = _table.INPUTS, _table.KEPT
    CHOSEN += [Choice(_kind, *each) for each in _table.CHOSEN]
    PAYLOADS |= {name: value for name, value in _table.PAYLOADS.items() if name not in PAYLOADS}
    RESULTS |= _table.RESULTS


def standing(flow: FlowDefinition, state: str, person: Person | None = None, **inputs: Any) -> Transaction:
    """Return a transaction that stands in a state, with what it would have there."""
    kind = flow.state_kinds[state]
    now = wiring.clock.now()
    secrets = {name: Secret(name * 9) for name in _SECRETS}
    secrets |= {"sign_in": _SIGN_IN.to_secret(), "metadata": Secret(json.dumps({}))}
    return Transaction(
        id=identifiers.new_transaction_id(now),
        kind=flow.kind,
        tenant="default",
        definition=flow.definition,
        state=state,
        state_kind=kind,
        version=1,
        browser=(person or Person()).browser,
        state_digest=identifiers.digest("state" * 9),
        inputs={"issuer": ISSUER, **INPUTS[flow.kind], **inputs},
        secrets={} if kind is StateKind.FINAL else secrets,
        deadline=now + timedelta(seconds=600) if kind is StateKind.WAITING else None,
        lease_until=now + timedelta(seconds=30) if kind is StateKind.WORKING else None,
        attempts=1 if kind is StateKind.WORKING else 0,
        result=RESULTS.get(state, {}),
        created_at=now,
        changed_at=now,
    )

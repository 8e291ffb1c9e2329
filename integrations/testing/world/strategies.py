"""Strategies for rules: numbers that stand for what is there, faults, and how a callback is changed."""

from __future__ import annotations

from typing import Any, Final

import hypothesis.strategies as st

from stateful_oauth.emulator import DATABASE
from stateful_oauth.flows.engine.crash_points import CRASH_POINTS
from stateful_oauth.testing.world.configuration import Configuration
from stateful_oauth.testing.world.faults import (
    FAILURES,
    MEANWHILE,
    OUTSIDE,
    CallFails,
    Fault,
    Meanwhile,
    WorkerDies,
    WorkerStalls,
)
from stateful_oauth.testing.world.tenant_accounts import APP_METADATA_KEYS

# Which calls fail: any, or those of one API.
_PATHS: Final = ("", "", "/oauth/token", "/api/v2/", "/me/v1/", "/identities")
# Those of `effect` lie between a claim and its settlement, which is where most can go wrong.
_POINTS: Final = (*CRASH_POINTS, "effect.before", "effect.after")
_OUTSIDE: Final = (*OUTSIDE, "effect.before", "effect.after")
# What may be done to a callback before it is opened, by accident or not.
CALLBACK_CHANGES: Final = (
    "code twice",
    "state twice",
    "no state",
    "another tab's state",
    "another tab's code",
    "another code",
    "another issuer",
    "an error",
    "a navigation",
    "a prefetch",
    "HEAD",
    "another flow's URL",
)
# How long a user may wait, in seconds: until something is due, past a lease, a grace, a deadline, a token.
WAITS: Final = (0, 0, 1, 5, 31, 31, 61, 601, 86_401)


def numbers() -> st.SearchStrategy[int]:
    """Draw a number for `BaseStateMachine.pick`: mostly what is newest."""
    return st.sampled_from((0, 0, 0, 0, 1, 1, 2, 3, 5))


def browser_numbers() -> st.SearchStrategy[int]:
    """Draw the number of a browser."""
    return st.integers(0, 2)


def other_browsers() -> st.SearchStrategy[int | None]:
    """Draw another browser than the one that a thing belongs to: seldom."""
    return st.sampled_from((None, None, None, None, None, None, None, 0, 1, 2))


def account_numbers() -> st.SearchStrategy[int]:
    """Draw the index of an account."""
    return st.integers(0, 15)


def fault() -> st.SearchStrategy[Fault]:
    """Draw one thing that goes wrong."""
    nth = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 4))
    points, outside = st.sampled_from(_POINTS), st.sampled_from(_OUTSIDE)
    return st.one_of(
        st.builds(WorkerDies, points, nth),
        st.builds(
            CallFails,
            st.sampled_from((0, 0, 0, 1, 2)),
            st.sampled_from(sorted(FAILURES)),
            st.sampled_from(_PATHS),
        ),
        st.builds(Meanwhile, outside, nth, st.sampled_from(MEANWHILE)),
        st.builds(WorkerStalls, points, nth, st.sampled_from((31, 601))),
    )


def faults() -> st.SearchStrategy[tuple[Fault, ...]]:
    """Draw what goes wrong during one action: often nothing, seldom two things."""
    nothing, one = st.just(()), st.tuples(fault())
    return st.sampled_from((nothing, nothing, nothing, one, one, st.tuples(fault(), fault()))).flatmap(
        lambda chosen: chosen
    )


def callback_changes() -> st.SearchStrategy[str]:
    """Draw how a callback is changed: mostly not at all."""
    return st.one_of(st.just(""), st.just(""), st.just(""), st.sampled_from(CALLBACK_CHANGES))


def readings() -> st.SearchStrategy[dict[str, Any]]:
    """Draw how the tenant answers what only a real one can tell: mostly as is assumed."""
    return st.fixed_dictionaries(
        {},
        optional={
            "unlink_answer": st.sampled_from(("identities", "not_found", "bad_request")),
            "link_answer": st.sampled_from(("conflict", "bad_request")),
            "error_codes": st.booleans(),
            "used_connect_code": st.sampled_from((400, 403, 404, 409)),
            "expired_connect_session": st.sampled_from((400, 403, 404, 409)),
            "unknown_connection": st.sampled_from((400, 404)),
            "keeps_replaced_account": st.booleans(),
            "declined_connect_error": st.sampled_from(("access_denied", "consent_required")),
            "vault_blocked_error": st.sampled_from(("invalid_grant", "unauthorized", "access_denied")),
            "vault_mfa_error": st.sampled_from(("mfa_required", "interaction_required")),
            "denial_spends_refresh_token": st.booleans(),
            "block_ends_refresh_tokens": st.booleans(),
            "management_retry_after": st.booleans(),
            "scope_in_reply": st.booleans(),
            "unverifiable_callback_prompt": st.booleans(),
            "user_grants": st.booleans(),
        },
    )


def configurations() -> st.SearchStrategy[Configuration]:
    """Draw how site and tenant are set up."""
    return st.builds(
        Configuration,
        linking=st.sampled_from(("automatic", "automatic", "confirm", "off")),
        par=st.booleans(),
        rotation=st.booleans(),
        scope=st.sampled_from(
            ("openid profile email offline_access", "openid profile email offline_access", "openid email")
        ),
        trusted=st.sampled_from((None, (DATABASE, "google-oauth2"), (DATABASE, "google-oauth2"))),
        app_metadata=st.sampled_from((None, APP_METADATA_KEYS)),
        tries=st.sampled_from((1, 3)),
        open_per_browser=st.sampled_from((2, 10)),
        management_domain=st.sampled_from((None, None, "canonical.example")),
        roles=st.booleans(),
        issuer_on_callback=st.booleans(),
        search_lag=st.sampled_from((0, 5, 86_400)),
        readings=st.one_of(st.just({}), readings()),
    )

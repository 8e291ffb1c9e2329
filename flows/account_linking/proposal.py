"""What a sign-in hands over to the account linking that goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.transition import ChildTransaction

if TYPE_CHECKING:
    from stateful_oauth.flows.account_linking.policy import Candidate, Decision
    from stateful_oauth.flows.engine.transaction import Json
    from stateful_oauth.flows.engine.transition import TransitionContext
    from stateful_oauth.flows.oauth.accounts import UserProfile

HELD_FOR: Final = 1800.0  # seconds

_NOT_FOR_ANOTHER_ACCOUNT = frozenset(
    {"connection", "login_hint", "prompt", "max_age", "screen_hint", "invitation"}
)


def linking_inputs(
    *,
    mode: str,
    redirect_uri: str,
    trusted: tuple[str, ...] = (),
    app_metadata: tuple[str, ...] = (),
    tries: int,
    held_for: float = HELD_FOR,
) -> dict[str, Json]:
    """Return the `linking` of a sign-in's inputs: what the project chose when it started.

    Args:
        mode: `automatic` or `confirm`; a project that links nothing gives no `linking` at all.
        redirect_uri: The callback of account linking.
        trusted: Names of connections whose `email_verified` is believed.
        app_metadata: The keys of `app_metadata` that go over to the primary.
        tries: How often the user may sign in with a wrong account.
        held_for: Seconds after the code exchange for which a sign-in may wait for the decision.
    """
    return {
        "mode": mode,
        "redirect_uri": redirect_uri,
        "trusted": list(trusted),
        "app_metadata": list(app_metadata),
        "tries": tries,
        "held_for": held_for,
    }


def opened_linking(
    transition: TransitionContext, newcomer: UserProfile, decision: Decision
) -> ChildTransaction:
    """Return the account linking that a sign-in opens."""
    login = transition.transaction.inputs
    kept: dict[str, Json] = {
        "issuer": login["issuer"],
        "scope": login["scope"],
        "parameters": {
            name: value for name, value in login["parameters"].items() if name not in _NOT_FOR_ANOTHER_ACCOUNT
        },
        "redirect_uri": login["linking"]["redirect_uri"],
        "linking": login["linking"],
        "login": str(transition.transaction.id),
        "newcomer": _name(newcomer),
        "candidates": [_of(each) for each in decision.candidates],
        "rule": str(decision.rule),
        "reason": decision.reason,
        "tries": 0,
    }
    kept |= {name: login[name] for name in ("next", "held_until") if name in login}
    if decision.is_automatic:
        kept["primary"] = decision.candidates[0].profile.user_id
    return ChildTransaction(
        id=identifiers.new_transaction_id(transition.now),
        kind="account_linking",
        event=Event("start" if decision.is_automatic else "pending_link"),
        inputs=kept,
        secrets={"sign_in": transition.transaction.secrets["sign_in"]},
    )


def _of(candidate: Candidate) -> dict[str, Any]:
    return {**_name(candidate.profile), "evidence": str(candidate.evidence)}


def _name(profile: UserProfile) -> dict[str, Any]:
    main = profile.main
    return {
        "user_id": profile.user_id,
        "connection": "" if main is None else main.connection,
        "email": profile.email,
    }

"""Ending a grant: a refresh token that is not held any more is revoked (RFC 7009).

The row is created in the database transaction that decides that the token is not held any more
(`storage/releases.py`). No request waits for it: a sweep works it off.
"""

from __future__ import annotations

from stateful_oauth.flows.end_grant import DECLARATION
from stateful_oauth.flows.end_grant.effects import revoke
from stateful_oauth.flows.end_grant.inputs import EndGrantInputs
from stateful_oauth.flows.engine.effects import LostAnswer, effect
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.outcomes import Abandoned, Failed
from stateful_oauth.flows.oauth.domain_events import GrantReleased
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from stateful_oauth.flows.oauth.outcomes import GrantEnded
from stateful_oauth.flows.oauth.services import OAuthServices


class EndGrantFlow(FlowMachine):
    """One revocation."""

    declaration = DECLARATION
    version = 1
    inputs = EndGrantInputs
    services = OAuthServices
    browser_events = ()
    operator_events = ("abandon",)
    kept_inputs = ("next", "subject", "grant", "transaction")
    relies_on = (GrantReleased,)

    created = WaitingState(initial=True)
    revoking = WorkingState()
    ended = FinalState(GrantEnded)

    failed = FinalState(Failed)
    abandoned = FinalState(Abandoned)

    revoke = effect(
        revoke,
        produces=("grant_ended", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.REPEAT,  # an unknown token counts as revoked (RFC 7009 §2.2)
        lost_code=ProviderAnswerLost.CODE,
        # The pauses double up to ten minutes: about five hours, in which most outages end.
        max_attempts=36,
        waits_for_rate_limit=True,
        must_complete=True,
    )

    start = created.to(revoking, on="revoke")
    grant_ended = revoking.to(ended)
    fail = revoking.to(failed)
    retry = revoking.to(revoking, on="revoke")
    abandon = revoking.to(abandoned)

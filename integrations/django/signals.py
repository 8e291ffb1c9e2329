"""The signals that a project may listen to. All are sent after the commit, and no receiver can undo it.

A receiver that raises is logged (`django.dispatch`) and changes nothing: neither the transaction nor the
response. It runs in the request or the sweep that moved the transaction, between two steps of it, so it has
to be quick: hand long work to a task. A process that dies after the commit sends nothing; what must not be
missed reads the log in the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.dispatch import Signal

if TYPE_CHECKING:
    import uuid
    from datetime import datetime

# Sender: the model `FlowTransaction`. Argument: `transition`, a `Transition`.
transition_made: Final = Signal(use_caching=True)

# Sender: the model `FlowTransaction`. Argument: `outcome`, of `flows.engine.outcomes`: how a transaction
# ended, of which flow and tenant, with which code; and of a sign-in, whose it was.
flow_settled: Final = Signal(use_caching=True)

# Sender: the user model. Arguments: `request`, or None where recovery finished the sign-in; `user`; `claims`,
# those of the verified ID token; `created`, whether the user was made at this sign-in.
signed_in: Final = Signal(use_caching=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One line of a transaction's log: ids, names and codes, nothing that a person or a provider wrote.

    Attributes:
        transaction: The id by which everything about the attempt can be found.
        flow: The flow's kind.
        tenant: The tenant's alias.
        actor: `browser`, `system`, or `operator:` and the user's id.
        effect: What is in flight from now on, or an empty string.
        attempts: How often the effect that begins or ends here was started; 0 where there is none.
        duration: Seconds since the transition before.
        rejected: The event moved nothing. Only logged: no signal is sent for it.
    """

    transaction: uuid.UUID
    flow: str
    tenant: str
    event: str
    source: str
    target: str
    at: datetime
    actor: str
    code: str
    effect: str
    attempts: int
    duration: float
    rejected: bool

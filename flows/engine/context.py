"""What the engine hands to a flow: to its hooks, and to its effects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # PEP 696: a flow without services writes `EffectContext`

    from stateful_oauth.flows.engine.ports import Caller, Clock
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.engine.transaction import Transaction

    Services = TypeVar("Services", default=None)
else:
    from typing import TypeVar

    Services = TypeVar("Services")

COMMIT_MARGIN: Final = 5.0  # seconds of a lease that no call may use up


@dataclass(frozen=True, slots=True)
class FlowContext(Generic[Services]):
    """What a hook of a flow may use.

    Attributes:
        transaction: As it is now.
        services: An instance of the machine's `services`, for the transaction's tenant; None where it asks
            for none.
        caller: On whose behalf.
    """

    transaction: Transaction
    services: Services
    caller: Caller
    clock: Clock


@dataclass(frozen=True, slots=True)
class EffectContext(FlowContext[Services]):
    """What an effect may use.

    Attributes:
        payload: The payload of the event that entered the state. None when the effect is repeated by
            recovery, which knows only what the row kept.
        call_limit: Seconds for one call, as the effect declares it.
        received: See `receive`.
    """

    payload: Any
    call_limit: float
    received: dict[str, Secret] = field(default_factory=dict)

    def receive(self, **secrets: Secret) -> None:
        """Note what the other service has just handed out, before it is judged.

        Whatever becomes of the effect, the machine's `let_go` is asked about it: also when the effect fails,
        or when its result comes too late.
        """
        self.received.update(secrets)

    @property
    def time_limit(self) -> float:
        """Seconds for the next call: what the effect declares, and nothing beyond the lease.

        A worker that finds the lease over takes this one for dead and makes the call as well: so an effect of
        several slow calls has no time for the last of them, and one that was held up for none.
        """
        until = self.transaction.lease_until
        if until is None:
            return self.call_limit
        left = (until - self.clock.now()).total_seconds() - COMMIT_MARGIN
        return max(0.0, min(self.call_limit, left))

    @property
    def was_tried(self) -> bool:
        """True on a retry: the row holds the error code of the previous attempt.

        Only of an effect whose state is entered without a code.
        """
        return bool(self.transaction.code)

"""The engine's `a…` methods, for async views: the same calls, run where synchronous code may run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uuid
    from collections.abc import Awaitable, Callable, Mapping

    from stateful_oauth.flows.engine.effects import Event
    from stateful_oauth.flows.engine.outcomes import Outcome
    from stateful_oauth.flows.engine.ports import Caller
    from stateful_oauth.flows.engine.secret import Secret


class AsyncEngine:
    """Mixed into `Engine`, whose methods it calls.

    Effects and database calls are synchronous; `offload(function, *args, **kwargs)` decides on which thread
    they run. Django's integration passes one that keeps the request's database connection.
    """

    def __init__(self, offload: Callable[..., Awaitable[Any]] | None = None) -> None:
        self._offload = offload or asyncio.to_thread

    async def astart(
        self: Any, kind: str, inputs: Mapping[str, Any], caller: Caller, *, tenant: str = "default"
    ) -> Outcome:
        """Do what `start` does."""
        outcome: Outcome = await self._offload(self.start, kind, inputs, caller, tenant=tenant)
        return outcome

    async def adispatch(
        self: Any,
        transaction_id: uuid.UUID,
        event: Event,
        caller: Caller,
        *,
        kind: str,
        tenant: str = "default",
        state: Secret | None = None,
    ) -> Outcome:
        """Do what `dispatch` does."""
        outcome: Outcome = await self._offload(
            self.dispatch, transaction_id, event, caller, kind=kind, tenant=tenant, state=state
        )
        return outcome

    async def arecover(self: Any, transaction_id: uuid.UUID, caller: Caller) -> Outcome:
        """Do what `recover` does."""
        outcome: Outcome = await self._offload(self.recover, transaction_id, caller)
        return outcome

    async def afollow(self: Any, transaction_id: uuid.UUID, caller: Caller) -> Outcome:
        """Do what `follow` does."""
        outcome: Outcome = await self._offload(self.follow, transaction_id, caller)
        return outcome

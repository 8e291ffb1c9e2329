"""Which flows there are, by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.engine.errors import Quarantined
from stateful_oauth.flows.engine.machine import ModelAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.flows.engine.machine import FlowMachine
    from stateful_oauth.flows.engine.transaction import Transaction


class FlowRegistry:
    """Flow definitions by kind. A project adds its own with `register`."""

    def __init__(self, *machines: type[FlowMachine]) -> None:
        self._flows: dict[str, FlowDefinition] = {}
        for machine in machines:
            self.register(machine)

    def register(self, machine: type[FlowMachine]) -> FlowDefinition:
        """Add a flow.

        Raises:
            TypeError: The machine breaks a rule of `machine.py`, or another one has its kind.
        """
        flow = FlowDefinition(machine)
        if self._flows.setdefault(flow.kind, flow).machine is not machine:
            raise TypeError(f"Two flows are called {flow.kind!r}.")
        machine(ModelAdapter())  # names of actions and guards are resolved by the first instance
        return self._flows[flow.kind]

    def __getitem__(self, kind: str) -> FlowDefinition:
        """Return the flow.

        Raises:
            Quarantined: This release has no flow of that kind.
        """
        try:
            return self._flows[kind]
        except KeyError:
            raise Quarantined(f"This release has no flow {kind!r}.") from None

    def __iter__(self) -> Iterator[FlowDefinition]:
        return iter(self._flows.values())

    def current(self, transaction: Transaction) -> tuple[FlowDefinition, Transaction]:
        """Return the row's flow, and the row under today's definition.

        Raises:
            Quarantined: Either is unknown to this release.
        """
        flow = self[transaction.kind]
        return flow, flow.current(transaction)

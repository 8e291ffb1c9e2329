"""Which flows there are, by kind."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.engine.errors import Quarantined
from stateful_oauth.flows.engine.machine import ModelAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.flows.engine.declaration import FlowDeclaration
    from stateful_oauth.flows.engine.machine import FlowMachine
    from stateful_oauth.flows.engine.transaction import Transaction


def load_machine(declaration: FlowDeclaration) -> type[FlowMachine]:
    """Import the machine that a flow declares.

    Raises:
        ImportError: There is no such module or class.
        TypeError: The machine is of another kind, or differs in `needs_user`.
    """
    module, _, name = declaration.machine.partition(":")
    try:
        machine: type[FlowMachine] = getattr(import_module(module), name)
    except AttributeError:
        raise ImportError(f"{module} has no {name}, which the flow {declaration.kind!r} declares.") from None
    if (machine.kind, machine.needs_user) != (declaration.kind, declaration.needs_user):
        raise TypeError(
            f"{machine.__name__} is not what the declaration of {declaration.kind!r} says: let its attribute"
            " `declaration` hold that declaration."
        )
    return machine


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

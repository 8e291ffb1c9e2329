"""How flows are connected: which one opens which, and what one emits for another. Read from machines."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stateful_oauth.diagrams.graph import read_graph
from stateful_oauth.flows.engine.outcomes import HandedOver, Outcome
from stateful_oauth.flows.engine.transaction import StateKind
from stateful_oauth.flows.oauth.outcomes import Reauthenticated, SignedIn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stateful_oauth.flows.engine.domain_events import DomainEvent
    from stateful_oauth.flows.engine.machine import FlowMachine

STEM: Final = "overview"


@dataclass(frozen=True, slots=True)
class End:
    """A final state.

    Attributes:
        signs_in: The browser has a session afterwards.
        goes_on: Another flow goes on with it.
        is_goal: It is what the flow is for.
    """

    state: str
    signs_in: bool
    goes_on: bool
    is_goal: bool

    @property
    def is_good(self) -> bool:
        """Whether nothing went wrong."""
        return self.signs_in or self.goes_on or self.is_goal


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow among others.

    Attributes:
        opened_by: The kinds of the flows that open it.
        emits, relies_on: Domain events, in the machine's own order.
    """

    kind: str
    summary: str
    opens: tuple[str, ...]
    opened_by: tuple[str, ...]
    ends: tuple[End, ...]
    emits: tuple[type[DomainEvent], ...]
    relies_on: tuple[type[DomainEvent], ...]

    def emitted(self, about: str) -> tuple[str, ...]:
        """Return the names of the domain events about something that it emits."""
        return tuple(event.__name__ for event in self.emits if event.about == about)

    def needed(self, about: str) -> tuple[str, ...]:
        """Return the names of the domain events about something that it relies on."""
        return tuple(event.__name__ for event in self.relies_on if event.about == about)


@dataclass(frozen=True, slots=True)
class Connections:
    """All flows.

    Attributes:
        flows: Each before those that it opens.
        kept: What domain events are about, in the order in which they are met.
    """

    flows: tuple[Flow, ...]
    kept: tuple[str, ...]

    def domain_events(self) -> list[type[DomainEvent]]:
        """Return every domain event once, those about the same thing together."""
        found = dict.fromkeys(event for flow in self.flows for event in (*flow.emits, *flow.relies_on))
        return sorted(found, key=lambda event: self.kept.index(event.about))


def read_connections(machines: Iterable[type[FlowMachine]]) -> Connections:
    """Read what ties the machines together.

    Raises:
        TypeError: A machine opens a flow that is not among them.
    """
    known = {machine.kind: machine for machine in machines}
    for machine in known.values():
        if unknown := sorted(set(machine.opens) - known.keys()):
            raise TypeError(f"{machine.__name__} opens {', '.join(unknown)}, which is no flow here.")
    flows = tuple(_flow(known[kind], known.values()) for kind in _in_order(known))
    kept = dict.fromkeys(event.about for flow in flows for event in (*flow.emits, *flow.relies_on))
    return Connections(flows, tuple(kept))


def _in_order(known: dict[str, type[FlowMachine]]) -> list[str]:
    """Return the kinds as declared, each followed by what it opens."""
    order: list[str] = []

    def take(kinds: Iterable[str]) -> None:
        for kind in kinds:
            if kind not in order:
                order.append(kind)
                take(known[kind].opens)

    opened = {kind for machine in known.values() for kind in machine.opens}
    take(kind for kind in known if kind not in opened)
    take(known)
    return order


def _flow(machine: type[FlowMachine], others: Iterable[type[FlowMachine]]) -> Flow:
    graph = read_graph(machine)
    return Flow(
        kind=machine.kind,
        summary=graph.summary,
        opens=machine.opens,
        opened_by=tuple(other.kind for other in others if machine.kind in other.opens),
        ends=tuple(
            _end(machine, state.value, is_goal=state.is_goal)
            for state in graph.states
            if state.kind is StateKind.FINAL
        ),
        emits=machine.emits,
        relies_on=machine.relies_on,
    )


def _end(machine: type[FlowMachine], value: str, *, is_goal: bool) -> End:
    declared = getattr(machine.states_map[value], "outcome", None)
    outcome = declared if isinstance(declared, type) else Outcome
    signs_in = issubclass(outcome, SignedIn) and not issubclass(outcome, Reauthenticated)
    return End(value, signs_in, issubclass(outcome, HandedOver), is_goal)


def first_line(of: object) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(of) or "").partition("\n")[0]


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence."""
    return ", ".join(names)

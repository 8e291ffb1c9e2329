"""A machine read once: states, edges, effects, version, structural hash; and how it takes an event."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from statemachine.exceptions import TransitionNotAllowed

from stateful_oauth.flows.engine.effects import Effect, Event, LostAnswer, effect_of
from stateful_oauth.flows.engine.errors import EventNotAllowed, Quarantined
from stateful_oauth.flows.engine.flat_engine import check_is_flat
from stateful_oauth.flows.engine.machine import FlowMachine, ModelAdapter
from stateful_oauth.flows.engine.transaction import (
    SEQUENCE_STEP,
    Definition,
    StateKind,
    Transaction,
    TransitionLog,
    readable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stateful_oauth.flows.engine.transition import TransitionContext

_HASH_CHARACTERS: Final = 12
_MACHINES_KEPT: Final = 32  # as many as threads that may use them; each takes about 26 KiB


@dataclass(frozen=True, slots=True)
class Edge:
    """One arrow of the diagram.

    Attributes:
        guards: Names of the conditions, `!name` for one that must not hold.
        actions: Names of what is done on the way, without effects.
    """

    source: str
    event: str
    target: str
    guards: tuple[str, ...]
    actions: tuple[str, ...]
    effect: Effect | None


class FlowDefinition:
    """What the engine, the store and the renderer know about a machine without building one."""

    def __init__(self, machine: type[FlowMachine]) -> None:
        self.machine = machine
        self.kind = machine.kind
        check_is_flat(machine)
        self.edges: tuple[Edge, ...] = tuple(_edges(machine))
        self.state_kinds: Mapping[str, StateKind] = {
            value: _kind_of(machine, state) for value, state in machine.states_map.items()
        }
        self.initial: str = machine.initial_state.value
        _check_names(self)
        self._effects = _effects_by_state(machine, self.edges, self.state_kinds)
        self._machines: deque[FlowMachine] = deque(maxlen=_MACHINES_KEPT)
        self._allowed = frozenset((edge.source, edge.event) for edge in self.edges)
        _check_ways_out(self)

    @cached_property
    def definition(self) -> Definition:
        """The version that new rows are written under."""
        return Definition(self.machine.version, self.structure)

    @cached_property
    def structure(self) -> str:
        """A hash over states, edges and effects; names of guards count, comments and code do not."""
        shape = {
            "states": sorted((name, str(kind)) for name, kind in self.state_kinds.items()),
            "edges": sorted(
                [edge.source, edge.event, edge.target, list(edge.guards), list(edge.actions),
                 _shape_of(edge.effect)]
                for edge in self.edges
            ),
        }  # fmt: skip
        return hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:_HASH_CHARACTERS]

    @cached_property
    def events(self) -> tuple[str, ...]:
        """All events, sorted."""
        return tuple(sorted({edge.event for edge in self.edges}))

    @property
    def irreplaceable_effects(self) -> tuple[Effect, ...]:
        """The effects whose lost answer ends the flow: while they fail, starts are in vain."""
        return tuple(each for each in self._effects.values() if each.lost_answer is LostAnswer.FAIL)

    def effect_in(self, state: str) -> Effect | None:
        """Return the effect that is in flight in a working state."""
        return self._effects.get(state)

    def allows(self, state: str, event: str) -> bool:
        """Whether an edge for `event` leaves `state`; guards may still refuse."""
        return (state, event) in self._allowed

    def is_worked_on(self, transaction: Transaction, now: datetime) -> bool:
        """Whether a worker may be running the effect of a working state at this moment.

        No worker is, where the effect was postponed, the lease is over, or an operator has to look.
        """
        effect, until = self.effect_in(transaction.state), transaction.lease_until
        if transaction.state_kind is not StateKind.WORKING or effect is None or until is None or until <= now:
            return False
        return until - transaction.changed_at == timedelta(seconds=effect.lease)

    def deadline_of(self, state: str) -> float:
        """Return the seconds that a waiting state waits by default."""
        waiting: Any = self.machine.states_map[state]
        return float(waiting.deadline)

    def take(self, transition: TransitionContext, event: Event) -> None:
        """Send one event to the machine, and log it.

        Raises:
            EventNotAllowed: No edge, or no guard that lets it pass. Nothing has changed then.
        """
        before = transition.transaction
        if not self.allows(before.state, event.name):
            raise EventNotAllowed(f"{self.kind} takes no {event.name!r} in {before.state!r}.")
        transition.forget_intent()
        try:
            self._send(transition, event)
        except TransitionNotAllowed as error:
            raise EventNotAllowed(f"A guard of {event.name!r} refused in {before.state!r}.") from error
        transition.transaction = after = self._arrived(transition, event)
        effect = transition.effect
        transition.log.append(
            TransitionLog(
                sequence=SEQUENCE_STEP * after.version,
                event=event.name,
                source=before.state,
                target=after.state,
                at=transition.now,
                actor=transition.actor,
                effect=effect.name if effect is not None and not effect.is_local else "",
                code=event.code,
                detail=readable(event.detail) if event.detail else "",
            )
        )

    def _send(self, transition: TransitionContext, event: Event) -> None:
        """Have a machine take the event.

        A machine that raised nothing is kept for the next event: building one takes longer than the event
        itself.
        """
        try:
            machine = self._machines.pop()
        except IndexError:
            machine = self.machine(ModelAdapter())
        machine.model.transition = transition
        machine.take(event.name, event.payload)
        machine.model.transition = None
        self._machines.append(machine)

    def _arrived(self, transition: TransitionContext, event: Event) -> Transaction:
        """Return the transaction in the state that the machine came to."""
        transaction, state, now = transition.transaction, transition.state, transition.now
        kind = self.state_kinds[state]
        changes: dict[str, Any] = {
            "state": state,
            "state_kind": kind,
            "version": transaction.version + 1,
            "code": event.code,
            "changed_at": now,
            "deadline": None,
            "lease_until": None,
            "stuck_since": None,
            "attempts": 0,
        }
        if kind is StateKind.WAITING:
            seconds = transition.deadlines.get(f"{self.kind}.{state}")
            if seconds is None:
                seconds = self.deadline_of(state)
            if transition.longest_wait is not None:
                seconds = min(seconds, transition.longest_wait)
            deadline, limit = now + timedelta(seconds=seconds), self.machine.held_until(transaction)
            changes["deadline"] = deadline if limit is None else min(deadline, limit)
        elif kind is StateKind.WORKING:
            effect = self.effect_in(state)
            changes["attempts"] = transaction.attempts + 1 if state == transaction.state else 1
            changes["lease_until"] = now + timedelta(seconds=effect.lease if effect else 0)
        else:
            changes["secrets"] = {}
            kept = self.machine.inputs_kept_in(state)
            changes["inputs"] = {name: value for name, value in transaction.inputs.items() if name in kept}
        return transaction.evolve(**changes)

    def current(self, transaction: Transaction) -> Transaction:
        """Return the transaction under today's definition.

        Raises:
            Quarantined: This release does not know the row's definition or state.
        """
        # Before anything is claimed: a row whose secrets no key opens must be left as it is.
        transaction.decrypt_secrets()
        if transaction.definition == self.definition:
            if transaction.state in self.state_kinds:
                return transaction
            raise Quarantined(f"{self.kind} has no state {transaction.state!r}.")
        version = transaction.definition.version
        while version < self.machine.version and version in self.machine.upcasts:
            transaction = self.machine.upcasts[version](transaction)
            version += 1
        if version != self.machine.version or version == transaction.definition.version:
            raise Quarantined(
                f"{self.kind} version {transaction.definition.version} ({transaction.definition.structure}) "
                f"is not known here: this release has {self.machine.version} ({self.structure}). Add an "
                f"upcast to {self.machine.__name__}, or finish the row with the release that wrote it."
            )
        return self.current(transaction.evolve(definition=self.definition))


def _edges(machine: type[FlowMachine]) -> Iterator[Edge]:
    for state in machine.states:
        for transition in state.transitions:
            guards = tuple(
                str(spec.func) if spec.expected_value else f"!{spec.func}" for spec in transition.cond
            )
            names = [str(spec.func) for spec in transition.on if not spec.is_convention]
            found = {name: effect_of(getattr(machine, name, None)) for name in names}
            effects = [effect for effect in found.values() if effect is not None]
            if len(effects) > 1:
                raise TypeError(f"{machine.__name__}: an edge from {state.id} has more than one effect.")
            for event in transition.events:
                yield Edge(
                    source=str(transition.source.value),
                    event=str(event.id),
                    target=str(transition.target.value),
                    guards=guards,
                    actions=tuple(name for name, effect in found.items() if effect is None),
                    effect=effects[0] if effects else None,
                )


def _kind_of(machine: type[FlowMachine], state: Any) -> StateKind:
    kind = getattr(state, "kind", None)
    if not isinstance(kind, StateKind):
        raise TypeError(f"{machine.__name__}.{state.id} must be a WaitingState, WorkingState or FinalState.")
    return kind


def _effects_by_state(
    machine: type[FlowMachine], edges: tuple[Edge, ...], kinds: Mapping[str, StateKind]
) -> dict[str, Effect]:
    """Map each working state to its one effect, and hold the rule that an effect leads to a working state."""
    found: dict[str, Effect] = {}
    for edge in edges:
        working = kinds[edge.target] is StateKind.WORKING
        if working != (edge.effect is not None):
            raise TypeError(
                f"{machine.__name__}: the edge {edge.source} --{edge.event}--> {edge.target} must "
                f"{'name the effect of the working state' if working else 'not name an effect'}."
            )
        if edge.effect is None:
            continue
        if found.setdefault(edge.target, edge.effect) is not edge.effect:
            raise TypeError(f"{machine.__name__}: {edge.target} is entered with two different effects.")
        missing = [
            e
            for e in edge.effect.produces
            if not any(x.source == edge.target and x.event == e for x in edges)
        ]
        if missing:
            raise TypeError(f"{machine.__name__}: {edge.target} has no edge for {', '.join(missing)}.")
    return found


def _check_names(flow: FlowDefinition) -> None:
    """Hold the rule that no state or event hides what every machine has: its method `send`, say."""
    taken = sorted(name for name in {*flow.state_kinds, *flow.events} if hasattr(FlowMachine, name))
    if taken:
        raise TypeError(
            f"{flow.machine.__name__}: choose other names for {', '.join(taken)}: every machine has"
            " attributes that are called so."
        )


def _check_ways_out(flow: FlowDefinition) -> None:
    """Hold the rule that no row is left behind: waiting ends by `expire`, working by `fail` or `retry`."""
    for state, kind in flow.state_kinds.items():
        needed: list[str] = []
        if kind is StateKind.WAITING and state != flow.initial:
            needed = ["expire"]
        effect = flow.effect_in(state)
        if effect is not None:
            needed = ["fail"]
            if effect.waits_for_rate_limit or effect.may_repeat:
                needed.append("retry")
        if missing := [event for event in needed if not flow.allows(state, event)]:
            raise TypeError(f"{flow.machine.__name__}: {state} has no edge for {', '.join(missing)}.")


def _shape_of(effect: Effect | None) -> list[str]:
    return [] if effect is None else [effect.name, str(effect.lost_answer), *sorted(effect.produces)]

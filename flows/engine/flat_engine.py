"""python-statemachine's engine for flat machines: without what such a machine never has.

A flow's machine is in one state, and an event takes one transition. There are no nested or parallel states,
no history, no eventless transitions, and no `invoke`. Most of what the library's engine does is about those.
What is left is the library's: the transitions in their order, guards, actions, and the change of state.

It overrides private methods, so `tests/flows/engine/test_flat_engine.py` compares the two engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statemachine.engines.base import StateTransition
from statemachine.engines.sync import SyncEngine
from statemachine.event_data import TriggerData
from statemachine.exceptions import TransitionNotAllowed
from statemachine.orderedset import OrderedSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from statemachine import State, StateMachine
    from statemachine.transition import Transition


class FlatEngine(SyncEngine):
    """Takes one event at a time, without queues; also one of another transaction, after a final state."""

    def __init__(self, machine: StateMachine) -> None:
        super().__init__(machine)
        self._matching: dict[tuple[str, str], list[Transition]] = {}

    def take(self, event: str, payload: Any) -> None:
        """Select the transition of an event, and take it.

        Raises:
            TransitionNotAllowed: There is none, or no guard that lets it pass.
        """
        machine: Any = self.sm
        trigger = TriggerData(machine, getattr(type(machine), event), kwargs={"payload": payload})
        for transition in self._transitions(machine.current_state_value, event):
            if self._conditions_match(transition, trigger):
                self.microstep([transition], trigger)
                return
        raise TransitionNotAllowed(trigger.event, machine.configuration)

    def _transitions(self, state: str, event: str) -> list[Transition]:
        found = self._matching.get((state, event))
        if found is None:
            leaving = self.sm.states_map[state].transitions
            found = self._matching[state, event] = [each for each in leaving if each.match(event)]
        return found

    def _get_args_kwargs(
        self,
        transition: Transition,
        trigger_data: TriggerData,
        target: State | None = None,
        source: State | None = None,
    ) -> tuple[tuple[()], dict[str, Any]]:
        """Return what guards and actions may ask for by the names of their parameters."""
        return (), {
            **trigger_data.kwargs,
            "event": trigger_data.event,
            "machine": self.sm,
            "model": self.sm.model,
            "transition": transition,
            "state": source or target or transition.source,
            "source": source or transition.source,
            "target": target or transition.target,
        }

    def _execute_transition_content(
        self,
        enabled_transitions: list[Transition],
        trigger_data: TriggerData,
        get_key: Callable[[Transition], str],
        *args: Any,
        **more: Any,
    ) -> Any:
        callbacks = self.sm._callbacks  # noqa: SLF001 - as the library's engine does
        if get_key(enabled_transitions[0]) not in callbacks:
            return []
        return super()._execute_transition_content(enabled_transitions, trigger_data, get_key, *args, **more)

    def _prepare_exit_states(
        self, enabled_transitions: list[Transition]
    ) -> tuple[list[StateTransition], OrderedSet[State]]:
        state = enabled_transitions[0].source
        return [StateTransition(enabled_transitions[0], state)], OrderedSet([state])

    def _prepare_entry_states(
        self, enabled_transitions: list[Transition], *_: Any
    ) -> tuple[list[StateTransition], OrderedSet[StateTransition], dict[str, Any], OrderedSet[State]]:
        target: Any = enabled_transitions[0].target
        return [StateTransition(enabled_transitions[0], target)], OrderedSet(), {}, OrderedSet([target])


def check_is_flat(machine: type[StateMachine]) -> None:
    """Hold the rule that a machine has nothing that `FlatEngine` leaves out.

    Raises:
        TypeError: It has nested states or history, or a transition without an event, within a state, or to
            several states.
    """
    for state in machine.states:
        nested = state.states or state.parallel or state.history
        transitions = [each for each in state.transitions if not each.initial]
        if nested or any(t.is_eventless or t.internal or len(t.targets) != 1 for t in transitions):
            raise TypeError(
                f"{machine.__name__}: {state.id} must be a flat state, whose edges have one event."
            )

"""The engine for flat machines against python-statemachine's own: the same calls in the same order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from statemachine import State, StateMachine
from statemachine.engines.sync import SyncEngine
from statemachine.exceptions import TransitionNotAllowed

from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.engine.flat_engine import FlatEngine, check_is_flat
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, ModelAdapter, WaitingState
from stateful_oauth.flows.engine.outcomes import Outcome


class Model:
    def __init__(self, state: str) -> None:
        self.state = state


class Talkative(StateMachine):
    """Notes every call, with what python-statemachine offers to a callback."""

    allow_event_without_transition = False
    catch_errors_as_events = False
    atomic_configuration_update = True
    enable_self_transition_entries = False

    idle = State(initial=True)
    busy = State()
    done = State(final=True)

    go = (
        idle.to(busy, cond=["is_wanted", "is_open"], before="note_before", on=["note_on", "note_again"])
        | idle.to(done, unless="is_wanted", after="note_after")
        | busy.to(done, cond="is_wanted")
    )
    again = busy.to.itself(on="note_on")
    crash = busy.to(done, on="explode")

    def __init__(self, model: Model, *, flat: bool) -> None:
        self.calls: list[tuple[Any, ...]] = []
        super().__init__(model)
        self._engine = FlatEngine(self) if flat else SyncEngine(self)
        self.calls.clear()

    def note(self, name: str, **seen: Any) -> None:
        kept = {key: value.id if isinstance(value, State) else str(value) for key, value in seen.items()}
        self.calls.append((name, self.model.state, kept))

    def is_wanted(self, payload: str) -> bool:
        self.note("is_wanted", payload=payload)
        return "wanted" in payload

    def is_open(self, payload: str) -> bool:
        self.note("is_open", payload=payload)
        return "closed" not in payload

    def note_before(self, payload: str, source: State, target: State, state: State) -> None:
        self.note("before", payload=payload, source=source, target=target, state=state)

    def note_on(self, event: str, transition: object, model: Model) -> None:
        self.note("on", event=event, transition=transition, is_model=model is self.model)

    def note_again(self, payload: str, previous_configuration: Any, new_configuration: Any) -> None:
        before, after = (
            [each.id for each in states] for states in (previous_configuration, new_configuration)
        )
        self.note("again", payload=payload, before=before, after=after)

    def note_after(self, source: State, target: State, state: State) -> None:
        self.note("after", source=source, target=target, state=state)

    def on_enter_state(self, source: State, target: State, state: State, payload: str = "") -> None:
        self.note("enter", source=source, target=target, state=state, payload=payload)

    def on_exit_state(self, source: State, target: State, state: State) -> None:
        self.note("exit", source=source, target=target, state=state)

    def on_exit_busy(self) -> None:
        self.note("exit_busy")

    def before_again(self, event: str) -> None:
        self.note("before_again", event=event)

    def explode(self) -> None:
        raise ZeroDivisionError


def taken(state: str, event: str, payload: str, *, flat: bool) -> tuple[Any, ...]:
    """Return the state afterwards, the calls, and the error."""
    machine, error = Talkative(Model(state), flat=flat), None
    try:
        if flat:
            machine._engine.take(event, payload)
        else:
            machine.send(event, payload=payload)
    except (TransitionNotAllowed, ZeroDivisionError) as raised:
        error = (type(raised), str(raised))
    return machine.model.state, machine.calls, error


@pytest.mark.parametrize("payload", ["wanted", "wanted, closed", "other"])
@pytest.mark.parametrize("event", ["go", "again", "crash"])
@pytest.mark.parametrize("state", ["idle", "busy", "done"])
def test_flat_engine_makes_the_calls_of_the_library(state, event, payload):
    assert taken(state, event, payload, flat=True) == taken(state, event, payload, flat=False)


def test_flat_engine_takes_an_event_after_a_final_state():
    machine = Talkative(Model("busy"), flat=True)
    machine._engine.take("go", "wanted")
    machine.model.state = "idle"
    machine._engine.take("go", "wanted")
    assert machine.model.state == "busy"


class Nested(StateMachine):
    class outer(State.Compound):  # noqa: N801 - the library's way
        inner = State(initial=True)

    end = State(final=True)
    go = outer.to(end)


class Eventless(StateMachine):
    start = State(initial=True)
    end = State(final=True)
    start.to(end, cond="is_wanted")
    go = start.to(end)

    def is_wanted(self) -> bool:
        return False


class Internal(StateMachine):
    start = State(initial=True)
    end = State(final=True)
    stay = start.to.itself(internal=True)
    go = start.to(end)


@pytest.mark.parametrize("machine", [Nested, Eventless, Internal])
def test_machine_that_is_not_flat_is_refused(machine):
    with pytest.raises(TypeError, match="flat"):
        check_is_flat(machine)


class Sending(FlowMachine):
    kind, version, browser_events = "sending", 1, ()
    created = WaitingState(initial=True)
    ended = FinalState(Outcome)
    start = created.to(ended, on="send_another")
    expire = created.to(ended)

    def send_another(self) -> None:
        self.send("expire")


class Awaiting(FlowMachine):
    kind, version, browser_events = "awaiting", 1, ()
    created = WaitingState(initial=True)
    ended = FinalState(Outcome)
    start = created.to(ended, on="wait")

    async def wait(self) -> None:
        raise AssertionError


def test_action_that_sends_an_event_is_refused():
    machine = Sending(ModelAdapter())
    machine.model.transition = SimpleNamespace(state="created")
    with pytest.raises(RuntimeError, match="expire"):
        machine.take("start", None)


def test_machine_with_an_async_action_is_refused():
    FlowDefinition(Awaiting)
    with pytest.raises(TypeError, match="async"):
        Awaiting(ModelAdapter())

"""What we rely on in python-statemachine, one test per behaviour. Read a failing one before upgrading."""

from __future__ import annotations

import pytest
from statemachine import State, StateMachine
from statemachine.contrib.diagram.extract import extract
from statemachine.exceptions import InvalidDefinition, TransitionNotAllowed


class Model:
    def __init__(self, state: str | None = None) -> None:
        self.state = state
        self.seen: list[object] = []


class Machine(StateMachine):
    allow_event_without_transition = False
    catch_errors_as_events = False
    atomic_configuration_update = True
    enable_self_transition_entries = False

    idle = State(initial=True)
    busy = State()
    done = State(final=True)

    go = idle.to(busy, cond="wanted", on="note") | idle.to(done, unless="wanted")
    again = busy.to.itself(on="note")
    crash = busy.to(done, on="explode")
    finish = busy.to(done)

    def wanted(self, payload: object) -> bool:
        return bool(payload)

    def note(self, payload: object) -> None:
        self.model.seen.append(payload)

    def explode(self) -> None:
        raise ZeroDivisionError


def test_state_machine_has_the_flags_that_we_set_explicitly():
    flags = ("allow_event_without_transition", "catch_errors_as_events", "atomic_configuration_update")
    assert all(hasattr(StateMachine, flag) for flag in flags)
    assert hasattr(StateMachine, "enable_self_transition_entries")


def test_a_machine_on_a_stored_state_does_not_run_the_initial_transition():
    model = Model("busy")
    Machine(model).send("finish")
    assert model.state == "done"


def test_states_map_has_the_stored_values_and_tells_final_states():
    assert list(Machine.states_map) == ["idle", "busy", "done"]
    assert Machine.states_map["done"].final
    assert not Machine.states_map["busy"].final


def test_an_unknown_stored_state_is_found_only_by_looking_it_up_first():
    assert "gone" not in Machine.states_map
    with pytest.raises(KeyError):
        Machine(Model("gone")).send("finish")


def test_an_event_without_a_transition_raises_and_changes_nothing():
    model = Model("idle")
    with pytest.raises(TransitionNotAllowed):
        Machine(model).send("finish")
    assert model.state == "idle"


def test_an_event_that_the_machine_does_not_know_raises():
    with pytest.raises(TransitionNotAllowed):
        Machine(Model("idle")).send("no_such_event")


def test_the_first_guard_that_passes_chooses_the_target():
    taken, other = Model("idle"), Model("idle")
    Machine(taken).send("go", payload="x")
    Machine(other).send("go", payload="")
    assert (taken.state, other.state) == ("busy", "done")


def test_the_payload_reaches_guards_and_actions_as_one_object():
    model, payload = Model("idle"), {"state": "kept", "source": "kept"}
    Machine(model).send("go", payload=payload)
    assert model.seen == [payload]


def test_a_keyword_called_state_is_dropped_silently_which_is_why_payloads_are_one_object():
    class Trap(StateMachine):
        a = State(initial=True)
        b = State(final=True)
        go = a.to(b, on="look")

        def look(self, state: object) -> None:
            self.model.seen.append(state)

    model = Model("a")
    Trap(model).send("go", state="the OAuth parameter")
    assert model.seen != ["the OAuth parameter"]


def test_an_exception_in_an_action_propagates_and_the_state_stays():
    model = Model("busy")
    with pytest.raises(ZeroDivisionError):
        Machine(model).send("crash")
    assert model.state == "busy"


def test_a_self_transition_runs_its_action():
    model = Model("busy")
    Machine(model).send("again", payload=1)
    assert (model.state, model.seen) == ("busy", [1])


def test_one_instance_takes_several_events_in_a_row():
    model = Model("idle")
    machine = Machine(model)
    machine.send("go", payload=1)
    machine.send("finish")
    assert model.state == "done"


def test_a_misspelt_action_is_found_by_the_first_instance():
    class Misspelt(StateMachine):
        a = State(initial=True)
        b = State(final=True)
        go = a.to(b, on="no_such_method")

    with pytest.raises(InvalidDefinition, match="no_such_method"):
        Misspelt(Model("a"))


def test_states_may_be_subclassed_and_keep_what_they_carry():
    class Waiting(State):
        def __init__(self, *, initial: bool = False, deadline: float) -> None:
            super().__init__(initial=initial)
            self.deadline = deadline

    class Carrying(StateMachine):
        a = Waiting(initial=True, deadline=3.5)
        b = State(final=True)
        go = a.to(b)

    assert Carrying.states_map["a"].deadline == 3.5


def test_the_graph_can_be_read_from_the_class():
    (first, second) = [t for t in Machine.idle.transitions if "go" in {e.id for e in t.events}]
    assert (first.source.value, first.target.value, second.target.value) == ("idle", "busy", "done")
    assert [(spec.func, spec.expected_value) for spec in first.cond] == [("wanted", True)]
    assert [(spec.func, spec.expected_value) for spec in second.cond] == [("wanted", False)]
    assert [spec.func for spec in first.on if not spec.is_convention] == ["note"]


def test_the_diagram_extraction_works_on_the_class_and_leaves_actions_out():
    graph = extract(Machine)
    assert {state.id for state in graph.states} == {"idle", "busy", "done"}
    edges = {(t.source, t.event, tuple(t.targets)) for t in graph.transitions}
    assert ("busy", "Finish", ("done",)) in edges  # the event's display name, not its id
    assert not any(t.actions for t in graph.transitions)


def test_a_final_state_takes_no_transition():
    with pytest.raises(InvalidDefinition):

        class Wrong(StateMachine):
            a = State(initial=True)
            b = State(final=True)
            go = a.to(b)
            back = b.to(a)


def test_a_state_that_cannot_be_reached_is_refused():
    with pytest.raises(InvalidDefinition):

        class Wrong(StateMachine):
            a = State(initial=True)
            b = State(final=True)
            island = State()
            go = a.to(b)

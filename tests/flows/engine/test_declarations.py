"""What a machine says about its neighbours is what its code does: the overview is drawn from it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import FunctionType

import pytest

from stateful_oauth.flows.account_linking.proposal import opened_linking
from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.engine.domain_events import DomainEvent
from stateful_oauth.flows.engine.machine import FlowMachine
from stateful_oauth.flows.oauth import domain_events
from stateful_oauth.flows.registry import built_in_machines

BUILT_IN = built_in_machines()
ROOM = "stateful_oauth.flows"
EVENTS: dict[str, type[DomainEvent]] = {
    name: each
    for name, each in vars(domain_events).items()
    if isinstance(each, type) and issubclass(each, DomainEvent) and each is not DomainEvent
}
# What an effect asks a port for, and which domain event made the answer.
QUESTIONS = {
    "owners_of": domain_events.AccountIdentified,
    "connected": domain_events.AccountIdentified,
    "unlinked_from": domain_events.AccountsUnlinked,
    "link_check_due": domain_events.LinkChecked,
    "access_token": domain_events.GrantIssued,
    "used": domain_events.GrantIssued,
    "provider_token": domain_events.GrantIssued,
}
# Of these rows the pages make the inputs, after looking whether they are the user's own.
BY_INPUTS = {
    "disconnect_account": {domain_events.AccountConnected},
    "unlink_account": {domain_events.AccountsLinked},
    # Its rows are made by what releases a token: `storage/releases.py`.
    "end_grant": {domain_events.GrantReleased},
}

machines = pytest.mark.parametrize("machine", BUILT_IN, ids=lambda machine: machine.kind)


def reached(function: FunctionType, seen: set[str] | None = None) -> Iterator[ast.Module]:
    """The source of a function, and of the functions of this room that it calls."""
    seen = set() if seen is None else seen
    if function.__qualname__ in seen or not function.__module__.startswith(ROOM):
        return
    seen.add(function.__qualname__)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    yield tree
    for node in ast.walk(tree):
        called = function.__globals__.get(node.id) if isinstance(node, ast.Name) else None
        if isinstance(called, FunctionType):
            yield from reached(called, seen)


def actions(machine: type[FlowMachine]) -> Iterator[FunctionType]:
    own = (each for each in vars(machine).values() if isinstance(each, FunctionType))
    yield from (each for each in own if not hasattr(each, "effect"))
    if "let_go" in vars(machine):
        yield machine.let_go.__func__  # type: ignore[attr-defined]  # a class method's function


def effects(machine: type[FlowMachine]) -> Iterator[FunctionType]:
    for edge in FlowDefinition(machine).edges:
        if edge.effect is not None:
            yield from (
                each for each in (edge.effect.run, edge.effect.reread) if isinstance(each, FunctionType)
            )


def calls(trees: Iterator[ast.Module], method: str) -> bool:
    found = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(isinstance(node.func, ast.Attribute) and node.func.attr == method for node in found)


@machines
def test_a_machine_names_the_domain_events_that_it_emits(machine: type[FlowMachine]) -> None:
    made: set[type[DomainEvent]] = set()
    for action in actions(machine):
        for tree in reached(action):
            called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
            names = {each.id for each in called if isinstance(each, ast.Name)}
            made |= {EVENTS[name] for name in names & EVENTS.keys()}
    assert set(machine.emits) == made
    assert len(machine.emits) == len(made)


@machines
def test_a_machine_names_the_domain_events_that_it_decides_by(machine: type[FlowMachine]) -> None:
    asked = {
        event
        for method, event in QUESTIONS.items()
        if any(calls(reached(effect), method) for effect in effects(machine))
    }
    assert set(machine.relies_on) == asked | BY_INPUTS.get(machine.kind, set())


@machines
def test_a_machine_names_the_flows_that_it_opens(machine: type[FlowMachine]) -> None:
    opens = any(calls(reached(action), "open") for action in actions(machine))
    assert bool(machine.opens) is opens
    assert set(machine.opens) <= {each.kind for each in BUILT_IN}
    for kind in machine.opens:
        assert f'kind="{kind}"' in inspect.getsource(opened_linking), "what opens it makes another one"


def test_every_domain_event_is_some_flows_and_says_what_it_is_about() -> None:
    assert {event for machine in BUILT_IN for event in machine.emits} == set(EVENTS.values())
    assert all(event.about for event in EVENTS.values())

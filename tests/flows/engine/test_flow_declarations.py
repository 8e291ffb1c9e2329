"""What flows declare is what their machines are, and it is all that the other packages need to know."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from stateful_oauth import flows as package
from stateful_oauth.django import wiring
from stateful_oauth.django.declarations import declarations
from stateful_oauth.flows.engine.declaration import FlowDeclaration
from stateful_oauth.flows.engine.registry import load_machine
from stateful_oauth.flows.engine.transaction import StateKind
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.flows.oauth.outcomes import SignedIn
from stateful_oauth.flows.registry import BUILT_IN

each_flow = pytest.mark.parametrize("flow", BUILT_IN, ids=lambda flow: flow.kind)


def test_importing_the_declarations_imports_no_machine():
    code = "import sys, stateful_oauth.flows.registry; print('statemachine' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_flow_package_is_in_the_registry():
    (folder,) = package.__path__
    kinds = {path.parent.name for path in pathlib.Path(folder).glob("*/machine.py")} - {"engine"}
    assert {flow.kind for flow in BUILT_IN} == kinds


@each_flow
def test_callback_waits_in_a_waiting_state_that_takes_it(flow: FlowDeclaration):
    definition = wiring.flows()[flow.kind]
    if flow.callback is None:
        assert not any(event == "callback" for event in definition.machine.browser_events)
        return
    assert definition.state_kinds[flow.callback.waits_in] is StateKind.WAITING
    assert definition.allows(flow.callback.waits_in, "callback")


@each_flow
def test_session_states_are_those_whose_outcome_gives_a_session(flow: FlowDeclaration):
    machine = load_machine(flow)
    final = {state.value: state.outcome for state in machine.states if state.final}
    gives = [value for value, outcome in final.items() if issubclass(outcome, SignedIn)]
    assert set(flow.session_states) == set(gives)


@each_flow
def test_a_finished_row_keeps_what_its_page_starts_again_with(flow: FlowDeclaration):
    if flow.restart is not None:
        assert {*flow.restart.fields, *flow.restart.optional_fields} <= set(load_machine(flow).kept_inputs)
        assert flow.restart.label % dict.fromkeys(flow.restart.fields, "x")


@each_flow
def test_texts_are_about_codes_that_there_are(flow: FlowDeclaration):
    assert flow.texts is not None
    assert {*flow.texts.failures, *flow.texts.messages} <= ERROR_CODES.keys()


@pytest.mark.parametrize("path", ["tests.support.toy_declared.TOY", "tests.support.toy_declared.DeclaredToy"])
def test_a_project_names_the_declaration_or_the_machine_that_holds_it(settings, path):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "FLOWS": [path]}
    declared = declarations()["tests.declared"]
    assert declared.texts.progress == "Playing…"
    assert wiring.flows()["tests.declared"].machine is load_machine(declared)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("tests.support.toy_declared.nothing", ImportError),
        ("tests.support.toy_declared.NOT_A_FLOW", TypeError),
    ],
)
def test_what_is_no_flow_is_refused(settings, path, error):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "FLOWS": [path]}
    with pytest.raises(error):
        declarations()


def test_two_flows_cannot_have_the_same_kind(settings):
    settings.STATEFUL_OAUTH = {
        **settings.STATEFUL_OAUTH,
        "FLOWS": ["tests.support.toy_declared.TOY", "tests.support.toy_declared.ANOTHER"],
    }
    with pytest.raises(TypeError, match="Two flows"):
        declarations()


def test_a_machine_that_its_declaration_does_not_describe_is_refused():
    wrong = FlowDeclaration(kind="tests.other", machine="tests.support.toy_declared:DeclaredToy")
    with pytest.raises(TypeError, match="declaration of"):
        load_machine(wrong)

"""The structural hash changes exactly when the shape of a machine does. And what a machine must not be."""

from __future__ import annotations

import pytest

from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.engine.effects import Event, LostAnswer, effect
from stateful_oauth.flows.engine.errors import Quarantined
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.outcomes import Expired, Failed
from stateful_oauth.flows.engine.registry import FlowRegistry
from stateful_oauth.flows.login.machine import LoginFlow
from tests.support.toy import Counter, Finished, make_toy


def run_work(context):
    return Event("worked")


def run_other_work(context):
    return Event("worked")


def build(
    *,
    extra_state=False,
    extra_edge=False,
    other_target=False,
    renamed_event=False,
    guarded=None,
    action=None,
    effect_name=None,
    lost_answer=LostAnswer.REPEAT,
    produces=("worked", "fail"),
    kind_of_pause=None,
    version_=1,
    time_limit=5,
    deadline=60,
    docstring="",
    body=0,
) -> str:
    """Return the hash of a small machine with one thing different."""

    class Small(FlowMachine):
        __doc__ = docstring
        kind = "tests.small"
        version = version_
        browser_events = ("go",)

        ready = WaitingState(initial=True)
        pause = WaitingState(deadline=deadline)
        working = WorkingState()
        done = FinalState(Finished)
        failed = FinalState(Failed)
        expired = FinalState(Expired)
        if extra_state:
            extra = FinalState(Finished)
            detour = pause.to(extra)

        work = effect(
            effect_name or run_work,
            produces=produces,
            time_limit=time_limit,
            lost_answer=lost_answer,
        )

        start = ready.to(pause)
        if renamed_event:
            gone = pause.to(working, on="work")
        else:
            go = pause.to(working, on="work", cond=guarded)
        worked = working.to(failed if other_target else done, on=action)
        fail = working.to(failed) | pause.to(failed)
        if other_target:
            finish = pause.to(done)
        if extra_edge:
            shortcut = pause.to(done)
        retry = working.to.itself(on="work")
        expire = pause.to(expired)

        def fine(self):
            return bool(body)

        def other(self):
            return True

        def note(self):
            """Nothing."""

    return FlowDefinition(Small).structure


PLAIN = build()

DIFFERENT = {
    "a state": {"extra_state": True},
    "an edge": {"extra_edge": True},
    "a target": {"other_target": True},
    "an event": {"renamed_event": True},
    "a guard": {"guarded": "fine"},
    "an action": {"action": "note"},
    "an effect": {"effect_name": run_other_work},
    "what a lost answer means": {"lost_answer": LostAnswer.FAIL},
    "what an effect produces": {"produces": ("worked",)},
}
SAME = {
    "a docstring": {"docstring": "Says something else."},
    "the code of a guard": {"body": 1},
    "a time limit": {"time_limit": 9},
    "a deadline": {"deadline": 999},
}


@pytest.mark.parametrize("change", DIFFERENT.values(), ids=DIFFERENT)
def test_the_hash_changes_with_the_shape(change):
    assert build(**change) != PLAIN


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_the_hash_stays_with_the_shape(change):
    assert build(**change) == PLAIN


def test_two_guards_are_not_the_same_shape():
    assert build(guarded="fine") != build(guarded="other")
    assert build(guarded="fine") != build(guarded="!fine")


def test_every_change_has_a_hash_of_its_own():
    hashes = {name: build(**change) for name, change in DIFFERENT.items()}
    assert len(set(hashes.values())) == len(hashes), hashes


def test_the_hash_of_login_is_known():
    """When this fails the shape of login changed: raise its version, write an upcast, change this line."""
    flow = FlowDefinition(LoginFlow)
    assert (flow.definition.version, flow.structure) == (1, "2e5298e735c9")


def test_two_flows_cannot_have_one_kind():
    registry = FlowRegistry(make_toy(Counter()))
    with pytest.raises(TypeError, match="Two flows are called"):
        registry.register(make_toy(Counter()))


def test_an_unknown_kind_is_quarantined():
    with pytest.raises(Quarantined):
        FlowRegistry()["login"]


def test_no_event_hides_what_every_machine_has():
    """`send` is what the engine calls: an event of that name was taken for a guard that always refuses."""

    class Letter(FlowMachine):
        kind = "tests.letter"
        version = 1
        browser_events = ("send",)
        written = WaitingState(initial=True)
        sent = FinalState(Finished)
        send = written.to(sent)

    with pytest.raises(TypeError, match="choose other names for send"):
        FlowDefinition(Letter)

"""What `assert_every_path` and `assert_matrix` say when a project's walker or flow is not right."""

from __future__ import annotations

from contextlib import contextmanager
from typing import ClassVar

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.oauth.errors import AccountRefused
from stateful_oauth.testing.matrix import assert_matrix
from stateful_oauth.testing.walker import Walker, assert_every_path
from tests.support import toy_for_site
from tests.support.callers import Person

pytestmark = pytest.mark.django_db


class Toy(Walker):
    """Walks the toy flow of the engine's tests."""

    kind = "tests.toy"
    stimuli: ClassVar = {("created", "start"): "begin", ("created", "fail"): "fail", ("ready", "go"): "go"}
    results: ClassVar = {
        ("counting", "counted"): "",
        ("counting", "mismatch"): "mismatch",
        ("counting", "fail"): "refuse",
        ("ready", "fail"): "fail",
        ("keeping", "kept"): "",
        ("keeping", "fail"): "nothing_can_be_kept",
    }

    def begin(self):
        wiring.engine().start(self.kind, {}, Person())

    def go(self):
        wiring.engine().dispatch(self.id, Event("go"), Person(), kind=self.kind)

    def mismatch(self):
        toy_for_site.COUNTER.troubles.append("mismatch")

    def refuse(self):
        toy_for_site.COUNTER.troubles.append("refused")

    @contextmanager
    def nothing_can_be_kept(self):
        def refuse(context):
            raise AccountRefused("account_refused")

        toy_for_site.COUNTER.keeps = refuse
        yield
        toy_for_site.COUNTER.keeps = lambda context: None


@pytest.fixture
def toy(settings, tenant):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "FLOWS": ["tests.support.toy_for_site.Toy"]}
    shared = toy_for_site.COUNTER
    shared.troubles, shared.value, shared.calls = [], 0, []
    shared.keeps = lambda context: None


def said(walker, clock):
    with pytest.raises(AssertionError) as refused:
        assert_every_path(lambda: walker(clock))
    return str(refused.value)


def test_an_edge_that_nobody_makes_happen(toy, clock):
    class Incomplete(Toy):
        results: ClassVar = {
            key: name for key, name in Toy.results.items() if key != ("counting", "mismatch")
        }

    text = said(Incomplete, clock)
    assert "The walker does not know how counting --mismatch--> mismatched happens" in text
    assert "`results` of Incomplete" in text


def test_an_edge_that_there_is_not(toy, clock):
    class Misspelt(Toy):
        results: ClassVar = {**Toy.results, ("countin", "fail"): "refuse"}

    assert said(Misspelt, clock) == "tests.toy has no such edges as Misspelt names: [('countin', 'fail')]."


def test_a_start_that_starts_nothing(toy, clock):
    class Idle(Toy):
        def begin(self):
            """Forget to."""

    assert "Idle has started 0 transactions of tests.toy on this path" in said(Idle, clock)


def test_a_result_that_does_not_come(toy, clock):
    class Mild(Toy):
        results: ClassVar = {**Toy.results, ("counting", "mismatch"): ""}

    text = said(Mild, clock)
    assert text.startswith("Another path was taken than start-go-")
    assert "mismatch--mismatched:" in text
    assert "counting --counted--> keeping" in text


@pytest.mark.parametrize("kind", ["disconnect_account", "tests.toy"])
def test_the_matrix_has_every_state_and_event(toy, kind):
    flow = wiring.flows()[kind]
    cells = assert_matrix(kind)
    assert len(cells) == len(flow.state_kinds) * len(flow.events)
    assert {(cell.state, cell.event, each) for cell in cells for each in cell.targets} == {
        (edge.source, edge.event, edge.target) for edge in flow.edges
    }

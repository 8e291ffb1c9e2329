"""What the renderers know about a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stateful_oauth.diagrams import edge_id, state_id
from stateful_oauth.diagrams.graph import Origin, identifier, read_graph
from stateful_oauth.diagrams.text import duration, fit, text_width
from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.login.machine import LoginFlow

if TYPE_CHECKING:
    from types import ModuleType


def _origins(graph: Any, source: str, event: str) -> set[str]:
    (edge,) = [edge for edge in graph.edges if (edge.source, edge.event) == (source, event)]
    return {str(origin) for origin in edge.origins}


@pytest.mark.parametrize(
    ("source", "event", "expected"),
    [
        ("created", "fail", {"system"}),
        ("awaiting_callback", "callback", {"browser"}),
        ("awaiting_callback", "cancel", {"browser", "operator"}),
        ("awaiting_callback", "mismatch", {"browser"}),
        ("awaiting_callback", "expire", {"system"}),
        ("awaiting_callback", "abandon", {"operator"}),
        ("exchanging_code", "code_exchanged", {"effect"}),
        ("exchanging_code", "mismatch", {"effect"}),
        ("pushing_request", "retry", {"system", "operator"}),
    ],
)
def test_the_graph_knows_who_sends_an_event(source: str, event: str, expected: set[str]) -> None:
    assert _origins(read_graph(LoginFlow), source, event) == expected


def test_every_edge_has_a_sender(machine: type) -> None:
    assert all(edge.origins for edge in read_graph(machine).edges)


def test_effects_deadlines_and_goal_of_login() -> None:
    graph = read_graph(LoginFlow)
    callback = next(edge for edge in graph.edges if edge.event == "callback")
    assert callback.effect is not None
    assert callback.effect.name == "exchange_code"
    assert graph.state("awaiting_callback").deadline == 600
    assert graph.state("created").deadline is None  # nothing takes `expire` there
    assert [state.value for state in graph.states if state.is_goal] == ["signed_in"]
    assert [state.value for state in graph.states if state.is_initial] == ["created"]


def test_a_definition_is_as_good_as_a_machine() -> None:
    assert read_graph(FlowDefinition(LoginFlow)) == read_graph(LoginFlow)


def test_an_edge_that_the_definition_lacks_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    definition = FlowDefinition(LoginFlow)
    monkeypatch.setattr(definition, "edges", definition.edges[1:])
    with pytest.raises(TypeError, match="sees other edges"):
        read_graph(definition)


def test_edges_that_differ_in_guards_only_have_ids_of_their_own(machines: ModuleType) -> None:
    ids = [edge.id for edge in read_graph(machines.LoopsFlow).edges if edge.event == "start"]
    first = edge_id("shop.loops", "first", "start", "second")
    assert ids == [first, f"{first}-2", f"{first}-3"]


def test_ids_are_what_the_log_can_make() -> None:
    assert edge_id("login", "awaiting_callback", "callback", "exchanging_code") == (
        "login-edge-awaiting_callback-callback-exchanging_code"
    )
    assert state_id("login", "signed_in") == "login-state-signed_in"


def test_identifiers_of_different_names_stay_different() -> None:
    names = ["a.b", "a-b", "a b", "a\nb", 'a"b', "ab", "a_b", "aé", "a-2e-b"]
    assert len({identifier(name) for name in names}) == len(names)
    assert all(set(identifier(name)) <= set("abcdef0123456789_-") for name in names)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (10, "10 s"),
        (2.5, "2.5 s"),
        (90, "90 s"),
        (600, "10 min"),
        (7200, "2 h"),
        (86400, "1 day"),
        (172800, "2 days"),
    ],
)
def test_durations_are_written_in_the_largest_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_text_is_cut_to_its_room() -> None:
    assert fit("short", 12, 200) == "short"
    cut = fit("w" * 300, 12, 100)
    assert cut.endswith("…")
    assert text_width(cut, 12) <= 100
    assert text_width("bold", 12, bold=True) > text_width("bold", 12)
    assert text_width("漢", 10) == 10


def test_origins_are_the_classes_of_edges() -> None:
    assert [str(origin) for origin in Origin] == ["browser", "effect", "system", "operator"]

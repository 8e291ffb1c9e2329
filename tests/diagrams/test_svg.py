"""The picture: complete, well-formed, legible, and marked where asked."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from stateful_oauth.diagrams import edge_id, page_stylesheet, render_svg, state_id
from stateful_oauth.diagrams.geometry import Box, Layout, PlacedEdge
from stateful_oauth.diagrams.graph import read_graph
from stateful_oauth.diagrams.layout import lay_out
from stateful_oauth.flows.connect_account.machine import ConnectAccountFlow
from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.login.machine import LoginFlow

if TYPE_CHECKING:
    from types import ModuleType

SVG = "{http://www.w3.org/2000/svg}"


def _classes(element: ET.Element) -> set[str]:
    return set(element.get("class", "").split())


def _by_id(text: str) -> dict[str, ET.Element]:
    elements = [element for element in ET.fromstring(text).iter() if element.get("id")]
    found = {element.attrib["id"]: element for element in elements}
    assert len(found) == len(elements), "an id occurs twice"
    return found


def test_every_state_and_edge_of_the_machine_is_drawn_once(machine: type) -> None:
    definition, graph, elements = FlowDefinition(machine), read_graph(machine), _by_id(render_svg(machine))
    states = {i for i, element in elements.items() if "state" in _classes(element)}
    edges = {i for i, element in elements.items() if "edge" in _classes(element)}
    assert states == {state_id(definition.kind, value) for value in definition.state_kinds}
    assert edges == {edge.id for edge in graph.edges}
    assert len(edges) == len(definition.edges)


def test_kinds_origins_and_effects_are_classes_and_words() -> None:
    elements = _by_id(render_svg(LoginFlow))
    assert _classes(elements["login-state-awaiting_callback"]) == {"state", "waiting"}
    assert _classes(elements["login-state-created"]) == {"state", "waiting", "initial"}
    assert _classes(elements["login-state-signed_in"]) == {"state", "final", "goal"}
    callback = elements["login-edge-awaiting_callback-callback-exchanging_code"]
    assert _classes(callback) == {"edge", "browser", "main"}
    assert "exchange_code · ≤ 10 s" in "".join(callback.itertext())
    assert "waiting · 10 min" in "".join(elements["login-state-awaiting_callback"].itertext())
    assert "lost: fail" in "".join(elements["login-state-exchanging_code"].itertext())
    abandon = elements["login-edge-awaiting_callback-abandon-abandoned"]
    assert _classes(abandon) == {"edge", "operator", "dashed"}


def test_it_is_accessible_and_self_contained(machine: type) -> None:
    text = render_svg(machine)
    root = ET.fromstring(text)
    assert root.get("role") == "img"
    ids = _by_id(text)
    for reference in root.attrib["aria-labelledby"].split():
        assert "".join(ids[reference].itertext()).strip()
    groups = [e for e in root.iter(f"{SVG}g") if {"state", "edge"} & _classes(e)]
    assert all("".join(group.find(f"{SVG}title").itertext()).strip() for group in groups)  # type: ignore[union-attr]
    assert not [e for e in root.iter() if e.tag in (f"{SVG}script", f"{SVG}image", f"{SVG}use", f"{SVG}a")]
    assert not re.search(r"url\(|@import|href|\son\w+=", re.sub(r">[^<]*<", "><", text))
    style = root.findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme:dark" in style
    selectors = [
        s
        for rule in re.findall(r"^([^@{}\n]+)\{", style, re.MULTILINE)
        for s in re.split(r",(?=\.flow)", rule)
    ]
    assert selectors
    assert all(selector.startswith(".flow-diagram") for selector in selectors)


def test_a_hostile_machine_stays_text(machines: ModuleType) -> None:
    text = render_svg(machines.HostileFlow, style_nonce='"><script>')
    root = ET.fromstring(text)
    assert "<script" not in text
    name = state_id(machines.HostileFlow.kind, machines.HOSTILE_WAITING)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", name)
    assert "<script>alert(1)</script>" in "".join(_by_id(text)[name].itertext())
    style = root.find(f"{SVG}style")
    assert style is not None
    assert style.get("nonce") == '"><script>'


def test_nothing_is_marked_by_default() -> None:
    elements = [_classes(element) for element in _by_id(render_svg(LoginFlow)).values()]
    assert not any(found & {"travelled", "current", "marked"} for found in elements)


def test_the_travelled_path_and_the_current_state_are_marked() -> None:
    path = [
        edge_id("login", "created", "start", "awaiting_callback"),
        edge_id("login", "awaiting_callback", "callback", "exchanging_code"),
    ]
    text = render_svg(
        LoginFlow, travelled=[*path, "login-edge-of-an-older-version"], current="exchanging_code"
    )
    elements = _by_id(text)
    marked = {i for i, element in elements.items() if "travelled" in _classes(element)}
    assert marked == {
        *path, "login-state-created", "login-state-awaiting_callback", "login-state-exchanging_code"
    }  # fmt: skip
    current = [i for i, element in elements.items() if "current" in _classes(element)]
    assert current == ["login-state-exchanging_code"]
    assert "current" in "".join(elements[current[0]].itertext())
    assert "marked" in _classes(elements["login"])
    order = [i for i in elements if "-edge-" in i]
    assert order[-len(path) :] == path, "what was travelled lies on top"


def test_what_was_travelled_more_than_once_says_how_often() -> None:
    retry = edge_id("login", "pushing_request", "retry", "pushing_request")
    start = edge_id("login", "created", "start", "pushing_request")
    elements = _by_id(render_svg(LoginFlow, travelled=[start, retry, retry, retry]))
    assert "retry (3 times)" in "".join(elements[retry].itertext())
    assert "travelled 3 times" in "".join(elements[retry].itertext())
    assert "times" not in "".join(elements[start].itertext())


def test_the_description_tells_who_sees_nothing_where_it_went() -> None:
    path = [
        edge_id("login", "created", "start", "pushing_request"),
        *[edge_id("login", "pushing_request", "retry", "pushing_request")] * 2,
    ]
    elements = _by_id(render_svg(LoginFlow, travelled=path, current="pushing_request"))
    description = elements["login-desc"].text or ""
    assert description.endswith(
        "Travelled: start from created to pushing_request; retry from pushing_request to pushing_request "
        "(2 times). Current state: pushing_request."
    ), description
    assert "Travelled" not in (_by_id(render_svg(LoginFlow))["login-desc"].text or "")


def test_a_page_may_have_the_style_sheet_instead() -> None:
    text = render_svg(LoginFlow, embed_style=False)
    assert "<style" not in text
    rules = [line for line in page_stylesheet().splitlines() if "{" in line and not line.startswith("@")]
    selectors = {selector for rule in rules for selector in re.split(r",(?=[.:])", rule.partition("{")[0])}
    assert all(re.match(r"(:root\S+ )?\.flow-diagram[. ]", selector) for selector in selectors), selectors
    themes = {selector.partition(" ")[0] for selector in selectors if selector.startswith(":root")}
    assert themes == {':root[data-theme="dark"]', ':root:not([data-theme="light"])'}


def test_an_unknown_current_state_is_nobody() -> None:
    elements = _by_id(render_svg(LoginFlow, current="a_state_of_last_year"))
    assert not any("current" in _classes(element) for element in elements.values())


# Where things stand.


def _labels(layout: Layout) -> list[tuple[PlacedEdge, Box]]:
    return [(placed, box) for placed in layout.edges for box in placed.label.boxes]


def _segments(placed: PlacedEdge) -> list[Box]:
    boxes = []
    for line in placed.lines:
        for (x1, y1), (x2, y2) in pairwise(line):
            assert x1 == x2 or y1 == y2, "lines run straight down or across"
            boxes.append(Box(min(x1, x2), min(y1, y2), abs(x1 - x2), abs(y1 - y2)))
    return boxes


@pytest.mark.parametrize("times", [0, 20])
def test_states_and_labels_do_not_overlap(machine: type, times: int) -> None:
    graph = read_graph(machine)
    layout = lay_out(graph, {edge.id: times for edge in graph.edges})
    boxes = [(placed.state.value, placed.box) for placed in layout.states]
    boxes += [(placed.edge.id, box) for placed, box in _labels(layout)]
    for (one, box), (other, second) in combinations(boxes, 2):
        assert not box.meets(second), f"{one} lies on {other}"


def test_lines_avoid_states_and_labels(machine: type) -> None:
    layout = lay_out(read_graph(machine))
    for placed in layout.edges:
        for segment in _segments(placed):
            for state in layout.states:
                assert not segment.meets(state.box), f"{placed.edge.id} runs through {state.state.value}"
            for other, box in _labels(layout):
                assert not segment.meets(box), f"{placed.edge.id} runs through a label of {other.edge.id}"


def test_edges_begin_and_end_at_their_states(machine: type) -> None:
    layout = lay_out(read_graph(machine))
    place = {placed.state.value: placed.box for placed in layout.states}

    def touches(box: Box, x: float, y: float) -> bool:
        on_side = x in (box.x, box.right) and box.y < y < box.bottom
        return on_side or (y in (box.y, box.bottom) and box.x < x < box.right)

    for placed in layout.edges:
        assert touches(place[placed.edge.target], *placed.tip), placed.edge.id
        assert touches(place[placed.edge.source], *placed.lines[-1][-1]), placed.edge.id


def test_everything_lies_in_the_picture(machine: type) -> None:
    layout = lay_out(read_graph(machine))
    boxes = [placed.box for placed in layout.states] + [box for _, box in _labels(layout)]
    boxes += [segment for placed in layout.edges for segment in _segments(placed)]
    assert all(box.x > 0 and box.right < layout.width and box.y > 0 for box in boxes)
    assert all(box.bottom <= layout.height for box in boxes)


@pytest.mark.parametrize(
    ("flow", "path", "foot"),
    [
        (
            LoginFlow,
            ["created", "pushing_request", "awaiting_callback", "exchanging_code", "resolving_account",
             "finding_candidates", "signed_in"],
            ["link_pending", "failed", "cancelled", "abandoned"],
        ),
        (
            ConnectAccountFlow,
            ["created", "requesting_connection", "awaiting_callback", "completing_connection",
             "identifying_account", "connected"],
            ["connected", "failed", "cancelled", "abandoned"],
        ),
    ],
    ids=["login", "connect_account"],
)  # fmt: skip
def test_the_main_path_is_a_straight_line(flow: type, path: list[str], foot: list[str]) -> None:
    layout = lay_out(read_graph(flow))
    place = {placed.state.value: placed.box for placed in layout.states}
    assert len({place[value].middle for value in path}) == 1
    assert [place[value].y for value in path] == sorted(place[value].y for value in path)
    assert len({place[value].y for value in foot}) == 1, "The other final states stand in a row at the foot."


@pytest.mark.parametrize("event", ["start", "go", "again", "back"])
def test_loops_and_parallel_edges_are_placed_apart(machines: ModuleType, event: str) -> None:
    layout = lay_out(read_graph(machines.LoopsFlow))
    labels = [placed.label.event for placed in layout.edges if placed.edge.event == event]
    assert len(labels) > 1
    assert not any(one.meets(other) for one, other in combinations(labels, 2))

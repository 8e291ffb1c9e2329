"""The picture of all flows, and what stands in it."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from stateful_oauth.diagrams import render_overview
from stateful_oauth.diagrams.connections import read_connections
from stateful_oauth.diagrams.geometry import Box
from stateful_oauth.diagrams.render import rendered
from stateful_oauth.flows.login.machine import LoginFlow
from stateful_oauth.flows.oauth.domain_events import AccountIdentified
from stateful_oauth.flows.registry import built_in_machines

if TYPE_CHECKING:
    from types import ModuleType

BUILT_IN = built_in_machines()
SVG = "{http://www.w3.org/2000/svg}"


def titles(text: str) -> set[str]:
    return {"".join(title.itertext()) for title in ET.fromstring(text).iter(f"{SVG}title")}


def test_each_flow_and_each_fact_is_in_the_picture_once() -> None:
    text = render_overview(BUILT_IN)
    root = ET.fromstring(text)
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    said = titles(text)
    for machine in BUILT_IN:
        assert f"overview-flow-{machine.kind}" in ids
        assert {f"{machine.kind} emits {event.__name__}" for event in machine.emits} <= said
        assert {f"{machine.kind} relies on {event.__name__}" for event in machine.relies_on} <= said


def test_a_flow_stands_beside_the_one_that_opens_it() -> None:
    kinds = [flow.kind for flow in read_connections(BUILT_IN).flows]
    assert kinds.index("account_linking") == kinds.index("login") + 1
    words = [element.text for element in ET.fromstring(render_overview(BUILT_IN)).iter(f"{SVG}text")]
    assert words.count("opens") == 1
    assert words.count("signs in") == 1


def test_how_flows_end_is_read_from_their_outcomes() -> None:
    flows = {flow.kind: flow for flow in read_connections(BUILT_IN).flows}
    good = {kind: [end.state for end in flow.ends if end.is_good] for kind, flow in flows.items()}
    assert good["login"] == ["signed_in", "link_pending"]
    assert good["account_linking"] == ["linked", "kept_apart"]
    assert flows["account_linking"].opened_by == ("login",)
    assert flows["connect_account"].opened_by == ()


def test_boxes_and_words_keep_apart() -> None:
    root = ET.fromstring(render_overview(BUILT_IN))
    cards = [_box(card.find(f"{SVG}rect")) for card in root.iter(f"{SVG}g") if card.get("class") == "card"]
    bars = [_box(bar.find(f"{SVG}rect")) for bar in root.iter(f"{SVG}g") if bar.get("class") == "kept"]
    assert len(cards) == len(BUILT_IN)
    for one, other in combinations([*cards, *bars], 2):
        assert not one.meets(other)
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    assert all(box.right < width and box.bottom < height for box in [*cards, *bars])
    assert "…" not in "".join(root.itertext()), "a word is cut"


def test_names_of_hostile_machines_stay_text_in_the_overview(machines: ModuleType) -> None:
    class Odd(machines.HostileFlow):  # type: ignore[name-defined, misc]
        """Opens <b>nothing</b>."""

        kind = 'x"><script>'
        emits = (AccountIdentified,)

    files = rendered([machines.LoopsFlow, Odd])
    assert "<script" not in files["overview.md"]
    assert "<script" not in re.sub(r"&lt;script", "", files["overview.svg"])
    ET.fromstring(files["overview.svg"])


def test_a_flow_that_opens_a_stranger_is_refused() -> None:
    with pytest.raises(TypeError, match="account_linking, which is no flow here"):
        render_overview([LoginFlow])


def test_one_flow_alone_has_no_overview(machines: ModuleType) -> None:
    assert set(rendered([machines.SmallFlow])) == {"small.md", "small.svg"}


def test_the_page_leads_to_the_pages_of_the_flows() -> None:
    page = rendered(BUILT_IN)["overview.md"]
    for machine in BUILT_IN:
        assert f"| [`{machine.kind}`](<{machine.kind}.md>) |" in page
    assert "| `AccountIdentified` |" in page


def _box(element: ET.Element | None) -> Box:
    assert element is not None
    x, y, width, height = (float(element.attrib[name]) for name in ("x", "y", "width", "height"))
    return Box(x, y, width, height)

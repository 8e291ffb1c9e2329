"""Mermaid and Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stateful_oauth.diagrams import render_markdown, render_mermaid
from stateful_oauth.diagrams.graph import read_graph
from stateful_oauth.flows.login.machine import LoginFlow

if TYPE_CHECKING:
    from types import ModuleType

_ARROW = re.compile(r"^    (\S+) --> (\w+)(?:: (.+))?$", re.MULTILINE)
_STATE = re.compile(r'^    state "([^"]*)" as (\w+)$', re.MULTILINE)


def test_every_state_and_edge_is_in_the_mermaid_text(machine: type) -> None:
    graph, text = read_graph(machine), render_mermaid(machine)
    names = [name for _, name in _STATE.findall(text)]
    assert len(names) == len(set(names)) == len(graph.states)
    arrows = [arrow for arrow in _ARROW.findall(text) if arrow[0] != "[*]"]
    assert len(arrows) == len(graph.edges)
    assert {name for arrow in arrows for name in arrow[:2]} <= set(names)
    assert len(_ARROW.findall(text)) == len(arrows) + 1


def test_effects_guards_deadlines_and_operators_are_in_the_mermaid_text() -> None:
    text = render_mermaid(LoginFlow)
    assert "awaiting_callback --> exchanging_code: callback / exchange_code\n" in text
    assert "created --> awaiting_callback: start [not pushes_request]\n" in text
    assert "awaiting_callback --> expired: expire after 10 min\n" in text
    assert "awaiting_callback --> abandoned: abandon (operator)\n" in text
    assert "awaiting_callback --> cancelled: cancel (or operator)\n" in text
    assert 'state "awaiting_callback<br/>waiting · 10 min" as awaiting_callback\n' in text
    assert "class signed_in goal\n" in text


def test_hostile_names_do_not_reach_mermaid(machines: ModuleType) -> None:
    text = render_mermaid(machines.HostileFlow)
    assert "<script" not in text
    assert "%%" not in text
    assert "`" not in text
    known = re.compile(
        r"stateDiagram-v2|    direction TB|    classDef [\w :#,-]+|"
        r'    state "[^"<>;]*(?:#\d+;[^"<>;]*)*'
        r'(?:<br/>[^"<>;]*)+" as \w+|'
        r"    (?:\[\*\]|\w+) --> \w+(?:: [\w \[\]/().,=≤-]+)?|    class [\w,]+ \w+|"
    )
    assert [line for line in text.splitlines() if known.fullmatch(line) is None] == []
    names = {name for _, name in _STATE.findall(text)}
    assert not names & {"end", "note", "state"}, "words of mermaid are no names"


def _rows(page: str, heading: str) -> list[list[str]]:
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [line.strip("| ").split(" | ") if " | " in line else [line] for line in lines[2:]]


def _cells(line: str) -> int:
    return line.count("|") - 1


def test_the_page_has_a_row_for_every_edge_state_and_effect(machine: type) -> None:
    graph, page = read_graph(machine), render_markdown(machine)
    assert len(_rows(page, "Transitions")) == len(graph.edges)
    assert len(_rows(page, "States")) == len(graph.states)
    assert len(_rows(page, "Effects")) == len(graph.effects)
    for heading, columns in (("Transitions", 7), ("States", 5), ("Effects", 6)):
        section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        assert {_cells(line) for line in section.splitlines() if line.startswith("|")} <= {columns}


def test_the_page_of_login_says_what_a_reviewer_asks() -> None:
    graph, page = read_graph(LoginFlow), render_markdown(LoginFlow)
    assert page.splitlines()[2] == "# Flow `login`"
    assert graph.structure in page
    assert graph.summary in page
    assert "](<login.svg>)" in page
    assert "| `awaiting_callback` | `callback` |  | `exchanging_code` | `exchange_code` | browser |" in page
    assert "**fail**: `code_exchange_lost`" in page
    assert f"```mermaid\n{render_mermaid(LoginFlow)}```\n" in page


def test_rereading_effects_name_what_they_read(machines: ModuleType) -> None:
    assert "**re-read**: what happened is read by `read_back`" in render_markdown(machines.LoopsFlow)


def test_a_hostile_machine_cannot_break_the_page(machines: ModuleType) -> None:
    page = render_markdown(machines.HostileFlow)
    assert "<script" not in page
    assert page.count("```") == 2
    assert page.count("\n## ") == 5

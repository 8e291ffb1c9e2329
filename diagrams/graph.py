"""The diagram's own model of a flow: python-statemachine's extraction, enriched from the flow's definition.

The extraction knows states and guards but leaves transition actions empty, and it cannot know effects,
deadlines or who sends an event. The definition knows all that; where the two disagree nothing is drawn.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from statemachine.contrib.diagram.extract import extract
from statemachine.contrib.diagram.model import StateType

from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.engine.transaction import StateKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.flows.engine.definition import Edge
    from stateful_oauth.flows.engine.effects import Effect
    from stateful_oauth.flows.engine.machine import FlowMachine

Drawable: TypeAlias = "FlowDefinition | type[FlowMachine]"

EXPIRE: Final = "expire"
RETRY: Final = "retry"
_FLAT: Final = frozenset({StateType.REGULAR, StateType.FINAL, StateType.INITIAL})


class Origin(StrEnum):
    """Where an event comes from. The value is also the edge's class in the SVG."""

    BROWSER = "browser"
    EFFECT = "effect"
    SYSTEM = "system"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class DiagramState:
    """A state as it is drawn.

    Attributes:
        id: The element id in the SVG, and the anchor elsewhere.
        deadline: Seconds after which `expire` is due; None where no edge takes `expire`.
        effect: What is in flight in a working state.
        outcome: For a final state, the name of the outcome's type.
        is_goal: The final state that the flow is for: the first that the machine declares.
        notes: Lines that a drawing adds under the others.
    """

    id: str
    value: str
    kind: StateKind
    is_initial: bool
    is_goal: bool
    deadline: float | None
    effect: Effect | None
    outcome: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiagramEdge:
    """An edge as it is drawn.

    Attributes:
        id: The element id in the SVG.
        origins: Who sends the event, in the order of `Origin`.
        judged: The edge is what a browser's event can turn out to be (`route`), not the event itself.
    """

    id: str
    source: str
    event: str
    target: str
    guards: tuple[str, ...]
    actions: tuple[str, ...]
    effect: Effect | None
    origins: tuple[Origin, ...]
    judged: bool

    @property
    def guard_text(self) -> str:
        """The guards in words, or an empty string."""
        return " and ".join(f"not {name[1:]}" if name.startswith("!") else name for name in self.guards)

    @property
    def by_operator_only(self) -> bool:
        """Whether only an operator can take this edge."""
        return self.origins == (Origin.OPERATOR,)


@dataclass(frozen=True, slots=True)
class FlowGraph:
    """Everything that the renderers need to know about a flow.

    Attributes:
        states: In the order in which the machine declares them.
        edges: By source in that order, then as declared.
        effects: In the order in which the edges meet them.
        main_path: Ids of the edges that lead to the goal.
    """

    kind: str
    machine: str
    summary: str
    version: int
    structure: str
    states: tuple[DiagramState, ...]
    edges: tuple[DiagramEdge, ...]
    effects: tuple[Effect, ...]
    main_path: frozenset[str]

    def state(self, value: str) -> DiagramState:
        """Return the state with that value."""
        return next(state for state in self.states if state.value == value)


def edge_id(kind: str, source: str, event: str, target: str) -> str:
    """Return the id of an edge in the SVG, as the log of a transaction can name it.

    Where a machine has several edges from `source` to `target` for one event, told apart by their guards
    only, this is the first; the others end in `-2`, `-3`, and so on.
    """
    return f"{identifier(kind)}-edge-{identifier(source)}-{identifier(event)}-{identifier(target)}"


def state_id(kind: str, state: str) -> str:
    """Return the id of a state in the SVG."""
    return f"{identifier(kind)}-state-{identifier(state)}"


def read_graph(flow: Drawable) -> FlowGraph:
    """Read a flow.

    Raises:
        TypeError: The machine is not flat, or its definition and python-statemachine's extraction disagree.
    """
    definition = flow if isinstance(flow, FlowDefinition) else FlowDefinition(flow)
    machine = definition.machine
    values = _extracted_states(definition)
    goal = next((value for value in values if definition.state_kinds[value] is StateKind.FINAL), None)
    order = {value: position for position, value in enumerate(values)}
    declared = sorted(definition.edges, key=lambda edge: order[edge.source])
    ids = _unique([edge_id(definition.kind, edge.source, edge.event, edge.target) for edge in declared])
    state_ids = _unique([state_id(definition.kind, value) for value in values])
    effects = {edge.effect.name: edge.effect for edge in declared if edge.effect is not None}
    # Not inspect.getdoc, which would describe the base class where a machine says nothing.
    summary = (machine.__dict__.get("__doc__") or "").strip().partition("\n")[0]
    edges = tuple(_edge(definition, i, edge) for i, edge in zip(ids, declared, strict=True))
    return FlowGraph(
        kind=definition.kind,
        machine=f"{machine.__module__}.{machine.__qualname__}",
        summary=summary,
        version=definition.definition.version,
        structure=definition.definition.structure,
        states=tuple(
            _state(definition, element_id, value, is_goal=value == goal)
            for element_id, value in zip(state_ids, values, strict=True)
        ),
        edges=edges,
        effects=tuple(effects.values()),
        main_path=_main_path(edges, order, goal),
    )


def _main_path(edges: tuple[DiagramEdge, ...], order: Mapping[str, int], goal: str | None) -> frozenset[str]:
    """Go back from the goal, each time to the state that is declared last among those before it.

    So the path takes the detours that are on its way, and none that leads back.
    """
    found: set[str] = set()
    here = goal
    while here is not None:
        arriving = [edge for edge in edges if edge.target == here and order[edge.source] < order[here]]
        before = max((edge.source for edge in arriving), key=order.__getitem__, default=None)
        found |= {edge.id for edge in arriving if edge.source == before}
        here = before
    return frozenset(found)


def _extracted_states(definition: FlowDefinition) -> list[str]:
    """Return the states' values in declaration order, and hold the definition against the extraction."""
    machine = definition.machine
    extracted = extract(machine)
    if extracted.compound_state_ids or any(state.type not in _FLAT for state in extracted.states):
        raise TypeError(f"{machine.__name__} is not flat: draw machines without nested states only.")
    by_id: Mapping[str, Any] = {state.id: state for state in machine.states}
    value_of = {state.id: str(by_id[state.id].value) for state in extracted.states}
    arrows: Counter[tuple[str, str, tuple[str, ...]]] = Counter()
    for transition, own in zip(
        extracted.transitions, (t for s in machine.states for t in s.transitions), strict=True
    ):
        for target in transition.targets:
            key = (value_of[transition.source], value_of[target], tuple(transition.guards))
            arrows[key] += len(list(own.events))
    known = Counter((edge.source, edge.target, edge.guards) for edge in definition.edges)
    if arrows != known:
        raise TypeError(
            f"{machine.__name__}: python-statemachine sees other edges than the flow's definition: "
            f"{sorted((arrows - known) + (known - arrows))}"
        )
    return list(value_of.values())


def _state(definition: FlowDefinition, element_id: str, value: str, *, is_goal: bool) -> DiagramState:
    kind = definition.state_kinds[value]
    expires = kind is StateKind.WAITING and definition.allows(value, EXPIRE)
    outcome = getattr(definition.machine.states_map[value], "outcome", None)
    return DiagramState(
        id=element_id,
        value=value,
        kind=kind,
        is_initial=value == definition.initial,
        is_goal=is_goal,
        deadline=definition.deadline_of(value) if expires else None,
        effect=definition.effect_in(value),
        outcome=outcome.__name__ if isinstance(outcome, type) else "",
    )


def _edge(definition: FlowDefinition, element_id: str, edge: Edge) -> DiagramEdge:
    origins, judged = _origins(definition, edge)
    return DiagramEdge(
        id=element_id,
        source=edge.source,
        event=edge.event,
        target=edge.target,
        guards=edge.guards,
        actions=edge.actions,
        effect=edge.effect,
        origins=tuple(origin for origin in Origin if origin in origins),
        judged=judged,
    )


def _origins(definition: FlowDefinition, edge: Edge) -> tuple[set[Origin], bool]:
    """Tell who can send the edge's event, and whether it is a judgement on another event."""
    machine, found = definition.machine, set[Origin]()
    if edge.event in (*machine.operator_events, RETRY):
        found.add(Origin.OPERATOR)
    if edge.event in (EXPIRE, RETRY):
        return found | {Origin.SYSTEM}, False
    if definition.state_kinds[edge.source] is not StateKind.WAITING:
        effect = definition.effect_in(edge.source)
        if effect is not None and edge.event in effect.produces:
            found.add(Origin.EFFECT)
        return found or {Origin.SYSTEM}, False
    if edge.source == definition.initial:
        if edge.event == "start" or edge.event in machine.browser_events:
            found.add(Origin.BROWSER)
        return found or {Origin.SYSTEM}, False
    if edge.event in machine.browser_events:
        return found | {Origin.BROWSER}, False
    awaits_browser = any(definition.allows(edge.source, event) for event in machine.browser_events)
    if awaits_browser and edge.event in machine.judged_events:
        return found | {Origin.BROWSER}, True
    return found or {Origin.SYSTEM}, False


def _unique(names: list[str]) -> list[str]:
    seen: set[str] = set()
    result = []
    for name in names:
        candidate, count = name, 1
        while candidate in seen:
            count += 1
            candidate = f"{name}-{count}"
        seen.add(candidate)
        result.append(candidate)
    return result


def identifier(name: str) -> str:
    """Return `name` as part of an element id: safe in XML, in a selector and in a URL.

    Different names stay different: every character that is replaced becomes its code point.
    """
    return "".join(c if c.isascii() and (c.isalnum() or c == "_") else f"-{ord(c):x}-" for c in name)

"""What was done, in figures."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from stateful_oauth.flows.engine.definition import FlowDefinition


@dataclass
class Figures:
    """Counts over many scenarios.

    Attributes:
        happened: How often each rule was run, and each thing went wrong: see `assert_everything_happened`.
        edges: How often each arrow was taken: by flow, source, event and target.
        paths: The ways that transactions went, from their first state on, as far as they came.
        most: The most statements and the most calls that an action took, by the action's name.
        faults: How many calls to the provider failed.
        crashes: How many processes died.
        began: On `time.monotonic()`.
        seconds: How long it took; 0 while it goes on.
        processor: The same in processor time.
    """

    scenarios: int = 0
    steps: int = 0
    faults: int = 0
    crashes: int = 0
    calls: int = 0
    statements: int = 0
    violations: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    edges: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    paths: set[tuple[str, ...]] = field(default_factory=set)
    most: dict[str, tuple[int, int]] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    processor: float = field(default_factory=lambda: -time.process_time())

    def stop(self) -> None:
        """Note how long it took."""
        self.seconds = time.monotonic() - self.began
        self.processor += time.process_time()

    def cost(self, what: str, statements: int, calls: int) -> None:
        """Note what an action took."""
        before = self.most.get(what, (0, 0))
        self.most[what] = (max(before[0], statements), max(before[1], calls))

    def took(self, flow: str, edge: tuple[str, str, str]) -> None:
        """Count an arrow."""
        self.edges[(flow, *edge)] += 1

    def never_taken(self, flows: Iterable[FlowDefinition]) -> list[str]:
        """Return the arrows that no transaction took, as text."""
        return [
            f"{flow.kind}: {edge.source} --{edge.event}--> {edge.target}"
            for flow in flows
            for edge in flow.edges
            if (flow.kind, edge.source, edge.event, edge.target) not in self.edges
        ]

    def coverage(self, flow: FlowDefinition) -> float:
        """Return how many of a flow's arrows were taken, in percent."""
        arrows = {(edge.source, edge.event, edge.target) for edge in flow.edges}
        return _percent(self._taken(flow), arrows)

    def coverage_of_states(self, flow: FlowDefinition) -> float:
        """Return in how many of a flow's states a transaction was, in percent."""
        been = {state for source, _, target in self._taken(flow) for state in (source, target)}
        return _percent(been, set(flow.state_kinds))

    def coverage_of_outcomes(self, flow: FlowDefinition) -> float:
        """Return how many of the events that a flow's effects can produce came of them, in percent."""
        outcomes = {
            (state, event)
            for state in flow.state_kinds
            if (effect := flow.effect_in(state)) is not None
            for event in effect.produces
        }
        return _percent({(source, event) for source, event, _ in self._taken(flow)}, outcomes)

    def lines_of_coverage(self, flows: Iterable[FlowDefinition]) -> list[str]:
        """Return three lines for each flow: transitions, states, and outcomes of effects, in percent."""
        return [
            f"{what} covered in {flow.kind} (%): {covered(flow):.1f}"
            for flow in flows
            for what, covered in (
                ("transitions", self.coverage),
                ("states", self.coverage_of_states),
                ("outcomes of effects", self.coverage_of_outcomes),
            )
        ]

    def _taken(self, flow: FlowDefinition) -> set[tuple[str, str, str]]:
        return {(source, event, target) for kind, source, event, target in self.edges if kind == flow.kind}

    def add(self, other: Figures) -> None:
        """Take the figures of another process in."""
        for name in ("scenarios", "steps", "faults", "crashes", "calls", "statements", "violations"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seconds = max(self.seconds, other.seconds or time.monotonic() - other.began)
        self.processor = max(self.processor, 0.0) + max(other.processor, 0.0)
        self.edges.update(other.edges)
        self.happened.update(other.happened)
        self.paths |= other.paths
        for what, cost in other.most.items():
            self.cost(what, *cost)

    def lines(self, flows: Iterable[FlowDefinition]) -> list[str]:
        """Return the report: one `name: number` a line."""
        seconds = self.seconds or time.monotonic() - self.began
        done: dict[str, object] = {
            "examples": self.scenarios,
            "steps": self.steps,
            "faults": self.faults,
            "crashes": self.crashes,
            "calls": self.calls,
            "statements": self.statements,
            "paths": len(self.paths),
        }
        speed: dict[str, object] = {
            "violations": self.violations,
            "seconds": f"{seconds:.1f}",
            "steps per second": f"{self.steps / max(seconds, 0.001):.1f}",
        }
        if self.processor > 0:
            speed["steps per second of processor time"] = f"{self.steps / self.processor:.1f}"
        return [
            *(f"{name}: {value}" for name, value in done.items()),
            *self.lines_of_coverage(flows),
            *(
                f"most {what} of {action}: {most}"
                for action, cost in sorted(self.most.items())
                for what, most in zip(("statements", "calls"), cost, strict=True)
            ),
            *(f"{name}: {value}" for name, value in speed.items()),
        ]


def _percent(reached: AbstractSet[object], all_: AbstractSet[object]) -> float:
    return 100 * len(reached & all_) / len(all_) if all_ else 100.0

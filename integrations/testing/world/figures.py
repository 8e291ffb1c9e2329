"""What was done, in figures."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stateful_oauth.flows.definition import FlowDefinition


@dataclass
class Figures:
    """Counts over many scenarios.

    Attributes:
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
        arrows = {(flow.kind, edge.source, edge.event, edge.target) for edge in flow.edges}
        return 100 * len(arrows & self.edges.keys()) / len(arrows)

    def add(self, other: Figures) -> None:
        """Take the figures of another process in."""
        for name in ("scenarios", "steps", "faults", "crashes", "calls", "statements", "violations"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seconds = max(self.seconds, other.seconds or time.monotonic() - other.began)
        self.processor = max(self.processor, 0.0) + max(other.processor, 0.0)
        self.edges.update(other.edges)
        self.paths |= other.paths
        for what, cost in other.most.items():
            self.cost(what, *cost)

    def lines(self, flows: Iterable[FlowDefinition]) -> list[str]:
        """Return the report: one `name: number` a line."""
        seconds = self.seconds or time.monotonic() - self.began
        figures: dict[str, object] = {
            "examples": self.scenarios,
            "steps": self.steps,
            "faults": self.faults,
            "crashes": self.crashes,
            "calls": self.calls,
            "statements": self.statements,
            "paths": len(self.paths),
            **{f"transitions covered in {flow.kind} (%)": f"{self.coverage(flow):.1f}" for flow in flows},
            "violations": self.violations,
            "seconds": f"{seconds:.1f}",
            "steps per second": f"{self.steps / max(seconds, 0.001):.1f}",
            **(
                {"steps per second of processor time": f"{self.steps / self.processor:.1f}"}
                if self.processor > 0
                else {}
            ),
        }
        return [f"{name}: {value}" for name, value in figures.items()]

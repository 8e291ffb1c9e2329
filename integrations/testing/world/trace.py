"""A scenario as people read it, and as a test that runs it again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was run: its name and its arguments, all of them plain values."""

    rule: str
    arguments: Mapping[str, Any]

    def __repr__(self) -> str:
        arguments = "".join(f", {name}={value!r}" for name, value in self.arguments.items())
        return f"step({self.rule!r}{arguments})"


def step(rule: str, /, **arguments: Any) -> Step:
    """Return a step, as regression tests write it."""
    return Step(rule, arguments)


@dataclass
class Trace:
    """What has happened so far.

    Attributes:
        steps: To run it again.
        lines: To read it.
    """

    steps: list[Step] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def begin(self, rule: str, arguments: Mapping[str, Any]) -> None:
        """Note a rule that is about to run."""
        self.steps.append(Step(rule, dict(arguments)))

    def note(self, line: str) -> None:
        """Add a line in plain English; an indented one belongs to the step above."""
        self.lines.append(line)

    def text(self) -> str:
        """Return the trace as text: the steps, each with the transitions that it took, indented below it."""
        number, numbered = 0, []
        for line in self.lines:
            if line.startswith(" "):
                numbered.append(f"      {line.strip()}")
            else:
                number += 1
                numbered.append(f"{number:4}. {line}")
        return "\n".join(numbered)

    def as_test(self, world: type, name: str = "test_it_does_not_happen_again") -> str:
        """Return a test that takes the same steps.

        Args:
            world: The class whose rules were run.
        """
        lines = [
            *_imports(self.steps),
            f"from {world.__module__} import {world.__qualname__}",
            "",
            "",
            "@pytest.mark.django_db(transaction=True)",
            f"def {name}():",
            f"    {world.__qualname__}.replay(",
            *(f"        {each!r}," for each in self.steps),
            "    )",
        ]
        return "\n".join(lines)


def _imports(steps: list[Step]) -> list[str]:
    """Return the imports of what stands in the steps."""
    text = repr(steps)
    names = ("CallFails", "Configuration", "Meanwhile", "WorkerDies", "WorkerStalls")
    used = ", ".join([*(name for name in names if f"{name}(" in text), "step"])
    return ["import pytest", "", f"from stateful_oauth.testing.world import {used}"]

# ruff: noqa: INP001 - a script beside the documents, not a package
"""Write the table of the longest requests into docs/slow-provider.md; with --check, compare only.

The machines declare how long their effects may take, and which effects follow each other without a state that
waits for the browser.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stateful_oauth.flows.engine.context import COMMIT_MARGIN
from stateful_oauth.flows.engine.registry import FlowRegistry, load_machine
from stateful_oauth.flows.registry import BUILT_IN

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.definition import FlowDefinition
    from stateful_oauth.flows.engine.effects import Effect

PAGE = Path(__file__).with_name("slow-provider.md")
BEGIN = "| --- | --- | --- |\n"
MARK, END = "<!-- longest requests -->", "<!-- end -->"


def longest(flow: FlowDefinition, state: str, before: tuple[str, ...] = ()) -> list[Effect]:
    """Return the effects that take longest, one after the other, from a state that is entered."""
    effect = flow.effect_in(state)
    if effect is None or state in before:
        return []
    later = [longest(flow, edge.target, (*before, state)) for edge in flow.edges if edge.source == state]
    return [effect, *max(later, key=seconds_of, default=[])]


def seconds_of(effects: list[Effect]) -> float:
    """Return how long they take at most: no call outlives its effect's lease."""
    return sum(0 if effect.is_local else effect.lease - COMMIT_MARGIN for effect in effects)


def rows() -> str:
    """Return the lines of the table."""
    flows = FlowRegistry(*(load_machine(declaration) for declaration in BUILT_IN))
    lines = []
    for declaration in BUILT_IN:
        flow = flows[declaration.kind]
        chains = [longest(flow, edge.target) for edge in flow.edges if edge.event != "retry"]
        chain = [each for each in max(chains, key=seconds_of) if not each.is_local]
        names = ", ".join(f"`{each.name}`" for each in chain)
        lines.append(f"| `{declaration.kind}` | {seconds_of(chain):.0f} | {names} |\n")
    return "".join(lines)


def main() -> int:
    """Write or compare; return the exit status."""
    page = PAGE.read_text(encoding="utf-8")
    head, rest = page.split(MARK)
    table, tail = rest.split(END)
    table = table[: table.index(BEGIN) + len(BEGIN)] + rows()
    new = f"{head}{MARK}{table}{END}{tail}"
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(new, encoding="utf-8")
        return 0
    if page == new:
        return 0
    sys.stderr.write(
        "docs/slow-provider.md differs from the machines. Run `make docs`, and commit the result.\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())

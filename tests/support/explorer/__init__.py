"""A small exhaustive explorer: every order of a few deliveries, and every crash of one of them.

Give it a flow's kind and scenes: where it begins, who delivers what, and what must be true in the end.

    class TwoTabs(Scene):
        def actors(self):
            return {"tab 1": self.tab_1.deliver, "the same again": self.tab_1.deliver, "tab 2": ...}

    found = Explorer("login", two_tabs).explore()
    assert not found.violations, found.violations

Two orders that only swap neighbouring steps which touch nothing in common end alike; of those one is tried:
`orders.py`. What a step is, and what it touches, is read from what it does: `actors.py`, `accesses.py`.
SQLite in a file, because there one transaction is one step; see `docs/testing.md`.
"""

from tests.support.explorer.actors import Blocked, Crashed
from tests.support.explorer.orders import (
    Exploration,
    Explorer,
    NotTheSame,
    Scene,
    Violation,
)

__all__ = ["Blocked", "Crashed", "Exploration", "Explorer", "NotTheSame", "Scene", "Violation"]

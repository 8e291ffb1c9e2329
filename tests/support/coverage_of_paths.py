"""A plugin of pytest: what of each flow its paths took, at the end of a run; parallel workers tell it too."""

from __future__ import annotations

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # Late: Django is set up by then.
    from stateful_oauth.django import wiring
    from stateful_oauth.testing.world.figures import Figures

    figures, walked = Figures(), Counter[str]()
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "taken":
                kind, *edges = value
                walked[kind] += 1
                for source, event, target in edges:
                    figures.took(kind, (source, event, target))
    for flow in wiring.flows() if walked else ():
        terminalreporter.write_line(f"paths walked of {flow.kind}: {walked[flow.kind]}")
        for line in figures.lines_of_coverage([flow]):
            terminalreporter.write_line(line)

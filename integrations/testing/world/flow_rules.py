"""Rules of flows that bring their own: `world/rules_of/<kind>.py` has a class `Rules` and a `CORPUS`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.registry import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stateful_oauth.testing.world.trace import Step


def rules_of_flows() -> tuple[type[Any], ...]:
    """Return the classes, in the order of the registry."""
    return tuple(module.Rules for module in _modules())


def corpus_of_flows() -> Mapping[str, tuple[Step, ...]]:
    """Return the scenarios of these flows."""
    return {name: steps for module in _modules() for name, steps in module.CORPUS.items()}


def _modules() -> Iterator[Any]:
    names = (f"{__package__}.rules_of.{flow.kind}" for flow in BUILT_IN)
    return (import_module(name) for name in names if find_spec(name) is not None)

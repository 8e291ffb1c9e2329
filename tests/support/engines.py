"""Engines like the site's own, with some parts of them replaced."""

from __future__ import annotations

from typing import Any

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.engine import Engine
from stateful_oauth.storage.store import DjangoTransactionStore


def engine_with(**parts: Any) -> Engine:
    """Make an engine; `parts` are arguments of `Engine` that stand in for the site's."""
    own: dict[str, Any] = {
        "flows": wiring.flows(),
        "store": DjangoTransactionStore(),
        "services": wiring.services,
        "clock": wiring.clock,
    }
    return Engine(**{**own, **parts})

"""The "what if" menu: every entry makes a real situation happen, against the real engine and the emulator."""

from __future__ import annotations

from typing import Final

from stateful_oauth.integrations.demo.scenarios.answers import ANSWERS
from stateful_oauth.integrations.demo.scenarios.provider import PROVIDER
from stateful_oauth.integrations.demo.scenarios.scenario import Group, Scenario
from stateful_oauth.integrations.demo.scenarios.site import ACCOUNTS, ADDRESSES, OPERATIONS
from stateful_oauth.integrations.demo.scenarios.visitors import AGAIN, FIRST, REFUSALS

GROUPS: Final[tuple[Group, ...]] = (
    FIRST,
    AGAIN,
    REFUSALS,
    PROVIDER,
    ANSWERS,
    ACCOUNTS,
    ADDRESSES,
    OPERATIONS,
)
SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.slug: scenario for group in GROUPS for scenario in group.scenarios
}

NOT_IN_MENU: Final[dict[str, str]] = {
    "wrong_flow": "The demo has one tenant and one flow, so there is no wrong callback to come back to.",
    "event_not_allowed": "Browsers send one event, and every state answers it.",
    "in_progress": 'It is the page that waits: "double-click" shows it, under its own address.',
    "fence_lost": "It takes a worker that outlives its lease; tests reach it with crash points.",
    "provider_answer_lost": "Only a pushed request ends so, and the demo pushes nothing.",
    "internal_error": "It takes a bug.",
    "parameter_reserved": "It takes a wrong call in a project's code, which no visitor makes.",
    "scope_invalid": "It takes a wrong setting, which the system check refuses.",
    "input_invalid": "It takes a wrong call in a project's code, which no visitor makes.",
}
"""Error codes that no entry shows, with the reason. A test holds both against the table."""

__all__ = ["GROUPS", "NOT_IN_MENU", "SCENARIOS", "Group", "Scenario"]

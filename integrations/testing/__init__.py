"""What test suites import: a browser, a clock, a tenant to sign in at, and the test kit.

    from stateful_oauth.testing import Browser, ManualClock, World, assert_every_path

Every name is loaded when it is first used (PEP 562). The modules below this one are internal: they may move
in any release. The tenant itself is `stateful_oauth.emulator.Tenant`; the fixtures of pytest need no import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.flows.lazy_names import lazy_names

if TYPE_CHECKING:
    from stateful_oauth.testing.browser import Browser
    from stateful_oauth.testing.clock import ManualClock
    from stateful_oauth.testing.fault_plan import FaultPlan
    from stateful_oauth.testing.matrix import Cell, assert_matrix
    from stateful_oauth.testing.tenants import at_the_tenant, tenant_of_settings
    from stateful_oauth.testing.walker import Walker, assert_every_path
    from stateful_oauth.testing.world.base_state_machine import rule
    from stateful_oauth.testing.world.configuration import Configuration
    from stateful_oauth.testing.world.faults import CallFails, Meanwhile, WorkerDies, WorkerStalls
    from stateful_oauth.testing.world.figures import Figures
    from stateful_oauth.testing.world.machine import World
    from stateful_oauth.testing.world.prove import (
        PROFILES,
        Profile,
        assert_every_transition,
        assert_everything_happened,
        prove,
        report,
    )
    from stateful_oauth.testing.world.strategies import (
        account_numbers,
        browser_numbers,
        callback_changes,
        configurations,
        faults,
        numbers,
        other_browsers,
    )
    from stateful_oauth.testing.world.tenant_accounts import ACCOUNTS, Account
    from stateful_oauth.testing.world.trace import Step, step
    from stateful_oauth.testing.world.violations import Violation

__all__ = [
    "ACCOUNTS",
    "PROFILES",
    "Account",
    "Browser",
    "CallFails",
    "Cell",
    "Configuration",
    "FaultPlan",
    "Figures",
    "ManualClock",
    "Meanwhile",
    "Profile",
    "Step",
    "Violation",
    "Walker",
    "WorkerDies",
    "WorkerStalls",
    "World",
    "account_numbers",
    "assert_every_path",
    "assert_every_transition",
    "assert_everything_happened",
    "assert_matrix",
    "at_the_tenant",
    "browser_numbers",
    "callback_changes",
    "configurations",
    "faults",
    "numbers",
    "other_browsers",
    "prove",
    "report",
    "rule",
    "step",
    "tenant_of_settings",
]

if not TYPE_CHECKING:  # or a misspelled name would be no error to a type checker
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "stateful_oauth.testing.browser": "Browser",
            "stateful_oauth.testing.clock": "ManualClock",
            "stateful_oauth.testing.fault_plan": "FaultPlan",
            "stateful_oauth.testing.matrix": "Cell assert_matrix",
            "stateful_oauth.testing.tenants": "at_the_tenant tenant_of_settings",
            "stateful_oauth.testing.walker": "Walker assert_every_path",
            "stateful_oauth.testing.world.base_state_machine": "rule",
            "stateful_oauth.testing.world.configuration": "Configuration",
            "stateful_oauth.testing.world.faults": "CallFails Meanwhile WorkerDies WorkerStalls",
            "stateful_oauth.testing.world.figures": "Figures",
            "stateful_oauth.testing.world.machine": "World",
            "stateful_oauth.testing.world.prove": (
                "PROFILES Profile assert_every_transition assert_everything_happened prove report"
            ),
            "stateful_oauth.testing.world.strategies": (
                "account_numbers browser_numbers callback_changes configurations faults numbers "
                "other_browsers"
            ),
            "stateful_oauth.testing.world.tenant_accounts": "ACCOUNTS Account",
            "stateful_oauth.testing.world.trace": "Step step",
            "stateful_oauth.testing.world.violations": "Violation",
        },
    )

"""A property-based test of a whole site: browsers, tabs and people, every flow, and everything that fails.

`World` is a `hypothesis.stateful.RuleBasedStateMachine` over the real engine, the real store and an emulated
tenant, with the invariants of the package; `prove` runs it. See docs/testing.md.
"""

from stateful_oauth.testing.world.base_state_machine import rule
from stateful_oauth.testing.world.configuration import Configuration
from stateful_oauth.testing.world.corpus import CORPUS
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
from stateful_oauth.testing.world.tenant_accounts import ACCOUNTS, Account
from stateful_oauth.testing.world.trace import Step, step
from stateful_oauth.testing.world.violations import Violation

__all__ = [
    "ACCOUNTS",
    "CORPUS",
    "PROFILES",
    "Account",
    "CallFails",
    "Configuration",
    "Figures",
    "Meanwhile",
    "Profile",
    "Step",
    "Violation",
    "WorkerDies",
    "WorkerStalls",
    "World",
    "assert_every_transition",
    "assert_everything_happened",
    "prove",
    "report",
    "rule",
    "step",
]

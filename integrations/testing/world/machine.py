"""The World: every rule, what may happen meanwhile, and the end of a scenario."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from hypothesis.stateful import invariant

from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.testing.world.accounts import Accounts
from stateful_oauth.testing.world.base_state_machine import BaseStateMachine
from stateful_oauth.testing.world.corpus import CORPUS
from stateful_oauth.testing.world.fault_scenarios import FAULT_SCENARIOS
from stateful_oauth.testing.world.flow_rules import corpus_of_flows, rules_of_flows
from stateful_oauth.testing.world.invariants import AT_REST, EVERY_STEP
from stateful_oauth.testing.world.operating import Operating
from stateful_oauth.testing.world.others import CORPUS as CORPUS_OF_OTHERS
from stateful_oauth.testing.world.others import Others
from stateful_oauth.testing.world.passing_time import PassingTime
from stateful_oauth.testing.world.roles import CORPUS_OF_ROLES, Roles
from stateful_oauth.testing.world.session_endings import CORPUS as CORPUS_OF_SESSION_ENDINGS
from stateful_oauth.testing.world.session_endings import SessionEndings
from stateful_oauth.testing.world.starting import Starting

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping

    from stateful_oauth.testing.world.action import Action
    from stateful_oauth.testing.world.tabs import Tab
    from stateful_oauth.testing.world.trace import Step

    Invariant = Callable[[BaseStateMachine], None]


if TYPE_CHECKING:
    FlowRules = BaseStateMachine
else:
    FlowRules = type("FlowRules", rules_of_flows() or (BaseStateMachine,), {})


class World(Starting, Accounts, PassingTime, Operating, Others, Roles, SessionEndings, FlowRules):
    """A site, a tenant, browsers with tabs, people, operators and bad weather.

    Subclass it to add rules (`rule` of this package) and invariants (`hypothesis.stateful.invariant`, or a
    function in `every_step`), to change the accounts, or to draw other configurations. Run it with
    `stateful_oauth.testing.world.prove`.

    Attributes:
        every_step: What has to hold after every step.
        at_rest: What has to hold when faults have ended and recovery has run.
    """

    corpus: ClassVar[Mapping[str, tuple[Step, ...]]] = {
        **CORPUS,
        **FAULT_SCENARIOS,
        **CORPUS_OF_OTHERS,
        **CORPUS_OF_ROLES,
        **CORPUS_OF_SESSION_ENDINGS,
        **corpus_of_flows(),
    }
    every_step: ClassVar[tuple[Invariant, ...]] = EVERY_STEP
    at_rest: ClassVar[tuple[Invariant, ...]] = AT_REST

    @invariant()
    def everything_holds(self) -> None:
        """Hold what can be seen now against every invariant."""
        self._annotated(self.check)

    def check(self) -> None:
        """Hold what can be seen now against every invariant."""
        for each in self.every_step:
            each(self)
        self.before = self.seen
        self.actions, self.responses = [], []
        self.memory.begin_step()

    def come_to_rest(self) -> None:
        """End every fault, let recovery run, help what waits for an operator, and look."""
        self.calm()
        for row in [row for row in self.seen.open() if row.stuck_since is not None]:
            self.trace.note(f"An operator chooses retry for {self.name_of(row.id)}.")
            self._operate(row.id, row.kind, row.tenant, "retry")
        self.look()
        self.check()
        self.calm()
        self.compare_at_rest()
        self.look()
        self.check()
        for each in self.at_rest:
            each(self)
        for row in self.seen.rows.values():
            self.figures.paths.add((row.kind, *(line.event for line in row.taken)))

    def _meanwhile(self, tab: Tab | None, action: Action, what: str) -> None:
        self.trace.note(f"    meanwhile: {what}")
        if tab is not None:
            self._attribute(tab)
        match what:
            case "the same again":
                response = action.again()
                self.take_in(None if tab is None else next(iter(tab.rows), None))
                if hasattr(response, "headers"):
                    self.responses.append(response)
            case "the sweep, when the lease is over":
                self.site.clock.advance(31)
                for row in self._rows_of(tab):
                    self.memory.touch(row)
                    self.act("recovery", partial(self.engine().recover, row, SystemCaller()))
                    self.take_in(row)
            case "an operator abandons":
                for row in self._rows_of(tab):
                    found = self.row_now(row)
                    if found is not None:
                        self._operate(row, found.kind, found.tenant, "abandon")
            case "signing out" if tab is not None:
                self._sign_out(tab.browser)
            case "another tab comes back" if tab is not None:
                others = [
                    each
                    for each in self.tabs
                    if each.browser == tab.browser and each is not tab and each.callback is not None
                ]
                if others:
                    self.opens_callback(others[-1], tab.browser, "", ())
            case _:
                pass

    def _rows_of(self, tab: Tab | None) -> list[uuid.UUID]:
        touched = self.memory.touched or set()
        rows = [] if tab is None else list(tab.rows)
        return [*rows, *(row for row in touched if row not in rows)]

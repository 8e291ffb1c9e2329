"""The base of the World: browsers, tabs, a site that acts, and what was seen after each step."""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, Final

import hypothesis.strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine
from hypothesis.stateful import initialize as hypothesis_initialize
from hypothesis.stateful import precondition as hypothesis_precondition
from hypothesis.stateful import rule as hypothesis_rule

from stateful_oauth.django import wiring
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.browser import Browser
from stateful_oauth.testing.tenants import forget_provider
from stateful_oauth.testing.world.action import Action
from stateful_oauth.testing.world.configuration import Configuration
from stateful_oauth.testing.world.figures import Figures
from stateful_oauth.testing.world.memory import Memory
from stateful_oauth.testing.world.observations import Observation
from stateful_oauth.testing.world.sessions import signed_in
from stateful_oauth.testing.world.site import Site
from stateful_oauth.testing.world.tabs import Tab
from stateful_oauth.testing.world.tenant_accounts import ACCOUNTS, add_accounts
from stateful_oauth.testing.world.trace import Step, Trace, step

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping, Sequence

    from django.http import HttpResponse

    from stateful_oauth.emulator import ActionApi, ActionEvent
    from stateful_oauth.testing.world.faults import Fault
    from stateful_oauth.testing.world.observations import Row
    from stateful_oauth.testing.world.tenant_accounts import Account

BROWSERS: Final = 3
GIVEN_UP: Final = ("abandoned", "failed")  # they do not say what happened at the provider


def rule(**strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """Make a method a rule, as `hypothesis.stateful.rule` does, that a trace shows and a test can run again.

    Its arguments must be plain values: numbers, texts, and the values of this package. A number stands for
    one of the things that are there: see `BaseStateMachine.pick`.
    """

    def decorate(function: Callable[..., None]) -> Any:
        making: Any = hypothesis_rule
        return making(**strategies)(_traced(function))

    return decorate


def precondition(holds: Callable[[Any], object]) -> Callable[[Any], Any]:
    """Let a rule be chosen only where `holds` returns something that is true, or not empty."""
    return hypothesis_precondition(lambda self: bool(holds(self)))


def _traced(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def run(self: BaseStateMachine, **arguments: Any) -> None:
        self.run_step(function, arguments)

    # Hypothesis leaves out about half of the rules in each scenario, by name ("swarm testing"). Here most
    # rules are of no use without others: a browser that did not start does not come back. So all have one
    # name.
    run.__name__ = "step"
    return run


def not_twice(world: BaseStateMachine) -> bool:
    """Whether the last rule is not one that there is no point in running again at once."""
    return world.trace.steps[-1].rule not in _ONCE


_ONCE: Final = frozenset(
    {
        "wait",
        "purge",
        "change",
        "sweep",
        "administer_tenant",
        "administer_site",
        "end_sessions",
        "sign_out",
        "link_elsewhere",
        "unlink_elsewhere",
        "change_action",
        "compare_with_provider",
        "assign_roles",
    }
)


class BaseStateMachine(RuleBasedStateMachine):
    """What rules and invariants work on. Subclass `World`, which has the rules.

    Attributes:
        accounts: Who can sign in at the tenant.
        configurations: Draws how site and tenant are set up.
        corpus: Scenarios by name. Each is run once, and others begin like them.
        alias: Which tenant of the settings.
        changes: Keys of `STATEFUL_OAUTH` that every scenario changes.
        figures: What all scenarios of this process did so far.
        site: The site and its tenant.
        browsers: As many as `BROWSERS`.
        tabs: Of all browsers, oldest first.
        memory: What people and places would remember: the truth that invariants compare with.
        before: What the database showed before the last step.
        seen: What it shows now.
        wrote: Whether the last step changed anything in the database.
        actions: What the site did in the last step.
        responses: What it answered.
    """

    accounts: ClassVar[tuple[Account, ...]] = ACCOUNTS
    configurations: ClassVar[st.SearchStrategy[Configuration]] = st.just(Configuration())
    corpus: ClassVar[Mapping[str, tuple[Step, ...]]] = {}
    alias: ClassVar[str] = "default"
    changes: ClassVar[Mapping[str, Any]] = {}
    figures: ClassVar[Figures] = Figures()

    origin: ClassVar[type[BaseStateMachine] | None] = None  # of a class that hypothesis runs

    latest_failure: ClassVar[tuple[Step, ...]] = ()  # the steps of the latest scenario that went wrong

    site: Site

    def __init__(self) -> None:
        super().__init__()
        self.trace = Trace()
        self.is_open = self.failed = False
        self.browsers: list[Browser] = []
        self.tabs: list[Tab] = []
        self.memory = Memory()
        self.before = self.seen = Observation()
        self.actions: list[Action] = []
        self.responses: list[HttpResponse] = []
        self._names: dict[uuid.UUID, str] = {}
        self._users: dict[int, Any] | None = None
        self.wrote, self._written = False, 0
        self._numbers: Counter[str] = Counter()

    # From the first step to the last.

    @hypothesis_initialize(data=st.data())
    def begin(self, data: Any) -> None:
        """Set everything up as drawn; often go on from some way into a scenario of the corpus."""
        scenarios = [(), *self.corpus.values()]
        known: tuple[Step, ...] = data.draw(st.sampled_from(scenarios))
        drawn: Configuration = data.draw(self.configurations)
        if not known:
            self.settle_in(drawn)
            return
        length = data.draw(st.integers(1, len(known)))
        first, *others = known[:length]
        self.settle_in(first.arguments.get("configuration", Configuration()).varied(drawn))
        for each in others:
            self._annotated(self.check)
            getattr(self, each.rule)(**each.arguments)

    def settle_in(self, configuration: Configuration | None = None) -> None:
        """Set everything up; without a configuration, as the project's own settings are."""
        configuration = configuration or Configuration()
        self.trace.begin("settle_in", {"configuration": configuration})
        self.trace.note(f"The site is set up with {configuration!r}.")
        self.site = Site(configuration, alias=self.alias, changes=self.changes)
        self.site.open()
        self.is_open = True
        self.seed_tenant()
        self.browsers = [Browser(self.site.tenant) for _ in range(BROWSERS)]
        self.figures.scenarios += 1

    def seed_tenant(self) -> None:
        """Add the accounts to the tenant. Override it for a project's own accounts."""
        add_accounts(self.site.tenant, self.accounts)

    def set_action(self, action: Callable[[ActionEvent, ActionApi], None] | None) -> None:
        """Give the tenant an Action, or none."""
        self.site.tenant.action = action

    def teardown(self) -> None:
        """End the faults, let recovery run, look once more, and put everything back."""
        try:
            if self.is_open and not self.failed:
                self._annotated(self.come_to_rest)
        finally:
            if self.is_open:
                self.is_open = False
                self.site.close()

    def come_to_rest(self) -> None:
        """Do what the end of a scenario is."""

    def check(self) -> None:
        """Hold everything against the invariants."""

    def run_step(self, function: Callable[..., None], arguments: Mapping[str, Any]) -> None:
        """Run a rule, note it, and look at what came of it."""
        self.trace.begin(function.__name__, arguments)
        self.figures.steps += 1
        self.figures.happened[f"rule: {function.__name__}"] += 1
        self.actions, self.responses = [], []
        self.site.clock.advance(0.02)  # seconds: nothing is done in no time, and ids are ordered by it
        self._annotated(lambda: function(self, **arguments))
        self._annotated(self.look)

    def look(self) -> None:
        """See what the database shows, and tell which arrows were taken."""
        self.before, self._users = self.seen, None
        self.wrote, self._written = self.site.writes != self._written, self.site.writes
        if self.wrote:
            self.seen = Observation.now()
        for id_, old, row in self.seen.changed_since(self.before):
            if row is None:
                continue
            known = 0 if old is None else len(old.log)
            if row.state in GIVEN_UP and _insisted(row):
                self.memory.given_up.add(row.kind)
            if row.state == "connected" and row.taken[-1].event == "fail":
                self.memory.unidentified.add(row.user_id)
            if old is None:
                self._numbers[row.kind] += 1
                self._names[id_] = f"{row.kind} {self._numbers[row.kind]}"
            for line in row.log[known:] if old is None else _new_lines(old.log, row.log):
                self.trace.note(f"  {self._names[id_]}: {line}")
                if not line.rejected:
                    self.figures.took(row.kind, line.edge)

    def _annotated(self, does: Callable[[], None]) -> None:
        try:
            does()
        except HypothesisException:
            raise
        except Exception as error:
            if not self.failed:
                self.failed = True
                type(self).latest_failure = tuple(self.trace.steps)
                self.figures.violations = 1  # the first ends the run; its shrinking finds it over and over
                error.add_note(self.explanation())
            raise

    def explanation(self) -> str:
        """Return the trace so far, and a test that runs it again."""
        return (
            f"\nWhat happened:\n{self.trace.text()}\n\n"
            f"As a test:\n\n{self.trace.as_test(self.origin or type(self))}\n"
        )

    @classmethod
    def replay(cls, *steps: Step) -> BaseStateMachine:
        """Run the steps of a scenario, look after each, and come to rest.

        Raises:
            Violation: An invariant does not hold.
        """
        if not steps or steps[0].rule != "settle_in":
            steps = (step("settle_in", configuration=Configuration()), *steps)
        world = cls()
        try:
            for each in steps:
                getattr(world, each.rule)(**each.arguments)
                world._annotated(world.check)
        finally:
            world.teardown()
        return world

    # What the site does.

    def act(
        self, what: str, does: Callable[[], Any], faults: Sequence[Fault] = (), tab: Tab | None = None
    ) -> Any:
        """Have the site do something, with faults; return its result, or None when the process died."""
        action = Action(what, does, faults, self.site, functools.partial(self._meanwhile, tab))
        self.actions.append(action)
        for fault in faults:
            self.trace.note(f"  {fault}")
        result = action.run()
        if action.died is not None:
            self.figures.crashes += 1
            self.trace.note(f"  the worker died at {action.died[0]} of {action.died[1]}")
            forget_provider()
        self.figures.happened.update(action.happened)
        self.figures.happened.update(f"call fails: {how}" for how in action.plan.failed)
        self.figures.faults += len(action.plan.failed)
        self.figures.calls += len(action.plan.calls)
        self.figures.statements += action.statements
        self.figures.cost(what, action.statements, len(action.plan.calls))
        return result

    def ask(
        self, what: str, tab: Tab, does: Callable[[], HttpResponse], faults: Sequence[Fault] = ()
    ) -> HttpResponse | None:
        """Have a tab open a page of the site, and go where it leads."""
        browser = self.browsers[tab.browser]
        self.memory.note_cookies(tab.browser, browser)
        response: HttpResponse | None = self.act(what, does, faults, tab)
        if response is not None:
            self.responses.append(response)
        self._attribute(tab)
        arrived = tab.arrives(response, self.site.tenant.issuer)
        self.trace.note(f"  {tab} gets {arrived}")
        self.memory.note_cookies(tab.browser, browser)
        if tab.at_provider:
            self.memory.note_url(tab.at_provider, self.site.gateway)
        return response

    def _attribute(self, tab: Tab) -> None:
        """Note whose the transactions are that were not there before."""
        for id_ in self.memory.new_rows():
            self.memory.own(id_, tab)

    def take_in(self, parent: uuid.UUID | None) -> None:
        """Note that what a sweep or an operator opened belongs to the tab that started what it continues."""
        for id_ in self.memory.new_rows():
            above = parent or self.memory.parent_of(id_)
            owner = None if above is None else self.memory.owners.get(above)
            if owner is not None:
                self.memory.own(id_, owner.tab)

    def name_of(self, id_: uuid.UUID) -> str:
        """Return what traces call a transaction."""
        return self._names.get(id_, str(id_))

    def row_now(self, id_: uuid.UUID) -> Any:
        """Return a transaction as the database has it at this moment, or None."""
        return FlowTransaction.objects.filter(pk=id_).first()

    @property
    def users(self) -> Mapping[int, Any]:
        """Who is signed in, by the number of the browser."""
        if self._users is None:
            found = {number: signed_in(browser) for number, browser in enumerate(self.browsers)}
            self._users = {number: user for number, user in found.items() if user is not None}
        return self._users

    def _meanwhile(self, tab: Tab | None, action: Action, what: str) -> None:
        """Do something while an action stands still. The rules say what."""

    def new_tab(self, browser: int, flow: str) -> Tab:
        """Open a tab."""
        tab = Tab(len(self.tabs) + 1, browser % len(self.browsers), flow)
        self.tabs.append(tab)
        return tab

    @staticmethod
    def pick(number: int, among: Sequence[Any]) -> Any:
        """Return the thing that a number stands for: counted from the end, so that 0 is the newest.

        Raises:
            LookupError: There is nothing: the scenario was written for other rules or settings.
        """
        if not among:
            raise LookupError(
                "There is nothing that this step could be about: an earlier one did not do its part."
            )
        return among[-1 - number % len(among)]

    def engine(self) -> Any:
        """Return the site's engine."""
        return wiring.engine()


def _insisted(row: Row) -> bool:
    """Whether an effect was started whose outcome must not be forgotten."""
    flow = wiring.flows()[row.kind]
    effects = [flow.effect_in(line.target) for line in row.taken]
    return any(effect is not None and effect.must_complete for effect in effects)


def _new_lines(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    known = {line.sequence for line in old}
    return [line for line in new if line.sequence not in known]

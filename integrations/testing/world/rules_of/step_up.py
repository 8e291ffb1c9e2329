"""The World's rules of step-up, and scenarios that together take every arrow of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.urls import reverse

from stateful_oauth.testing.world.accounts import signed_in_browsers
from stateful_oauth.testing.world.base_state_machine import precondition, rule
from stateful_oauth.testing.world.configuration import Configuration
from stateful_oauth.testing.world.faults import CallFails, Meanwhile, WorkerDies
from stateful_oauth.testing.world.sign_in import SignIn
from stateful_oauth.testing.world.strategies import account_numbers, faults, numbers
from stateful_oauth.testing.world.trace import Step, step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.testing.world.faults import Fault
    from stateful_oauth.testing.world.tabs import Tab


class Rules(SignIn):
    """Rules of step-up."""

    @precondition(signed_in_browsers)
    @rule(browser=numbers(), faults=faults())
    def start_to_step_up(self, browser: int, faults: tuple[Fault, ...] = ()) -> None:
        """Ask a signed-in user to authenticate once more."""
        self.asks_to_step_up(self.pick(browser, signed_in_browsers(self)), faults)

    @precondition(signed_in_browsers)
    @rule(browser=numbers(), account=account_numbers(), faults=faults())
    def step_up(self, browser: int, account: int, faults: tuple[Fault, ...] = ()) -> None:
        """Step up from the first page to the last; what goes wrong goes wrong at the callback."""
        tab = self.asks_to_step_up(self.pick(browser, signed_in_browsers(self)))
        if tab.at_provider:
            self.authorizes(tab, self.accounts[account % len(self.accounts)], tab.browser)
        if tab.callback is not None:
            self.opens_callback(tab, tab.browser, "", faults)

    def asks_to_step_up(self, number: int, faults: tuple[Fault, ...] = ()) -> Tab:
        """Ask in a new tab, and return the tab."""
        tab, opened = self.new_tab(number, "step_up"), self.browsers[number]
        self.trace.note(f"Browser {number + 1} is asked to authenticate once more, in {tab}.")
        form = {"max_age": "0", "next": f"/tab-{tab.number}/"}
        self.ask("step up", tab, lambda: opened.post(reverse("stateful_oauth:step_up"), form), faults)
        return tab


_PLAIN: Final = step("settle_in", configuration=Configuration(linking="off", par=False))
_PUSHED: Final = step("settle_in", configuration=Configuration(linking="off", par=True))
_SIGN_IN: Final = step("sign_in", browser=0, account=0, faults=())
_AUTHORIZE: Final = step("authorize", tab=0, account=0, browser=None)
_LATER: Final = (step("wait", seconds=0), step("recover_one", row=0, faults=()))


def _start(*faults: object) -> Step:
    return step("start_to_step_up", browser=0, faults=faults)


def _step_up(*faults: object, account: int = 0) -> Step:
    return step("step_up", browser=0, account=account, faults=faults)


def _open(change: str = "") -> Step:
    return step("open_callback", tab=0, change=change, browser=None, faults=())


CORPUS: Final[Mapping[str, tuple[Step, ...]]] = {
    "a step-up": (_PLAIN, _SIGN_IN, _step_up()),
    "a step-up whose request is pushed": (_PUSHED, _SIGN_IN, _step_up()),
    "a step-up with another account": (_PLAIN, _SIGN_IN, _step_up(account=2)),
    "a step-up cannot reach the provider": (
        _PLAIN,
        _SIGN_IN,
        step("change", what="the worker is started anew", browser=0),
        step("change", what="the next 4 calls to the provider fail: unreachable", browser=0),
        _start(),
    ),
    "pushing a step-up is refused": (_PUSHED, _SIGN_IN, _start(CallFails(0, "refused", "/oauth/par"))),
    "the worker dies while it pushes a step-up": (
        _PUSHED,
        _SIGN_IN,
        _start(WorkerDies("effect.after")),
        *_LATER,
    ),
    "an operator abandons while it pushes a step-up": (
        _PUSHED,
        _SIGN_IN,
        _start(Meanwhile("effect.after", 0, "an operator abandons")),
    ),
    "the user declines to step up": (_PLAIN, _SIGN_IN, _start(), step("decline", tab=0), _open()),
    "another issuer answers a step-up": (_PLAIN, _SIGN_IN, _start(), _AUTHORIZE, _open("another issuer")),
    "the provider reports an error to a step-up": (_PLAIN, _SIGN_IN, _start(), _AUTHORIZE, _open("an error")),
    "a browser does not come back from a step-up": (_PLAIN, _SIGN_IN, _start(), *_LATER),
    "an operator abandons a waiting step-up": (
        _PLAIN,
        _SIGN_IN,
        _start(),
        step("operate", row=0, what="abandon", faults=()),
    ),
    "an operator cancels a waiting step-up": (
        _PLAIN,
        _SIGN_IN,
        _start(),
        step("operate", row=0, what="cancel", faults=()),
    ),
    "the answer of a step-up's exchange is lost": (
        _PLAIN,
        _SIGN_IN,
        _step_up(CallFails(0, "answer lost", "/oauth/token")),
    ),
    "an operator abandons a step-up's exchange": (
        _PLAIN,
        _SIGN_IN,
        _step_up(Meanwhile("effect.after", 0, "an operator abandons")),
    ),
}

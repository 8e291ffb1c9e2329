"""Machines that the renderers have to survive."""

from __future__ import annotations

from typing import Any

from statemachine import State

from stateful_oauth.flows.engine.effects import Event, LostAnswer, effect
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.outcomes import Cancelled, Expired, Failed
from stateful_oauth.flows.engine.transaction import StateKind
from stateful_oauth.flows.oauth.outcomes import SignedIn

HOSTILE_WAITING = 'a"b\n<script>alert(1)</script>;:#%% --> [*]'
HOSTILE_GUARD = 'x"]; <script>\n```\n|`'


def call(context: Any) -> Event:
    """Do | <b>this</b> and `that`."""
    return Event("done")


def read_back(context: Any) -> Event:
    """Look."""
    return Event("done")


class LoopsFlow(FlowMachine):
    """A self-loop, parallel edges, a cycle and a state beside the main path."""

    kind = "shop.loops"
    version = 3
    browser_events = ("go", "hurry", "back", "again", "skip")

    first = WaitingState(initial=True)
    second = WaitingState(deadline=90)
    third = WorkingState()
    done = FinalState(SignedIn)
    detour = WaitingState(deadline=86400)
    cancelled = FinalState(Cancelled)
    failed = FinalState(Failed)
    expired = FinalState(Expired)

    act = effect(call, produces=("ok", "fail", "wander"), time_limit=10, lost_answer=LostAnswer.REREAD,
                 reread=read_back)  # fmt: skip

    start = first.to(second, cond="hot") | first.to(second, cond="cold") | first.to(second)
    go = second.to(third, on="act") | detour.to(third, on="act")
    hurry = second.to(third, cond="hot", on="act")
    again = second.to.itself(on="note") | second.to.itself(cond="hot")
    ok = third.to(done)
    fail = third.to(failed)
    wander = third.to(detour)
    back = third.to(second) | detour.to(second) | detour.to(first)
    skip = first.to(done, cond="hot") | second.to(done) | second.to(cancelled)
    cancel = second.to(cancelled) | detour.to(cancelled)
    expire = second.to(expired) | detour.to(expired)
    retry = third.to.itself(on="act")

    def hot(self) -> bool:
        return True

    def cold(self) -> bool:
        return False

    def note(self) -> None:
        """Nothing."""


class _NamedWaiting(State):
    kind = StateKind.WAITING
    deadline = 60.0

    def __init__(self, value: str, *, initial: bool = False) -> None:
        super().__init__(initial=initial, value=value)


class HostileFlow(FlowMachine):
    """Says "hello" | <script>alert(1)</script> `code` *star*."""

    kind = 'evil."><script>'
    version = 1
    browser_events = ("go",)

    a = _NamedWaiting(HOSTILE_WAITING, initial=True)
    end = WaitingState()
    note = WaitingState()
    very = _NamedWaiting("w" * 300)
    done = FinalState(SignedIn)

    go = a.to(end, cond="fine") | end.to(note) | note.to(very)
    start = a.to(a) | very.to(done)
    expire = end.to(done) | note.to(done) | very.to(done)

    def fine(self) -> bool:
        return True


class SmallFlow(FlowMachine):
    """Two states."""

    kind = "small"
    version = 1
    browser_events = ("go",)

    open_ = WaitingState(initial=True)
    done = FinalState(SignedIn)

    go = open_.to(done)

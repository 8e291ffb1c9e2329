"""Rules of what happens by itself: time passes, sweeps run, finished rows are purged, keys are rotated."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

import hypothesis.strategies as st
from django.core.management import call_command

from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.django.sweeps.purging import purge
from stateful_oauth.django.sweeps.sweeping import expire_due, recover_due
from stateful_oauth.testing.world.base_state_machine import BaseStateMachine, not_twice, precondition, rule
from stateful_oauth.testing.world.site import ENCRYPTION_KEYS
from stateful_oauth.testing.world.strategies import WAITS, browser_numbers, faults, numbers

if TYPE_CHECKING:
    from stateful_oauth.testing.world.faults import Fault

_ROUNDS: Final = 40  # of recovery, until nothing can be due any more
_LENGTH: Final = 4  # calls
_OUTAGE: Final = f"the next {_LENGTH} calls to the provider fail: "
AROUND: Final = (
    "the provider works again",
    "the provider rotates its signing key",
    "the provider rotates its signing key and revokes the old one",
    "a new encryption key is put before the old one",
    "everything is encrypted with the newest key, and the old one is dropped",
    "the worker is started anew",
    "a browser loses its cookies at the provider",
    *(f"{_OUTAGE}{how}" for how in ("answer lost", "429", "503", "unreachable")),
)


def due_rows(world: BaseStateMachine) -> list[Any]:
    """Return the transactions whose deadline or lease is over, oldest first."""
    now = world.site.clock.now()
    return [
        row
        for row in world.seen.open()
        if row.stuck_since is None and (row.deadline or row.lease_until) <= now
    ]


class PassingTime(BaseStateMachine):
    """Rules of time, sweeps, keys and outages."""

    @precondition(not_twice)
    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: int) -> None:
        """Let time pass; 0 is until the next transaction is due, to the very moment."""
        open_rows = self.seen.open()
        if seconds or not open_rows:
            self.trace.note(f"{seconds} seconds pass.")
            self.site.clock.advance(seconds)
            return
        moment, id_ = min((row.deadline or row.lease_until, row.id) for row in open_rows)
        self.trace.note(f"Time passes until {self.name_of(id_)} is due.")
        self.site.clock.advance(max(0.0, (moment - self.site.clock.now()).total_seconds()))

    @precondition(due_rows)
    @rule(row=numbers(), faults=faults())
    def recover_one(self, row: int, faults: tuple[Fault, ...] = ()) -> None:
        """Have a sweep take up one transaction that is due."""
        chosen = self.pick(row, due_rows(self))
        self.trace.note(f"A sweep takes up {self.name_of(chosen.id)}.")
        self.memory.touch(chosen.id)
        self.act("recovery", lambda: self.engine().recover(chosen.id, SystemCaller()), faults)
        self.take_in(chosen.id)

    @precondition(lambda self: not_twice(self) and due_rows(self))
    @rule()
    def sweep(self) -> None:
        """Run both sweeps."""
        self.trace.note("The sweeps run.")
        self._sweep()

    def _sweep(self) -> None:
        self.memory.touch_all()
        for name, run in (("recovery", recover_due), ("expiry", expire_due)):
            report = self.act(f"sweep: {name}", run)
            if report.counts.get("broken") or report.counts.get("quarantined"):
                why = "\n".join(self.site.log)
                raise AssertionError(f"The sweep left rows behind: {report.problems}\n{why}")
        self.take_in(None)

    @precondition(lambda self: not_twice(self) and any(not row.is_open for row in self.seen.rows.values()))
    @rule(seconds=st.sampled_from((0, 3601, 86_401)))
    def purge(self, seconds: int) -> None:
        """Delete what was over long ago."""
        self.trace.note(f"What is older than {seconds} seconds and over is purged.")
        self.act("purge", lambda: purge(timedelta(seconds=seconds)))
        self.memory.may_go(row.id for row in self.seen.rows.values() if not row.is_open)

    @precondition(not_twice)
    @rule(what=st.sampled_from(AROUND), browser=browser_numbers())
    def change(self, what: str, browser: int = 0) -> None:
        """Change something around the site that the site itself does not do."""
        tenant, site = self.site.tenant, self.site
        self.figures.happened[f"around the site: {what}"] += 1
        self.trace.note(f"{what.capitalize()}.")
        match what:
            case "the provider rotates its signing key":
                tenant.keys.rotate()
            case "the provider rotates its signing key and revokes the old one":
                tenant.keys.rotate()
                tenant.keys.revoke_previous()
            case "a new encryption key is put before the old one":
                site.set_keys([ENCRYPTION_KEYS[1], ENCRYPTION_KEYS[0]])
            case "everything is encrypted with the newest key, and the old one is dropped":
                self.memory.touch_all()
                call_command("rotate_secrets", stdout=StringIO())
                site.set_keys(site.keys[:1])
            case "the worker is started anew":
                site.restart()
            case "the provider works again":
                site.gateway.outage = None
            case "a browser loses its cookies at the provider":
                self.browsers[browser % len(self.browsers)].visitor.close_browser()
            case _:
                site.gateway.fail(what.removeprefix(_OUTAGE), _LENGTH)

    def calm(self) -> None:
        """End every fault, and let recovery run until nothing can be due."""
        self.trace.note("Faults end, and recovery runs.")
        self.site.gateway.outage = None
        for _ in range(_ROUNDS):
            open_rows = [row for row in self.seen.open() if row.stuck_since is None]
            if not open_rows:
                break
            latest = max(row.deadline or row.lease_until for row in open_rows)
            self.site.clock.advance(max(0.0, (latest - self.site.clock.now()).total_seconds()))
            self._sweep()
            self.look()
            self.check()

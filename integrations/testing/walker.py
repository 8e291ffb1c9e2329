"""Walking every path of a flow through the real engine, store and tenant: `assert_every_path`."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from stateful_oauth.django import wiring
from stateful_oauth.django.callers import OperatorCaller, SystemCaller
from stateful_oauth.flows.engine.crash_points import observed
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.paths import every_path, readable
from stateful_oauth.testing.world.action import Died
from stateful_oauth.testing.world.invariants.transactions import the_log_folds_to_the_state
from stateful_oauth.testing.world.observations import Observation, Row

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Collection, Iterator, Mapping

    from stateful_oauth.flows.engine.definition import Edge
    from stateful_oauth.testing.clock import ManualClock
    from stateful_oauth.testing.paths import Path

    # Source and event, and the target where guards choose between several.
    Key: TypeAlias = tuple[str, ...]

_LEASE = 120  # seconds; longer than that of most effects


class Walker:
    """Walks one path. Who comes before an edge that an effect takes prepares the world for it.

    An edge is one of two sorts. A *stimulus* comes from outside: the browser, the sweep, an operator. A
    *result* is what an effect finds, and has to be arranged before the stimulus that starts the effect.
    `expire`, `retry` and `abandon` come by themselves; subclasses name what makes the other edges happen.

    Attributes:
        kind: The flow.
        stimuli: What makes an edge happen, from outside, by (source, event): names of methods.
        results: What lets an effect find what the edge stands for, by (source, event): names of methods,
            which may return a context to be in meanwhile. An empty name: nothing has to be arranged.
        settled: Names of guards that are decided when the row is made.
        path: The whole path.
        clock: The clock of the site.
    """

    kind: ClassVar[str]
    stimuli: ClassVar[Mapping[Key, str]] = {}
    results: ClassVar[Mapping[Key, str]] = {}
    settled: ClassVar[Collection[str]] = ()

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.path: Path = ()
        self._known = set(FlowTransaction.objects.values_list("pk", flat=True))

    # For each flow to fill in.

    def before(self) -> None:
        """Let happen what comes before the transaction."""

    def check(self, row: Row) -> None:
        """Hold what is known here against what really happened elsewhere."""

    # What everybody does.

    @property
    def id(self) -> uuid.UUID:
        """The transaction that was started on this path.

        Raises:
            AssertionError: There is none, or more than one.
        """
        rows = FlowTransaction.objects.filter(kind=self.kind).exclude(pk__in=self._known)
        ids = list(rows.values_list("pk", flat=True))
        if len(ids) != 1:
            raise AssertionError(
                f"{type(self).__name__} has started {len(ids)} transactions of {self.kind} on this path, and"
                " not one: see what `stimuli` names for `start`."
            )
        return ids[0]

    def expire(self) -> None:
        """Let a sweep come after the deadline."""
        row = FlowTransaction.objects.get(pk=self.id)
        if row.deadline is not None:
            self.clock.advance(max(0.0, (row.deadline - self.clock.now()).total_seconds()))
        wiring.engine().recover(self.id, SystemCaller())

    def sweep(self) -> None:
        """Let a sweep come after the lease is over."""
        self.clock.advance(_LEASE)
        wiring.engine().recover(self.id, SystemCaller())

    def abandon(self) -> None:
        """Let an operator give it up."""
        caller = OperatorCaller("1", "walking a path")
        row = FlowTransaction.objects.get(pk=self.id)
        wiring.engine().dispatch(self.id, Event("abandon"), caller, kind=self.kind, tenant=row.tenant)

    def worker_dies(self) -> AbstractContextManager[None]:
        """Let the worker die before the effect."""
        return _at("effect.before", _die)

    def operator_abandons(self) -> AbstractContextManager[None]:
        """Let an operator give it up while the effect is in flight."""
        return _at("effect.after", self.abandon)

    # Walking.

    def walk(self, path: Path) -> None:
        """Take every edge of the path, in its order, and look how it ended.

        Raises:
            AssertionError: Another path was taken, or what it left behind is wrong.
        """
        self.path = path
        self.before()
        for position, edge in enumerate(path):
            stimulus = self._stimulus(edge)
            if stimulus is None:
                self._result(edge)
                continue
            with ExitStack() as world:
                for coming in path[position + 1 :]:
                    if self._stimulus(coming) is not None and coming.event != "retry":
                        break
                    world.enter_context(self._result(coming)() or nullcontext())
                    if coming.event == "retry":
                        break
                try:
                    stimulus()
                except Died:
                    continue
        self._look(path)

    def _look(self, path: Path) -> None:
        seen = Observation.now()
        row = seen.rows[self.id]
        expected = [(edge.source, edge.event, edge.target) for edge in path]
        if [line.edge for line in row.taken] != expected:
            raise AssertionError(f"Another path was taken than {readable(path)}:\n{row.show()}")
        if row.is_open or row.secrets is not None:
            raise AssertionError(f"It is over and keeps nothing secret, says the path:\n{row.show()}")
        the_log_folds_to_the_state(_Seen(seen))  # type: ignore[arg-type]  # it looks at nothing else of a World
        self.check(row)

    def _stimulus(self, edge: Edge) -> Callable[[], None] | None:
        flow = wiring.flows()[self.kind]
        name = _named(self.stimuli, edge)
        if name is None:
            waits = flow.state_kinds[edge.source] == "waiting"
            name = {"expire": "expire", "abandon": "abandon" if waits else None, "retry": "sweep"}.get(
                edge.event
            )
        return None if name is None else getattr(self, name)

    def _result(self, edge: Edge) -> Callable[[], Any]:
        name = _named(self.results, edge)
        if name is None:
            name = {"retry": "worker_dies", "abandon": "operator_abandons"}.get(edge.event)
        if name is None:
            raise AssertionError(
                f"Nobody knows how {edge.source} --{edge.event}--> {edge.target} happens: add it to"
                f" `stimuli` or `results` of {type(self).__name__}."
            )
        return getattr(self, name) if name else _nothing


def assert_every_path(walker: Callable[[], Walker]) -> list[str]:
    """Drive every path of a flow, and return their names.

    Args:
        walker: Makes a walker for one path. It is called anew for each.

    Raises:
        AssertionError: A path did not go as the machine says, an edge is on no path, nobody knows how an edge
            happens, or the walker names edges that there are not.
    """
    kind = walker().kind
    flow = wiring.flows()[kind]
    paths = list(every_path(flow, walker().settled))
    travelled = {edge for path in paths for edge in path}
    never = [f"{edge.source} --{edge.event}--> {edge.target}" for edge in flow.edges if edge not in travelled]
    if never:
        raise AssertionError(f"No path of {kind} takes {never}: they cannot be reached, or lead nowhere.")
    known = {key for edge in flow.edges for key in (_short(edge), (*_short(edge), edge.target))}
    odd = sorted({*walker().stimuli, *walker().results} - known)
    if odd:
        raise AssertionError(f"{kind} has no such edges as {type(walker()).__name__} names: {odd}.")
    for path in paths:
        walker().walk(path)
    return [readable(path) for path in paths]


class _Seen:
    def __init__(self, seen: Observation) -> None:
        self.seen, self.before = seen, Observation()


def _nothing() -> None:
    """Arrange nothing."""


def _die() -> None:
    raise Died


def _short(edge: Edge) -> tuple[str, str]:
    return edge.source, edge.event


def _named(table: Mapping[Key, str], edge: Edge) -> str | None:
    found = table.get((*_short(edge), edge.target))
    return table.get(_short(edge)) if found is None else found


@contextmanager
def _at(point: str, does: Callable[[], None]) -> Iterator[None]:
    reached: list[str] = []

    def observer(passed: str, step: str) -> None:
        if passed == point and not reached:
            reached.append(step)
            does()

    with observed(observer):
        yield

"""Drive every path of a flow through the real engine, store and tenant: `assert_every_path`."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import OperatorCaller, SystemCaller
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
    # The name of a method, or a function of the walker.
    How: TypeAlias = str | Callable[[Any], Any]

_LEASE = 120  # seconds; longer than that of most effects


class Walker:
    """Walks one path of a flow.

    An edge is one of two sorts. A *stimulus* comes from outside: the browser, the sweep, an operator. A
    *result* is what an effect finds: it is set up before the stimulus that starts the effect. `expire`,
    `retry` and `abandon` need no entry; a subclass says what makes the other edges happen.

    Attributes:
        kind: The flow.
        stimuli: What makes an edge happen, from outside, by (source, event) or (source, event, target).
        results: What lets an effect find what the edge stands for, by the same. It may return a context,
            which is left when the effect is over. An empty name: nothing has to be set up.
        settled: Names of guards that are decided when the row is made.
        path: The whole path.
        rest: What comes after the edge that is being taken or set up.
        clock: The clock of the site.
    """

    kind: ClassVar[str]
    stimuli: ClassVar[Mapping[Key, How]] = {}
    results: ClassVar[Mapping[Key, How]] = {}
    settled: ClassVar[Collection[str]] = ()

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.path: Path = ()
        self.rest: Path = ()
        self._known = set(FlowTransaction.objects.values_list("pk", flat=True))

    # For each flow to fill in.

    @classmethod
    def possible(cls, path: Path) -> bool:
        """Whether the machine can take this path at all; paths that it cannot take are not walked."""
        del path
        return True

    def site(self) -> AbstractContextManager[Any]:
        """Return a context with the settings that the path needs."""
        return nullcontext()

    def before(self) -> None:
        """Do what comes before the transaction."""

    def after(self) -> None:
        """Do what comes after the last edge, and before `check`."""

    def check(self, row: Row) -> None:
        """Compare what the path says with what really happened elsewhere."""

    # What every walker has.

    @classmethod
    def paths(cls) -> list[Path]:
        """Return the paths to walk."""
        flow = wiring.flows()[cls.kind]
        return [path for path in every_path(flow, cls.settled) if cls.possible(path)]

    @classmethod
    def knows(cls, edge: Edge) -> bool:
        """Whether there is a stimulus or a result for this edge."""
        return cls._stimulus(edge) is not None or cls._result(edge) is not None

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

    @property
    def end(self) -> str:
        """The final state of the path."""
        return self.path[-1].target

    def takes(self, event: str, source: str | None = None) -> bool:
        """Whether the path has such an edge."""
        return any(edge.event == event and source in (None, edge.source) for edge in self.path)

    def expire(self) -> None:
        """Run a sweep after the deadline."""
        row = FlowTransaction.objects.get(pk=self.id)
        if row.deadline is not None:
            self.clock.advance(max(0.0, (row.deadline - self.clock.now()).total_seconds()))
        wiring.engine().recover(self.id, SystemCaller())

    def sweep(self) -> None:
        """Run a sweep after the lease."""
        self.clock.advance(_LEASE)
        wiring.engine().recover(self.id, SystemCaller())

    def abandon(self) -> None:
        """Abandon the transaction as an operator does."""
        caller = OperatorCaller("1", "walking a path")
        row = FlowTransaction.objects.get(pk=self.id)
        wiring.engine().dispatch(self.id, Event("abandon"), caller, kind=self.kind, tenant=row.tenant)

    # Walking.

    def walk(self, path: Path) -> None:
        """Take every edge of the path, in its order, and look how it ended.

        Raises:
            AssertionError: Another path was taken, or what it left behind is wrong.
        """
        self.path = path
        with self.site():
            self.before()
            for position, edge in enumerate(path):
                stimulus = self._stimulus(edge)
                if stimulus is None:
                    self._demand(edge)  # an effect finds it, as it was set up before that effect
                    continue
                with ExitStack() as arranged, suppress(Died):
                    for ahead, coming in enumerate(path[position + 1 :], position + 2):
                        self.rest = path[ahead:]
                        self._arrange(coming, arranged)
                        if self._stimulus(coming) is not None:
                            break
                    self.rest = path[position + 1 :]
                    self._do(stimulus)
            self.after()
            self._look(path)

    def _arrange(self, edge: Edge, arranged: ExitStack) -> None:
        self._demand(edge)
        result = self._result(edge)
        if result is not None:
            arranged.enter_context(self._do(result) or nullcontext())

    def _demand(self, edge: Edge) -> None:
        if not self.knows(edge):
            raise AssertionError(
                f"The walker does not know how {edge.source} --{edge.event}--> {edge.target} happens:"
                f" add it to `stimuli` or `results` of {type(self).__name__}."
            )

    def _do(self, how: How) -> Any:
        if callable(how):
            return how(self)
        return getattr(self, how)() if how else None

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

    @classmethod
    def _stimulus(cls, edge: Edge) -> How | None:
        named = _named(cls.stimuli, edge)
        if named is not None:
            return named
        waits = wiring.flows()[cls.kind].state_kinds[edge.source] == "waiting"
        return {"expire": "expire", "abandon": "abandon" if waits else None, "retry": "sweep"}.get(edge.event)

    @classmethod
    def _result(cls, edge: Edge) -> How | None:
        named = _named(cls.results, edge)
        effect = wiring.flows()[cls.kind].effect_in(edge.source)
        if named is not None or effect is None:
            return named
        return {"retry": worker_dies(effect.name), "abandon": operator_abandons(effect.name)}.get(edge.event)


def worker_dies(effect: str) -> Callable[[Walker], AbstractContextManager[None]]:
    """Return a result: the worker dies before an effect.

    Args:
        effect: The effect's name.
    """

    def die() -> None:
        raise Died

    return lambda _: _at("effect.before", effect, die)


def operator_abandons(effect: str) -> Callable[[Walker], AbstractContextManager[None]]:
    """Return a result: an operator abandons the transaction while an effect is in flight.

    Args:
        effect: The effect's name.
    """
    return lambda walker: _at("effect.after", effect, walker.abandon)


def assert_every_path(walker: Callable[[], Walker]) -> list[str]:
    """Drive every path of a flow, and return their names.

    Args:
        walker: Makes a walker for one path. It is called anew for each.

    Raises:
        AssertionError: A path did not go as the machine says, an edge is on no path, or the walker does
            not know how an edge happens, or names edges that do not exist.
    """
    kind = walker().kind
    flow = wiring.flows()[kind]
    paths = walker().paths()
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


def _short(edge: Edge) -> tuple[str, str]:
    return edge.source, edge.event


def _named(table: Mapping[Key, How], edge: Edge) -> How | None:
    found = table.get((*_short(edge), edge.target))
    return table.get(_short(edge)) if found is None else found


@contextmanager
def _at(point: str, effect: str, does: Callable[[], None]) -> Iterator[None]:
    reached: list[str] = []

    def observer(*place: str) -> None:
        if place == (point, effect) and not reached:
            reached.append(point)
            does()

    with observed(observer):
        yield
    if not reached:
        raise AssertionError(f"{point} of {effect} was not reached, so nothing was tested.")

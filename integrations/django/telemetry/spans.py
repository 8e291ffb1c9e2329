"""OpenTelemetry: spans, counters and histograms, when `opentelemetry-api` is installed (extra `telemetry`).

You configure with OpenTelemetry's own SDK where they are exported. They hold ids, names and codes, and no
message of an error, because a provider may have written it.
"""

from __future__ import annotations

import logging
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics, trace

from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.observers import NULL_OBSERVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from stateful_oauth.flows.engine.outcomes import Outcome
    from stateful_oauth.flows.engine.transaction import Transaction, TransitionLog

logger = logging.getLogger("stateful_oauth.telemetry")

SCOPE: Final = "stateful_oauth"
TRANSACTION: Final = "stateful_oauth.transaction"  # of spans only

# Seconds. An effect may take ten and more; a person at a sign-in page, an hour.
_EFFECT_BUCKETS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_FLOW_BUCKETS: Final = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


@cache
def process_telemetry() -> Telemetry:
    """Return the one of this process: an instrument that is made twice is complained about."""
    return Telemetry()


class Telemetry:
    """Implements `flows.engine.observers.Observer` with OpenTelemetry.

    Args:
        tracer_provider: None for the global one.
        meter_provider: None for the global one.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._provider = tracer_provider
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        self._transitions = meter.create_counter(
            "stateful_oauth.transitions", "{transition}", "Transitions that were committed."
        )
        self._rejections = meter.create_counter(
            "stateful_oauth.rejections", "{event}", "Events that moved nothing."
        )
        self._outcomes = meter.create_counter(
            "stateful_oauth.outcomes", "{transaction}", "Transactions that are over, by state and code."
        )
        self._effects = meter.create_histogram(
            "stateful_oauth.effect.duration",
            "s",
            "How long the calls to the provider take.",
            explicit_bucket_boundaries_advisory=_EFFECT_BUCKETS,
        )
        self._durations = meter.create_histogram(
            "stateful_oauth.flow.duration",
            "s",
            "From the start of a transaction to its end.",
            explicit_bucket_boundaries_advisory=_FLOW_BUCKETS,
        )

    def operation(self, name: str) -> AbstractContextManager[Callable[[Outcome], None]]:
        """Make a span of a call of the engine, with what came of it."""
        if not self._traces():
            return NULL_OBSERVER.operation(name)
        return _EntranceSpan(self._tracer, f"stateful_oauth.{name}", {})

    def span(self, name: str, transaction: Transaction, step: str) -> AbstractContextManager[None]:
        """Make a child span of a claim, an effect or a settlement, and time the effects."""
        traces = self._traces()
        if name != "effect" and not traces:
            return NULL_OBSERVER.span(name, transaction, step)
        attributes = {
            TRANSACTION: str(transaction.id),
            "stateful_oauth.flow": transaction.kind,
            "stateful_oauth.tenant": transaction.tenant,
            "stateful_oauth.effect" if name == "effect" else "stateful_oauth.event": step,
        }
        title = f"stateful_oauth.{name} {step}"
        if name == "effect":
            return _EffectSpan(self._tracer if traces else None, title, attributes, self._effects)
        return _Span(self._tracer, title, attributes)

    def transitioned(self, before: Transaction, after: Transaction, lines: Sequence[TransitionLog]) -> None:  # noqa: ARG002 - the port's
        """Count transitions and outcomes."""
        try:
            for line in lines:
                self._transitions.add(1, _of(after, event=line.event, source=line.source, target=line.target))
            if after.is_final:
                attributes = _of(after, state=after.state, code=after.code)
                self._outcomes.add(1, attributes)
                took = (after.changed_at - after.created_at).total_seconds()
                self._durations.record(max(0.0, took), attributes)
        except Exception:  # a sign-in that is done must not fail for who counts it
            logger.exception("a transition was not counted")

    def rejected(self, transaction: Transaction, line: TransitionLog) -> None:
        """Count it."""
        try:
            self._rejections.add(1, _of(transaction, event=line.event, code=line.code))
        except Exception:  # as above
            logger.exception("a rejection was not counted")

    def _traces(self) -> bool:
        """Whether spans are exported: without an SDK, making them only takes time."""
        provider = self._provider or trace.get_tracer_provider()
        return not isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider))


def _of(transaction: Transaction, **others: str) -> dict[str, str]:
    """Return attributes of which there are few: no id, because each combination is a series of its own."""
    named = {"flow": transaction.kind, "tenant": transaction.tenant, **others}
    return {f"stateful_oauth.{name}": value for name, value in named.items()}


class _Span:
    """A span around a block. Neither beginning nor ending it fails the block.

    Args:
        tracer: None where nothing takes spans.
    """

    def __init__(self, tracer: trace.Tracer | None, name: str, attributes: Mapping[str, str]) -> None:
        self._tracer, self._name, self._attributes = tracer, name, attributes
        self._enclosing: AbstractContextManager[trace.Span] | None = None
        self._span: trace.Span | None = None

    def __enter__(self) -> Any:
        if self._tracer is None:
            return self.entered()
        try:
            # Redacted by construction: the message and the traceback of an exception may quote anything.
            self._enclosing = self._tracer.start_as_current_span(
                self._name,
                attributes=self._attributes,
                record_exception=False,
                set_status_on_exception=False,
            )
            self._span = self._enclosing.__enter__()
        except Exception:  # a processor or a sampler of the project
            logger.exception("a span was not begun")
        return self.entered()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        if self._enclosing is None or self._span is None:
            return
        try:
            if error is not None:
                self._span.set_attribute("error.type", _error_type(error))
                self._span.set_status(trace.StatusCode.ERROR, _error_type(error))
            self._enclosing.__exit__(None, None, None)
        except Exception:  # as above
            logger.exception("a span was not ended")

    def entered(self) -> Any:
        """Return what the block is given."""


class _EntranceSpan(_Span):
    def entered(self) -> Callable[[Outcome], None]:
        return self._answered

    def _answered(self, outcome: Outcome) -> None:
        if self._span is None or not self._span.is_recording():
            return
        try:
            self._span.set_attributes(
                {
                    TRANSACTION: str(outcome.transaction_id or ""),
                    "stateful_oauth.flow": outcome.kind,
                    "stateful_oauth.tenant": outcome.tenant,
                    "stateful_oauth.outcome": type(outcome).__name__,
                    "stateful_oauth.code": outcome.code,
                    "stateful_oauth.replayed": outcome.replayed,
                }
            )
        except Exception:  # as above
            logger.exception("an outcome was not noted")


class _EffectSpan(_Span):
    def __init__(
        self,
        tracer: trace.Tracer | None,
        name: str,
        attributes: Mapping[str, str],
        durations: metrics.Histogram,
    ) -> None:
        super().__init__(tracer, name, attributes)
        self._durations, self._begun = durations, perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        took = perf_counter() - self._begun
        super().__exit__(kind, error, frames)
        attributes = {name: value for name, value in self._attributes.items() if name != TRANSACTION}
        if error is not None:
            attributes["error.type"] = _error_type(error)
        try:
            self._durations.record(took, attributes)
        except Exception:  # as above
            logger.exception("an effect was not timed")


def _error_type(error: BaseException) -> str:
    """Return the stable code of an error of the flows, and the class of any other."""
    return error.code if isinstance(error, FlowError) else type(error).__name__

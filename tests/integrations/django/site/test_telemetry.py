"""OpenTelemetry: spans and counts of what happened, and nothing at all where it is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import INVALID_SPAN, StatusCode, get_current_span

from stateful_oauth.django.telemetry import spans as telemetry
from stateful_oauth.django.telemetry.spans import Telemetry
from tests.support.attempts import Attempt
from tests.support.callers import Person
from tests.support.checkout import ROOT
from tests.support.toy import Bug, Counter, Toyland, make_toy

ADA = "ada@example.com"


class Recorded:
    """What a project's SDK would have exported."""

    def __init__(self) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.telemetry = Telemetry(self.tracers, self._meters)

    @property
    def spans(self) -> list[Any]:
        """In the order in which they began."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time)

    def span(self, name: str) -> Any:
        (found,) = [span for span in self.spans if span.name == f"stateful_oauth.{name}"]
        return found

    @property
    def names(self) -> list[str]:
        return [span.name.removeprefix("stateful_oauth.") for span in self.spans]

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """Return attributes and data of a metric, without the prefix."""
        data = self._reader.get_metrics_data()
        return [
            ({key.removeprefix("stateful_oauth."): value for key, value in point.attributes.items()}, point)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == f"stateful_oauth.{name}"
            for point in metric.data.data_points
        ]


@pytest.fixture
def recorded(tenant, db, monkeypatch) -> Iterator[Recorded]:
    recorded = Recorded()
    monkeypatch.setattr(telemetry, "process_telemetry", lambda: recorded.telemetry)
    yield recorded
    assert get_current_span() is INVALID_SPAN, "A span was left open: the next request would be part of it."


def test_the_spans_of_a_sign_in(recorded, browser):
    browser.sign_in(ADA)
    assert recorded.names == [
        *("start", "claim start"),
        *("dispatch", "claim callback", "effect exchange_code", "settle code_exchanged"),
    ]
    for child, parent in {
        "claim start": "start",
        "claim callback": "dispatch",
        "effect exchange_code": "dispatch",
        "settle code_exchanged": "dispatch",
    }.items():
        assert recorded.span(child).parent.span_id == recorded.span(parent).context.span_id
    assert recorded.span("start").parent is None


def test_the_spans_can_be_found_by_the_transaction(recorded, tenant):
    attempt = Attempt(tenant).authorize()
    attempt.deliver()
    assert {span.attributes["stateful_oauth.transaction"] for span in recorded.spans} == {str(attempt.id)}
    assert dict(recorded.span("effect exchange_code").attributes) == {
        "stateful_oauth.transaction": str(attempt.id),
        "stateful_oauth.flow": "login",
        "stateful_oauth.tenant": "default",
        "stateful_oauth.effect": "exchange_code",
    }


def test_an_entrance_says_what_came_of_it(recorded, tenant):
    attempt = Attempt(tenant).authorize()
    attempt.deliver(Person("eve's laptop"))
    attributes = recorded.span("dispatch").attributes
    assert attributes["stateful_oauth.outcome"] == "Rejected"
    assert attributes["stateful_oauth.code"] == "other_browser"


def test_a_failed_effect_is_marked_with_its_code(recorded, tenant, browser):
    location = browser.start()
    tenant.faults.add("/oauth/token", "lost_answer")
    browser.get(browser.authorize(location, ADA))
    effect = recorded.span("effect exchange_code")
    assert effect.status.status_code is StatusCode.ERROR
    assert effect.status.description == effect.attributes["error.type"] == "provider_answer_lost"
    assert effect.events == (), "An exception's message may quote the provider."
    assert recorded.span("dispatch").status.status_code is StatusCode.UNSET, "The engine did answer."
    ((attributes, point),) = recorded.points("effect.duration")
    assert (attributes["effect"], attributes["error.type"]) == ("exchange_code", "provider_answer_lost")
    assert point.count == 1


def test_a_mistake_is_marked_with_its_class_alone(recorded, tenant, db, clock):
    counter = Counter(troubles=["bug"])
    town = Toyland(make_toy(counter), counter, clock, observer=recorded.telemetry)
    with pytest.raises(Bug):
        town.go()
    for name in ("effect count", "dispatch"):
        assert recorded.span(name).attributes["error.type"] == "Bug"


def test_transitions_and_durations_are_counted_by_their_names(recorded, tenant, browser, clock):
    address = browser.authorize(browser.start(), ADA)
    clock.advance(42)
    browser.get(address)
    browser.get(address)
    login = {"flow": "login", "tenant": "default"}
    counted = {
        (each["source"], each["event"], each["target"]): point.value
        for each, point in recorded.points("transitions")
    }
    assert counted == {
        ("created", "start", "awaiting_callback"): 1,
        ("awaiting_callback", "callback", "exchanging_code"): 1,
        ("exchanging_code", "code_exchanged", "resolving_account"): 1,
        ("resolving_account", "account_resolved", "signed_in"): 1,
    }
    ((rejected, rejections),) = recorded.points("rejections")
    assert (rejected, rejections.value) == ({**login, "event": "callback", "code": "already_completed"}, 1)
    ((ended, outcomes),) = recorded.points("outcomes")
    assert (ended, outcomes.value) == ({**login, "state": "signed_in", "code": ""}, 1)
    ((_, took),) = recorded.points("flow.duration")
    assert (took.count, took.sum) == (1, 42.0)


def test_no_count_has_a_series_per_transaction(recorded, tenant):
    """An id as an attribute of a metric would make a series that nobody can pay for."""
    ids = [str(Attempt(tenant).decline().deliver().transaction_id) for _ in range(3)]
    points = [
        attributes
        for name in ("transitions", "rejections", "outcomes", "effect.duration", "flow.duration")
        for attributes, _ in recorded.points(name)
    ]
    assert points
    assert not any(id_ in str(points) for id_ in ids)


@pytest.mark.parametrize("hook", ["on_start", "on_end"])
def test_a_processor_that_raises_fails_nothing(recorded, browser, caplog, hook):
    class Broken(SpanProcessor):
        pass

    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the collector's client has a bug")

    broken = Broken()
    setattr(broken, hook, fail)
    recorded.tracers.add_span_processor(broken)
    assert browser.sign_in(ADA, "/profile/")["Location"] == "/profile/"
    assert browser.user_id is not None
    assert "a span was not" in caplog.text


def test_instruments_that_raise_fail_nothing(recorded, browser, caplog):
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the meter has a bug")

    for name in ("_transitions", "_rejections", "_outcomes", "_effects", "_durations"):
        instrument = getattr(recorded.telemetry, name)
        instrument.add = instrument.record = fail
    address = browser.authorize(browser.start("/profile/"), ADA)
    assert browser.get(address)["Location"] == "/profile/"
    assert browser.get(address)["Location"] == "/profile/"
    assert "was not counted" in caplog.text


_WITHOUT = """
import importlib.abc, sys, time
class NotInstalled(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NotInstalled())
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tests.support import tenants
from tests.support.attempts import Attempt
tenant = tenants.make_tenant()
tenants.current.append(tenant)
print(type(Attempt(tenant).authorize().deliver()).__name__)
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


def _run(code: str) -> list[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.support.testsite.settings",
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("STATEFUL_OAUTH_TEST_POSTGRESQL", None)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_where_it_is_not_installed_everything_else_works():
    assert _run(_WITHOUT) == ["SignedIn", "[]"]


def test_it_is_imported_by_the_first_sign_in_and_not_before():
    code = (
        "import sys, django; django.setup(); import stateful_oauth.django.urls;"
        "loaded = lambda: 'opentelemetry' in sys.modules; print(loaded());"
        "from stateful_oauth.django import wiring; wiring.engine(); print(loaded())"
    )
    assert _run(code) == ["False", "True"]


def test_another_import_error_is_not_taken_for_an_installation_without_it(monkeypatch, tenant):
    from stateful_oauth.django import wiring

    monkeypatch.setitem(sys.modules, "stateful_oauth.django.telemetry.spans", None)
    with pytest.raises(ModuleNotFoundError, match="stateful_oauth"):
        wiring.engine()

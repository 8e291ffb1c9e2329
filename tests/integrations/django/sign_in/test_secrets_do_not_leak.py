"""Secrets reach nobody: not a log, a page, a repr, an error report, a cookie or the database in clear."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import RequestFactory, TestCase
from django.views.debug import ExceptionReporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from stateful_oauth import auth0, django, flows, storage
from stateful_oauth.django import wiring
from stateful_oauth.django.backends import Auth0Backend
from stateful_oauth.django.signals import flow_settled, transition_made
from stateful_oauth.django.telemetry import spans as telemetry
from stateful_oauth.flows.engine.outcomes import RedirectTo
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
from stateful_oauth.storage.store import DjangoTransactionStore
from tests.support.rows import dump, steps, the_row

pytestmark = pytest.mark.database

ADA = "ada@example.com"
CLIENT_SECRET = "a-client-secret-of-the-tests-0123456789"


class Broken(Auth0Backend):
    """Fails where all secrets are at hand."""

    def make_user(self, identity):
        raise RuntimeError("the project's own mistake")


class Attempt:
    """A sign-in, and every secret that was in play."""

    def __init__(self, browser, tenant):
        self.browser, self.secrets = browser, {"client_secret": CLIENT_SECRET}
        tenant.token_reply_hook = self._note_tokens

    def start(self):
        location = self.browser.start("/profile/?tab=2")
        query = parse_qs(urlsplit(location).query)
        self.secrets |= {"state": query["state"][0], "nonce": query["nonce"][0]}
        row = DjangoTransactionStore().load(the_row().pk)
        self.secrets["verifier"] = row.secrets["code_verifier"].reveal()
        self.secrets["binding"] = self.browser.client.cookies["__Host-stateful_oauth"].value
        return location

    def callback(self):
        callback = self.browser.visitor.authorize(self.start(), ADA)
        self.secrets["code"] = callback.fields["code"]
        return callback

    def _note_tokens(self, body):
        self.secrets |= {
            name: body[name] for name in ("access_token", "id_token", "refresh_token") if name in body
        }

    def found_in(self, text, *, except_for=()):
        return [name for name, secret in self.secrets.items() if secret in text and name not in except_for]


@pytest.fixture
def attempt(browser, tenant, configure, caplog):
    caplog.set_level(logging.DEBUG)
    configure(SCOPE="openid profile email offline_access")
    return Attempt(browser, tenant)


def logged(caplog):
    """Everything that a log could show of the records, arguments and tracebacks too."""
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(
        f"{formatter.format(record)} {record.args!r} {record.__dict__!r}" for record in caplog.records
    )


def works(tenant):
    """Nothing is wrong."""


def loses_the_answer(tenant):
    tenant.faults.add("/oauth/token", "lost_answer")


def answers_with_html(tenant):
    tenant.faults.add("/oauth/token", "html", effect=True)


def cuts_the_answer(tenant):
    tenant.faults.add("/oauth/token", "truncated")


def sends_another_nonce(tenant):
    tenant.id_token_hook = lambda claims, header: claims.update(nonce="another")


def refuses_the_client(tenant):
    error = {"error": "invalid_client", "error_description": CLIENT_SECRET}
    tenant.faults.add("/oauth/token", "answer", status=401, json=error)


@pytest.mark.security("S16", "B27")
@pytest.mark.parametrize(
    "world",
    [works, loses_the_answer, answers_with_html, cuts_the_answer, sends_another_nonce, refuses_the_client],
)
def test_no_log_page_or_cookie_shows_a_secret(attempt, browser, tenant, caplog, world):
    """At level DEBUG, of every logger."""
    callback = attempt.callback()
    world(tenant)
    response = browser.get(callback)
    again = browser.get(callback)
    pages = [browser.opens(each).content.decode() for each in (response, again)]
    assert len(attempt.secrets) >= 6
    assert attempt.found_in(logged(caplog)) == []
    assert attempt.found_in("".join(pages)) == []
    assert attempt.found_in(response["Location"] + again["Location"]) == []
    cookies = [str(cookie) for name, cookie in browser.client.cookies.items() if "stateful" not in name]
    assert attempt.found_in("".join(cookies)) == []
    browser.post("/auth/logout/")
    assert attempt.found_in(logged(caplog)) == []


@pytest.mark.security("S16")
@pytest.mark.parametrize(
    "world",
    [works, loses_the_answer, answers_with_html, cuts_the_answer, sends_another_nonce, refuses_the_client],
)
def test_no_signal_span_or_count_shows_a_secret(attempt, browser, tenant, monkeypatch, world):
    """What a project's own receivers and its collector get to see."""
    spans, metrics, told = InMemorySpanExporter(), InMemoryMetricReader(), []
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    made = telemetry.Telemetry(tracers, MeterProvider([metrics], shutdown_on_exit=False))
    monkeypatch.setattr(telemetry, "process_telemetry", lambda: made)
    wiring.engine.cache_clear()

    def receive(**given):
        told.append(given)

    signals = (transition_made, flow_settled)
    for signal in signals:
        signal.connect(receive)
    # In a test that sits in a transaction, what is put off until the commit is done by the test.
    with TestCase.captureOnCommitCallbacks(execute=True):
        callback = attempt.callback()
        world(tenant)
        browser.get(callback)
        browser.get(callback)
    for signal in signals:
        signal.disconnect(receive)

    assert len(told) == len(steps()) + 1
    values = [each.get("transition") or each["outcome"] for each in told]
    seen = {
        "signals": "".join(f"{value!r} {asdict(value)!r}" for value in values),
        "spans": "".join(span.to_json() for span in spans.get_finished_spans()),
        "metrics": metrics.get_metrics_data().to_json(),
    }
    assert all(seen.values())
    assert {where: found for where, text in seen.items() if (found := attempt.found_in(text))} == {}


@pytest.mark.security("S16")
@pytest.mark.parametrize("moment", ["started", "finished"])
def test_no_column_of_the_database_shows_a_secret(attempt, browser, moment):
    """What a thief of the database reads."""
    callback = attempt.callback()
    if moment == "finished":
        browser.get(callback)
    assert {place: names for place, text in dump().items() if (names := attempt.found_in(text))} == {}


def test_a_finished_attempt_keeps_no_secret_not_even_encrypted(attempt, browser):
    browser.get(attempt.callback())
    assert the_row().secrets is None


@pytest.mark.security("S16")
def test_no_repr_shows_a_secret(attempt, browser, tenant):
    """Of transactions, responses, outcomes, settings and what they are made of."""
    callback = attempt.callback()
    row = DjangoTransactionStore().load(the_row().pk)
    response = AuthorizationResponse.parse([(name, [value]) for name, value in callback.fields.items()])
    shown = [row, dict(row.secrets), response, wiring.provider("default"), wiring.provider_config("default")]
    text = "".join(f"{each!r}{each}" for each in shown)
    assert attempt.found_in(text) == []


@pytest.mark.security("S16")
@pytest.mark.parametrize("debug", [False, True], ids=["by mail", "DEBUG"])
def test_an_error_report_of_the_projects_own_mistake_shows_no_secret(
    tenant, attempt, settings, browser, debug, caplog
):
    """Every frame of ours with its variables, as Django mails it and as it shows it."""
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Broken"]
    settings.DEBUG = debug
    callback = attempt.callback()
    with pytest.raises(RuntimeError, match="own mistake") as caught:
        browser.get(callback)
    reporter = ExceptionReporter(RequestFactory().get("/"), caught.type, caught.value, caught.tb)
    ours = tuple(str(Path(room.__file__).parent) for room in (flows, storage, auth0, django))
    frames = [frame for frame in reporter.get_traceback_frames() if frame["filename"].startswith(ours)]
    frames = [frame for frame in frames if "/integrations/testing/" not in frame["filename"]]
    assert any(name == "sign_in" for frame in frames for name, _ in frame["vars"]), (
        "the frames with the tokens"
    )

    # It is spent by then, and a claim of the identity that the project's backend was given.
    spent = {"nonce"}
    found = {
        f"{frame['function']}: {name}": names
        for frame in frames
        for name, value in frame["vars"]
        if (names := attempt.found_in(str(value), except_for=spent))
    }
    assert found == {}
    assert attempt.found_in(str(reporter.filter.get_safe_settings())) == []
    assert attempt.found_in(logged(caplog), except_for=spent) == []


@pytest.mark.security("S16")
def test_the_callback_takes_its_parameters_out_of_the_request(browser, monkeypatch):
    """An error report shows the whole request, so after the first look nothing of it is there."""
    seen = []

    def hook(self, identity):
        request = self.request_of_the_test
        seen.append((request.get_full_path(), dict(request.GET), request.META.get("QUERY_STRING")))

    def remember(self, request, *, identity):
        self.request_of_the_test = request
        hook(self, identity)
        return original(self, request, identity=identity)

    original = Auth0Backend.authenticate
    monkeypatch.setattr(Auth0Backend, "authenticate", remember)
    callback = browser.authorize(browser.start(), "ada@example.com")
    browser.get(callback)
    assert seen == [("/auth/callback/", {}, "")]


def test_an_outcome_and_a_response_do_not_show_what_they_hold():
    response = AuthorizationResponse.parse([("state", ["planted-state"]), ("code", ["planted-code"])])
    shown = repr(response) + repr(RedirectTo(url="https://t.example/authorize?state=planted-state"))
    assert "planted" not in shown

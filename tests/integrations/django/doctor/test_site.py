"""What the doctor says of a site: settings, database, migrations, keys, cookies and sessions."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from stateful_oauth.django.doctor import Verdict
from stateful_oauth.testing.browser import Browser
from tests.support.attempts import Attempt
from tests.support.callers import Person

pytestmark = pytest.mark.database_in_ci

SITE = ["settings", "database", "migrations", "key_ring", "sealed_values", "sessions", "calls"]


@pytest.fixture
def site(stages):
    return lambda: stages(outbound=False)


def bad(stage: Any) -> list[tuple[str, str]]:
    return [
        (each.message, each.remedy)
        for each in stage.findings
        if each.verdict in (Verdict.FAILED, Verdict.WARNING)
    ]


def test_the_doctor_finds_a_healthy_site_well(site):
    found = site()
    assert {name: str(stage.verdict) for name, stage in found.items()} == dict.fromkeys(SITE, "ok"), found


def test_settings_that_system_checks_refuse(site, configure):
    configure(LEEWAY=600, SCOP="openid")
    found = site()
    messages = [message for message, _ in bad(found["settings"])]
    assert any(message.startswith("stateful_oauth.E013") for message in messages)
    assert any(message.startswith("stateful_oauth.E002") for message in messages)
    assert found["sessions"].verdict is Verdict.NOT_PROBED
    assert found["migrations"].verdict is Verdict.OK, "What does not need the settings is looked at."


def test_settings_that_are_not_there(site, settings):
    del settings.STATEFUL_OAUTH
    assert site()["settings"].verdict is Verdict.FAILED


def test_a_warning_of_the_system_checks(site, configure):
    configure(ENCRYPTION_KEYS=())
    found = site()
    assert found["settings"].verdict is Verdict.WARNING
    assert bad(found["settings"])[0][0].startswith("stateful_oauth.W001")


# The database.


@contextmanager
def broken_database():
    def refuse(execute, sql, params, many, context):
        raise OperationalError("connection to server at 10.0.0.1, user=shop password=planted failed")

    with connection.execute_wrapper(refuse):
        yield


def test_a_database_that_does_not_answer(site):
    with broken_database():
        found = site()
    assert found["database"].verdict is Verdict.FAILED
    assert "OperationalError" in bad(found["database"])[0][0]
    assert "planted" not in str(found)
    assert found["migrations"].verdict is Verdict.NOT_PROBED


def test_a_migration_that_is_not_applied(site):
    last = sorted(MigrationRecorder(connection).applied_migrations())
    app, name = [each for each in last if each[0] == "stateful_oauth"][-1]
    MigrationRecorder(connection).record_unapplied(app, name)
    found = site()
    assert bad(found["migrations"]) == [(f"Not applied: {name}.", "Run `manage.py migrate`.")]
    assert found["sealed_values"].verdict is Verdict.NOT_PROBED


def test_a_squashed_migration_stands_for_those_that_it_replaces(site, monkeypatch):
    """Then not every file is a migration that has to be applied: the exact answer is Django's own."""
    import pkgutil
    from types import SimpleNamespace

    real = pkgutil.iter_modules
    monkeypatch.setattr(
        "stateful_oauth.django.doctor.site.pkgutil",
        SimpleNamespace(iter_modules=lambda path: [*real(path), SimpleNamespace(name="0000_squashed")]),
    )
    assert site()["migrations"].verdict is Verdict.OK


# Keys.


def test_a_key_that_is_none(site, configure):
    configure(ENCRYPTION_KEYS=["no key"])
    found = site()
    assert found["key_ring"].verdict is Verdict.FAILED
    assert "ENCRYPTION_KEYS" in bad(found["key_ring"])[0][0]
    assert found["sealed_values"].verdict is Verdict.NOT_PROBED


def test_values_of_a_key_that_was_dropped_too_early(site, healthy, configure):
    attempt = Attempt(healthy)
    configure(ENCRYPTION_KEYS=[Fernet.generate_key().decode()])
    ((message, remedy),) = bad(site()["sealed_values"])
    assert message.startswith("No key opens 1 of 1 sampled values")
    assert str(attempt.id) in message
    assert "ENCRYPTION_KEYS" in remedy


def test_a_grant_that_no_key_opens(site, healthy, configure):
    Browser(healthy).sign_in("ada@example.com")
    assert "1 sampled values open." in site()["sealed_values"].findings[0].message
    configure(ENCRYPTION_KEYS=[Fernet.generate_key().decode()])
    ((message, _),) = bad(site()["sealed_values"])
    assert "stateful_oauth_grant.refresh_token" in message


def test_values_of_an_older_key_are_no_problem_until_it_is_retired(site, healthy, configure, settings):
    Attempt(healthy)
    new = Fernet.generate_key().decode()
    configure(ENCRYPTION_KEYS=[new, *settings.STATEFUL_OAUTH["ENCRYPTION_KEYS"]])
    found = site()["sealed_values"]
    assert found.verdict is Verdict.OK
    assert "1 with an older key: run `manage.py rotate_secrets`" in found.findings[0].message


def test_the_oldest_and_the_newest_are_looked_at(site, healthy, configure, settings, clock):
    keys = settings.STATEFUL_OAUTH["ENCRYPTION_KEYS"]
    configure(ENCRYPTION_KEYS=[Fernet.generate_key().decode()])
    oldest = Attempt(healthy)
    configure(ENCRYPTION_KEYS=keys)
    for number in range(45):
        clock.advance(1)
        Attempt(healthy, Person(f"browser {number}"))
    found = site()["sealed_values"]
    assert str(oldest.id) in bad(found)[0][0]
    assert "1 of 40" in bad(found)[0][0], "It looked at everything, which takes long on a real site."


# Cookies and sessions.


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ({"SESSION_COOKIE_SECURE": False}, "warning", "SESSION_COOKIE_SECURE is False"),
        ({"CSRF_COOKIE_SECURE": False}, "warning", "CSRF_COOKIE_SECURE is False"),
        ({"SESSION_COOKIE_DOMAIN": "elsewhere.example"}, "failed", "SESSION_COOKIE_DOMAIN"),
        ({"SESSION_COOKIE_DOMAIN": "pp.example"}, "failed", "SESSION_COOKIE_DOMAIN"),
        ({"SESSION_COOKIE_DOMAIN": ".app.example"}, "ok", ""),
        ({"SESSION_COOKIE_DOMAIN": "example"}, "ok", ""),
        ({"SESSION_COOKIE_SAMESITE": "None"}, "ok", ""),
        ({"SESSION_COOKIE_SAMESITE": "None", "SESSION_COOKIE_SECURE": False}, "failed", "SAMESITE is None"),
        ({"ALLOWED_HOSTS": ["www.example"]}, "failed", "ALLOWED_HOSTS does not include app.example"),
        ({"ALLOWED_HOSTS": []}, "failed", "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": ["*"]}, "ok", ""),
    ],
)
def test_the_doctor_judges_settings_of_the_session_cookie(site, settings, changes, verdict, words):
    for name, value in changes.items():
        setattr(settings, name, value)
    found = site()["sessions"]
    assert str(found.verdict) == verdict
    if words:
        assert words in " ".join(message for message, _ in bad(found))


ON_LOOPBACK = {
    "BASE_URL": "http://localhost:8000",
    "ISSUER": "http://localhost:9400/",
    "ALLOW_INSECURE_HTTP_ON_LOOPBACK": True,
}


def test_secure_cookies_on_an_http_site(site, configure):
    configure(**ON_LOOPBACK)
    found = site()
    assert [message.partition(":")[0] for message, _ in bad(found["settings"])] == ["stateful_oauth.W004"]
    assert "SESSION_COOKIE_SECURE is True, but BASE_URL is http" in bad(found["sessions"])[0][0]


@pytest.mark.parametrize("debug", [True, False])
def test_the_doctor_allows_missing_hosts_while_developing(site, settings, configure, debug):
    settings.DEBUG, settings.ALLOWED_HOSTS = debug, []
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    configure(**ON_LOOPBACK)
    assert site()["sessions"].verdict is (Verdict.OK if debug else Verdict.FAILED)


def test_the_session_that_it_makes_is_deleted_again(site):
    site()
    assert Session.objects.count() == 0


LOCMEM = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
DUMMY = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


@pytest.mark.parametrize(
    ("engine", "caches", "verdict"),
    [
        ("db", LOCMEM, "ok"),
        ("cached_db", LOCMEM, "ok"),
        ("cache", LOCMEM, "failed"),
        ("cache", DUMMY, "failed"),
        ("file", LOCMEM, "ok"),
        ("signed_cookies", LOCMEM, "not probed"),
    ],
)
def test_the_doctor_judges_engines_of_sessions(site, settings, tmp_path, engine, caches, verdict):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    settings.CACHES = caches
    found = site()["sessions"]
    assert str(found.verdict) == verdict, found


def test_a_session_table_that_is_not_there(site):
    def refuse(execute, sql, params, many, context):
        if "django_session" in sql:
            raise OperationalError("no such table: django_session")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        found = site()
    assert found["sessions"].verdict is Verdict.FAILED
    assert found["database"].verdict is Verdict.OK


def test_a_stage_that_breaks_is_one_finding_and_no_traceback(site, monkeypatch, caplog):
    from stateful_oauth.storage import sealed_values

    def broken(number: int) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(sealed_values, "sample", broken)
    found = site()
    assert bad(found["sealed_values"]) == [
        ("The stage itself raised RuntimeError.", "Find the traceback in the log.")
    ]
    assert found["sessions"].verdict is Verdict.OK
    assert "the stage sealed_values broke" in caplog.text


def test_time_does_not_matter_to_what_is_kept(site, healthy, clock):
    Attempt(healthy)
    clock.advance(timedelta(days=30).total_seconds())
    assert site()["sealed_values"].verdict is Verdict.OK

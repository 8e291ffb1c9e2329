"""Checks of the databases: reads of another one than is written, and SQLite's options."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import connection

from stateful_oauth.django.checks.database import check_reads, check_sqlite


class ReadsElsewhere:
    """Sends reads of one model to a replica."""

    model = None

    def db_for_read(self, model, **hints):
        return "replica" if model is self.model else None


class UsersElsewhere(ReadsElsewhere):
    model = get_user_model()


class SessionsElsewhere(ReadsElsewhere):
    model = Session


def test_site_that_reads_what_it_writes_gets_no_warning():
    assert check_reads() == []


@pytest.mark.parametrize(("router", "what"), [(UsersElsewhere, "Users"), (SessionsElsewhere, "Sessions")])
def test_reads_of_a_replica_are_warned_of(settings, router, what):
    settings.DATABASE_ROUTERS = [router()]
    [found] = check_reads()
    assert found.id == "stateful_oauth.W030"
    assert found.msg == f"{what} are written to 'default' and read from 'replica'."


def test_sessions_that_are_no_rows_are_not_warned_of(settings):
    settings.DATABASE_ROUTERS = [SessionsElsewhere()]
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    assert check_reads() == []


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ({}, 1),
        ({"transaction_mode": "IMMEDIATE"}, 1),
        ({"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode = WAL;"}, 0),
    ],
)
def test_sqlite_file_without_the_options_is_warned_of(monkeypatch, options, number):
    if connection.vendor != "sqlite":
        pytest.skip("It is about SQLite.")
    monkeypatch.setattr(connection, "is_in_memory_db", lambda: False)
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    assert [each.id for each in check_sqlite()] == ["stateful_oauth.W031"] * number

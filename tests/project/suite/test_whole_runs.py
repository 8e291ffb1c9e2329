"""What a whole run is held to: its budget, and every statement on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.budget import spent
from tests.support.checkout import ROOT
from tests.support.statement_shapes import shape, without_postgresql

_TESTS = """
import pytest
from stateful_oauth.storage.grants import newest_grant
from stateful_oauth.storage.models import Grant

{marker}
@pytest.mark.django_db
def test_on_sqlite():
    assert not Grant.objects.filter(refresh_token="").exists()
    {asks}
"""


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT a FROM t WHERE b IN (%s, %s, %s)", "SELECT a FROM t WHERE b IN (…)"),
        ("INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s)", "INSERT INTO t (a, b) VALUES (…)"),
        ("SELECT a  FROM t\n LIMIT 21", "SELECT a FROM t LIMIT 0"),
    ],
)
def test_statements_that_differ_in_values_have_one_shape(statement, expected):
    assert shape(statement) == expected


def test_shape_that_a_marked_test_executes_is_not_missing():
    assert without_postgresql(["SELECT a FROM t LIMIT 1"], ["SELECT a FROM t LIMIT 2"]) == []
    assert without_postgresql(["SELECT a FROM t"], ["SELECT b FROM t"]) == ["SELECT b FROM t"]


@pytest.mark.slow  # runs pytest four times
@pytest.mark.parametrize(
    ("marker", "asks", "code"),
    [
        ("", "newest_grant('default')", 1),
        ("@pytest.mark.database", "newest_grant('default')", 0),
        ("", "", 0),
        ("@pytest.mark.database\n@pytest.mark.database_in_ci", "newest_grant('default')", 1),
    ],
    ids=["unmarked", "marked", "of the test itself", "in CI alone"],
)
def test_statement_of_the_package_on_sqlite_alone_fails_a_whole_run(tmp_path, marker, asks, code):
    (tmp_path / "test_made.py").write_text(_TESTS.format(marker=marker, asks=asks))
    plugins = ["-p", "tests.support.statement_shapes", "-p", "no:randomly", "-p", "no:cacheprovider"]
    jobs = "2" if code else "0"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", jobs, *plugins, "--every-statement-on-postgresql"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.support.testsite.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert ('FROM "stateful_oauth_grant"' in done.stdout) is bool(code)


@pytest.mark.parametrize(
    ("wall", "processor", "expected"),
    [(100, 160, 100), (300, 160, 100), (100, 100, 62.5)],
    ids=["quiet", "another load", "one core"],
)
def test_time_of_a_run_is_that_of_a_quiet_machine(wall, processor, expected):
    assert spent(wall, processor) == expected

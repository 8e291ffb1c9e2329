"""The check of how long a request may wait, against the server's timeout."""

from __future__ import annotations

import pytest

from stateful_oauth.django.checks.server import check_server_timeout


@pytest.mark.parametrize(
    ("within", "arguments", "found"),
    [
        (3.0, "", []),
        (3.0, "--workers 4 --timeout 30", []),
        (3.0, "--timeout 0", []),
        (3.0, "--timeout=2", ["stateful_oauth.W032"]),
        (3.0, "-t 3 --workers 2", ["stateful_oauth.W032"]),
        (0, "", ["stateful_oauth.W032"]),
    ],
)
def test_requests_that_outlast_the_server_are_warned_of(configure, monkeypatch, within, arguments, found):
    configure(ANSWER_WITHIN=within)
    monkeypatch.setenv("GUNICORN_CMD_ARGS", arguments)
    assert [each.id for each in check_server_timeout()] == found

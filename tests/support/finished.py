"""Finished sign-ins by the thousand, made inside the database."""

from __future__ import annotations

from django.db import connection

_AGO = 1_700_000_000_000  # milliseconds: all are older than whatever a test starts

# The id of number n, as 32 hexadecimal digits in the form of UUIDv7; and a digest of 32 bytes.
_DIALECTS = {
    "postgresql": {
        "numbers": "generate_series(%s, %s) AS numbers(n)",
        "id": f"(lpad(to_hex({_AGO} + n), 12, '0') || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid",
        "digest": "sha256(n::text::bytea)",
        "json": "'{}'::jsonb",
        "false": "false",
    },
    "sqlite": {
        "numbers": "(WITH RECURSIVE numbers(n) AS (VALUES (%s) UNION ALL"
        " SELECT n + 1 FROM numbers WHERE n < %s) SELECT n FROM numbers)",
        "id": f"printf('%%012x', {_AGO} + n) || '70008' || printf('%%015x', n)",
        "digest": "CAST(printf('%%032d', n) AS BLOB)",
        "json": "'{}'",
        "false": "0",
    },
}
_STEPS = [
    (100, "start", "created", "awaiting_callback", ""),
    (200, "callback", "awaiting_callback", "exchanging_code", "exchange_code"),
    (300, "code_exchanged", "exchanging_code", "resolving_account", "resolve_account"),
    (400, "account_resolved", "resolving_account", "signed_in", ""),
]


def seed_finished(count: int, first: int = 1, *, users: tuple[int, int] | None = None) -> None:
    """Add `count` signed-in transactions with their four records each, and tell the planner.

    Args:
        users: The primary key of a first user and how many follow it: the rows are theirs in turn.
    """
    sql = _DIALECTS[connection.vendor]
    when = "'2024-01-01 00:00:00+00:00'" if connection.vendor == "postgresql" else "'2024-01-01 00:00:00'"
    span = [first, first + count - 1]
    owner = "NULL" if users is None else f"{users[0]} + n %% {users[1]}"
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stateful_oauth_flowtransaction (id, kind, tenant, definition_version,"
            " definition_structure, state, state_kind, version, browser, state_digest, inputs, attempts,"
            " code, result, created_at, changed_at, user_id)"
            f" SELECT {sql['id']}, 'login', 'default', 1, 'abcdefabcdef', 'signed_in', 'final', 4,"
            f" {sql['digest']}, {sql['digest']}, {sql['json']}, 0, '', {sql['json']}, {when}, {when},"
            f" {owner} FROM {sql['numbers']}",
            span,
        )
        for sequence, event, source, target, effect in _STEPS:
            cursor.execute(
                "INSERT INTO stateful_oauth_transitionrecord (transaction_id, sequence, event, source,"
                " target, at, actor, reason, effect, code, rejected)"
                f" SELECT {sql['id']}, {sequence}, '{event}', '{source}', '{target}', {when}, 'browser', '',"
                f" '{effect}', '', {sql['false']} FROM {sql['numbers']}",
                span,
            )
        cursor.execute("ANALYZE")

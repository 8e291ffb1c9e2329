"""What an attacker, or a broken provider, may send: pools to draw from."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import quote, quote_plus

MARKUP = "<b id=pwn onx=1>\"'</script>"
TEXTS = (
    "", "a", "0", "-1", "true", "null", "1e999", "NaN", "../../etc/passwd", "a" * 129, "a" * 513, "a" * 2049,
    "a" * 9000, "\0", "a\0b",
    "\r\nSet-Cookie: a=b", "\t", "\x7f", "\u2028", "ä", "\u202e", "\ufeff", "\U0001d54f",
    MARKUP, "{{ 7*7 }}", "%00", "%", "%zz", "' OR 1=1 --", "https://evil.example/", "//evil.example",
    "access_denied", "login_required", "server_error", "auth0|ada", "cac_1", "https://tenant.example/",
)  # fmt: skip
NAMES = (
    "code", "connect_code", "state", "iss", "error", "error_description", "error_uri", "session_state",
    "id_token", "next", "tenant", "kind", "transaction", "", "a", "STATE", "state[]", "code\0",
)  # fmt: skip
# Written into JSON as they are: no value of Python makes all of them.
JSON_VALUES = (
    "null", "true", "false", "0", "-1", "1.5", "1e999", "-1e999", "NaN", "Infinity", "-Infinity",
    "253402300799", "253402300800", "1" + "0" * 30, "1" * 401, "1" * 5000, '""', '"a"', '"\\u0000"',
    '"\\ud800"', '"\\udfff\\ud800"', '"0001-01-01T00:00:00Z"', '"0001-01-01T00:00:00+23:59"',
    '"9999-12-31T23:59:59.999999-23:59"', '"9999-12-31T23:59:59Z"', '"1969-12-31T23:59:59Z"', "[]", "{}",
    "[[[[]]]]", '{"a": {"b": [1e999]}}', "[" * 65 + "]" * 65, "[" * 3000 + "]" * 3000, '{"a": 1, "a": 2}',
    json.dumps(MARKUP), json.dumps("a" * 300), json.dumps("a" * 40_000),
)  # fmt: skip
HEADERS = (
    ("Retry-After", "Fri, 31 Dec 9999 23:59:59 -2359"), ("Retry-After", "9" * 300), ("Retry-After", "-1"),
    ("Retry-After", "soon"), ("X-RateLimit-Reset", "99999999999"), ("X-RateLimit-Reset", "NaN"),
    ("Content-Type", "text/html"), ("Content-Type", ""), ("Content-Encoding", "gzip"),
    ("Location", "https://evil.example/"), ("Set-Cookie", "a=b"), ("Date", "Mon, 01 Jan 0001 00:00:00 +2359"),
)  # fmt: skip


def spoilt(rng: random.Random, value: Any) -> str:
    """Return JSON in which one value, anywhere, is another one, is missing, or is there twice."""
    places = list(_places(value))
    path = rng.choice(places)
    return _written(value, path, rng.choice(["another", "another", "another", "missing", "twice"]), rng)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    yield path
    if isinstance(value, (dict, list)):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(each, (*path, key))


def _written(value: Any, path: tuple[Any, ...], how: str, rng: random.Random) -> str:
    if not path:
        return rng.choice(JSON_VALUES)
    parts = []
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        name = f"{json.dumps(key)}: " if isinstance(value, dict) else ""
        if key != path[0]:
            parts.append(name + json.dumps(each))
        elif len(path) > 1 or how == "another":
            parts.append(name + _written(each, path[1:], how, rng))
        elif how == "twice":
            parts += [name + json.dumps(each)] * 2
    return f"{{{', '.join(parts)}}}" if isinstance(value, dict) else f"[{', '.join(parts)}]"


def mutated(rng: random.Random, text: str) -> str:
    """Return another text that is nearly this one."""
    at = rng.randrange(len(text))
    flipped = rng.choice([letter for letter in "AaZz09-_" if letter != text[at]])
    return rng.choice(
        [
            text[:at] + flipped + text[at + 1 :], text[:at] + text[at + 1 :], text[:at], text[at + 1 :],
            text + flipped, text + "=", text + " ", " " + text, text[:at] + "\0" + text[at:], text[::-1],
            text + text, text[: len(text) // 2] + "%",
        ]
    )  # fmt: skip


def raw_query(rng: random.Random, pairs: list[tuple[str, str]]) -> str:
    """Write a query in one of the ways in which browsers, and others, do."""
    rng.shuffle(pairs)
    write = rng.choice([quote, quote_plus])
    query = rng.choice(["&", "&", "&", ";"]).join(f"{write(name)}={write(value)}" for name, value in pairs)
    return query + rng.choice(["", "", "", "&", "&&=", "%ff%fe", "&%", "&a", "#a"])

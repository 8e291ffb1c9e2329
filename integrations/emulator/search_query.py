"""The part of Lucene's query syntax that ``q`` understands (docs/auth0-contract.md §8.3).

``field:value``, ``field:"a phrase"``, ``*`` and ``?`` in values, ``field:*`` and ``_exists_:field``, bare
values (any text field), AND, OR, NOT (also ``&&``, ``||``, ``!``, ``-``) and parentheses. AND binds tighter
than OR; two terms side by side are an OR, Lucene's default. Only emails and names ignore case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Predicate = Callable[[Mapping[str, Any]], bool]

_TEXT_FIELDS = ("email", "name", "nickname", "given_name", "family_name", "user_id")
_CASELESS = frozenset({"email", "name", "nickname", "given_name", "family_name", "profileData"})
_TOKEN = re.compile(
    r"""\s*(?:(?P<paren>[()])|(?P<op>AND\b|OR\b|NOT\b|&&|\|\||!|-(?=[\w("]))
    |(?:(?P<field>[A-Za-z_][\w.]*):)?(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<value>(?:[^\s():"\[\]{}\\]|\\.)+)))""",
    re.VERBOSE,
)
_SPELLINGS = {"&&": "AND", "||": "OR", "!": "NOT", "-": "NOT"}
MAX_DEPTH = 20


class BadQuery(ValueError):
    """The query is not understood."""


def parse(text: str) -> Predicate:
    """Return what decides whether a user document matches the query; raises ``BadQuery``."""
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def parse(self) -> Predicate:
        found = self._alternatives()
        if self._peek() is not None:
            raise BadQuery("unbalanced parenthesis")
        return found

    def _peek(self) -> str | None:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return token if token is None or isinstance(token, str) else "term"

    def _take(self) -> str | Predicate:
        self._at += 1
        return self._tokens[self._at - 1]

    def _alternatives(self) -> Predicate:
        parts = [self._conjunction()]
        while self._peek() not in {None, ")"}:
            if self._peek() == "OR":
                self._take()
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda document: any(part(document) for part in parts)

    def _conjunction(self) -> Predicate:
        parts = [self._negation()]
        while self._peek() == "AND":
            self._take()
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda document: all(part(document) for part in parts)

    def _negation(self) -> Predicate:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadQuery("too deep")
        found = self._operand()
        self._depth -= 1
        return found

    def _operand(self) -> Predicate:
        if self._peek() == "NOT":
            self._take()
            inner = self._negation()
            return lambda document: not inner(document)
        if self._peek() == "(":
            self._take()
            group = self._alternatives()
            if self._peek() != ")":
                raise BadQuery("unbalanced parenthesis")
            self._take()
            return group
        if self._peek() != "term":
            raise BadQuery("a term is missing")
        term = self._take()
        assert not isinstance(term, str)  # noqa: S101 - what _peek said
        return term


def _tokens(text: str) -> Iterator[str | Predicate]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadQuery(f"cannot be read from character {at + 1}")
        at = match.end()
        if match["paren"]:
            yield match["paren"]
        elif match["op"]:
            yield _SPELLINGS.get(match["op"], match["op"])
        else:
            yield _term(match["field"], match["phrase"], match["value"])


def _term(field: str | None, phrase: str | None, value: str | None) -> Predicate:
    text = phrase if phrase is not None else value or ""
    if field == "_exists_":
        return lambda document: bool(list(_values(document, text.split("."))))
    fields = _TEXT_FIELDS if field is None else (field,)
    pattern = _pattern(text, wild=phrase is None)
    caseless = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    exact = re.compile(pattern, re.DOTALL)

    def matches(document: Mapping[str, Any]) -> bool:
        return any(
            (exact if _CASELESS.isdisjoint(name.split(".")) else caseless).fullmatch(found)
            for name in fields
            for found in _values(document, name.split("."))
        )

    return matches


def _pattern(text: str, *, wild: bool) -> str:
    parts = re.findall(r"\\.|[^\\]", text, re.DOTALL)
    wildcards = {"*": ".*", "?": "."} if wild else {}
    return "".join(wildcards.get(part) or re.escape(part[-1]) for part in parts)


def _values(thing: Any, path: list[str]) -> Iterator[str]:
    if isinstance(thing, (list, tuple)):
        for item in thing:
            yield from _values(item, path)
    elif path:
        if isinstance(thing, dict) and path[0] in thing:
            yield from _values(thing[path[0]], path[1:])
    elif isinstance(thing, bool):
        yield "true" if thing else "false"
    elif thing is not None:
        yield str(thing)

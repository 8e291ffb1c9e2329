"""Marked secrets, and the variables of the package's frames that show one, as an error report does."""

from __future__ import annotations

import base64
import re
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
from django.db.models import Model, QuerySet

from stateful_oauth import auth0, django, flows, storage
from stateful_oauth.emulator import connect_flows, issued, sign_in, tokens
from stateful_oauth.emulator.grant_types import token_vault
from stateful_oauth.emulator.routes import par
from stateful_oauth.flows.engine import identifiers

MARK = "SENTINEL"  # 8 characters: 6 bytes in base64
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.eyJ")
_OURS = tuple(f"{Path(each.__file__).parent}/" for each in (flows, storage, auth0, django) if each.__file__)


def shows(value: object) -> bool:
    """Whether a variable's value, as a report shows it, holds a marked secret or a token."""
    if isinstance(value, (QuerySet, Model)):
        return False  # reading one would ask the database
    text = repr(value)
    return MARK in text or _JWT.search(text) is not None


def mark_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `state`, `nonce`, verifiers, codes, sessions and opaque tokens of both sides carry the mark."""

    def token_bytes(size: int) -> bytes:
        # After the 16 bytes of an id and two more, base64 is aligned.
        return secrets.token_bytes(2) + base64.b64decode(MARK) + secrets.token_bytes(size - 8)

    def opaque(size: int = 32) -> str:
        return MARK + secrets.token_urlsafe(size)[len(MARK) :]

    marked = SimpleNamespace(randbits=secrets.randbits, token_bytes=token_bytes, token_urlsafe=opaque)
    monkeypatch.setattr(identifiers, "secrets", marked)
    for module in (connect_flows, issued, sign_in, tokens, token_vault, par):
        monkeypatch.setattr(module, "opaque", opaque)


class Watch:
    """What frames of the package held when they returned: `file: function: variable`."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self.frames = 0

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        file = frame.f_code.co_filename
        if event != "return" or not file.startswith(_OURS):
            return
        self.frames += 1
        for name, value in frame.f_locals.items():
            if shows(value):
                where = file.rpartition("/stateful_oauth/")[2]
                self.found.add(f"{where}: {frame.f_code.co_qualname}: {name}")

    @contextmanager
    def watching(self) -> Iterator[None]:
        sys.setprofile(self)
        threading.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type] # as documented


def frames_of(error: BaseException) -> list[tuple[str, str, Any]]:
    """Return the variables of the package's frames in a traceback and in all that led to it."""
    found: list[tuple[str, str, Any]] = []
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        pending += [each.__cause__, each.__context__]
        trace = each.__traceback__
        while trace is not None:
            frame, trace = trace.tb_frame, trace.tb_next
            if frame.f_code.co_filename.startswith(_OURS):
                where = f"{Path(frame.f_code.co_filename).name}: {frame.f_code.co_qualname}"
                found += [(where, name, value) for name, value in frame.f_locals.items()]
    return found

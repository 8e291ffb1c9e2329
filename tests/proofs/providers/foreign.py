"""Providers that were not written here: how each is started, and a browser that goes through its pages."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from dataclasses import dataclass, field
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import requests

from stateful_oauth.emulator import Callback
from tests.support.checkout import ROOT

HERE: Final = Path(__file__).parent
BUILD: Final = ROOT / "build" / "providers"
_PYTHON: Final = str(BUILD / "venv" / "bin" / "python")
_MOST_HOPS: Final = 12
_STARTS_WITHIN: Final = 120.0  # seconds
# What a person writes into a provider's form, by the name of the field.
_WRITTEN: Final = {"login": "ada", "password": "secret", "sub": "ada", "username": "ada"}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A provider as it is set up for one run.

    Attributes:
        server: The file in `servers`.
        settings: Keys of `STATEFUL_OAUTH`, besides issuer and client.
        options: What the server is started with.
        path: Of the issuer.
        lacks: Cells that the provider has nothing for, each with the reason.
    """

    provider: str
    name: str
    server: str
    settings: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    lacks: dict[str, str] = field(default_factory=dict)


class Server:
    """A provider's process. It keeps its port when it is started again."""

    def __init__(self, variant: Variant, folder: Path, options: dict[str, Any]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as held:
            self.port = held.getsockname()[1]
        self.issuer = f"http://127.0.0.1:{self.port}{variant.path}"
        file = HERE / "servers" / variant.server
        if file.suffix == ".mjs":
            # Node looks for packages beside the file.
            copy = BUILD / "node" / file.name
            copy.write_bytes(file.read_bytes())
            command = ["node", str(copy)]
        else:
            command = [_PYTHON, str(file)]
        self._command = [*command, str(self.port), str(folder), json.dumps({**options, **variant.options})]
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with new keys, and wait until it answers.

        Raises:
            RuntimeError: It does not.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < until and self._process.poll() is None:
            try:
                url = f"{self.issuer}/.well-known/openid-configuration"
                if requests.get(url, timeout=2).ok:
                    return
            except requests.RequestException:
                time.sleep(0.2)
        raise RuntimeError(f"{self._command[1]} does not answer: {self._log.read_text()[-1500:]}")

    def stop(self) -> None:
        """Stop this process."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


class Receiver:
    """Where a provider posts its logout tokens; the cell that waits for one takes it from here."""

    def __init__(self) -> None:
        bodies = self._bodies = Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def forget(self) -> None:
        """Drop what came so far: it was about earlier sessions, and with keys of before."""
        while not self._bodies.empty():
            self._bodies.get_nowait()

    def take(self) -> str:
        """Return the next form.

        Raises:
            queue.Empty: None came within seconds.
        """
        body: str = self._bodies.get(timeout=5)
        return body

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class Person:
    """A browser at a real provider: follows redirects, fills in forms, and stops where the site begins."""

    def __init__(self, site: str) -> None:
        self._site, self._session = site, requests.Session()

    def authorize(self, location: str, as_user: str = "", *, declines: bool = False) -> Callback:
        """Sign in, or decline, and return the URL or form that leads back to the site."""
        del as_user  # every provider here has one user
        return self.go(location, declines=declines)

    def go(self, location: str, *, declines: bool = False) -> Callback:
        """Go on from a URL until the site's begin."""
        answer = self._session.get(location, allow_redirects=False, timeout=10)
        for _ in range(_MOST_HOPS):
            target = answer.headers.get("Location")
            if target:
                target = requests.compat.urljoin(answer.url, target)
                if target.startswith(self._site):
                    return Callback(target)
                answer = self._session.get(target, allow_redirects=False, timeout=10)
                continue
            if declines and (refusal := re.search(r'href="([^"]*/abort)"', answer.text)):
                url = requests.compat.urljoin(answer.url, refusal.group(1))
                answer = self._session.get(url, allow_redirects=False, timeout=10)
                continue
            action, fields = _form(answer.text, declines=declines)
            if action is None:
                raise AssertionError(f"{answer.status_code} at {answer.url}: {_text(answer.text)}")
            url = requests.compat.urljoin(answer.url, action)
            if url.startswith(self._site):
                return Callback(url, fields)
            answer = self._session.post(url, data=fields, allow_redirects=False, timeout=10)
        raise AssertionError(f"More than {_MOST_HOPS} pages, at last {answer.url}")


def _form(html: str, *, declines: bool) -> tuple[str | None, dict[str, str]]:
    """Return where the first form goes, and what it sends."""
    found = re.search(r"(?is)<form\b([^>]*)>(.*?)</form>", html)
    if found is None:
        return None, {}
    attributes, inside = found.groups()
    action = re.search(r'(?i)action="([^"]*)"', attributes)
    fields: dict[str, str] = {}
    for tag in re.findall(r"(?is)<(?:input|button)\b[^>]*>", inside):
        named = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        name = unescape(named.get("name", ""))
        if not name:
            continue
        value = unescape(named.get("value", ""))
        if named.get("type") == "hidden":
            fields[name] = value
        elif name in _WRITTEN:
            fields.setdefault(name, _WRITTEN[name])
        elif value in {"deny", "decline"}:
            if declines:
                fields[name] = value
        elif not declines:
            fields.setdefault(name, value)
    return (unescape(action.group(1)) if action else ""), fields


def _text(html: str) -> str:
    return " ".join(re.sub(r"(?s)<[^>]*>", " ", html).split())[:300]


def parameters(url: str) -> dict[str, str]:
    """Return the query of a URL."""
    return dict(parse_qsl(urlsplit(url).query))

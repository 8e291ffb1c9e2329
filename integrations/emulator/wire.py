"""Requests as they stand on the wire."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from stateful_oauth.emulator.errors import Refusal, oauth_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import WSGIEnvironment

    from werkzeug.wrappers import Request

BODY_LIMIT = 256 * 1024
"""Bytes of a request body that are looked at."""


@dataclass
class Call:
    """A request that reached a route: its parts, and what the path template matched."""

    request: Request
    path: Mapping[str, str] = field(default_factory=dict)
    _body: dict[str, str] | None = None
    _bytes: bytes | None = None

    @property
    def query(self) -> dict[str, str]:
        """The query parameters; a repeated one is an error (RFC 6749 §3.1)."""
        return single(self.request.args.items(multi=True))

    def body(self) -> dict[str, str]:
        """Return the parameters of a form or JSON body, empty ones left out (RFC 6749 §3.2)."""
        if self._body is None:
            self._body = self._read_body()
        return self._body

    def _read_body(self) -> dict[str, str]:
        if self.request.mimetype == "application/json":
            return _flat(self.json())
        if self.request.mimetype == "application/x-www-form-urlencoded":
            text = self._raw().decode("utf-8", "replace")
            try:
                return single(parse_qsl(text, max_num_fields=200))
            except ValueError as error:
                raise oauth_error(400, "invalid_request", "Too many parameters.") from error
        return {}

    def _raw(self) -> bytes:
        # Kept: a planned fault may look at the body before the route does.
        if self._bytes is None:
            self._bytes = self.request.stream.read(BODY_LIMIT + 1)
        if len(self._bytes) > BODY_LIMIT:
            raise oauth_error(413, "invalid_request", "request entity too large")
        return self._bytes

    def json(self) -> Any:
        """Return the JSON body."""
        try:
            return json.loads(self._raw() or b"{}")
        except (ValueError, RecursionError) as error:
            raise oauth_error(400, "invalid_request", "Failed to parse JSON body.") from error

    def shown(self) -> dict[str, str]:
        """Return every text that a planned fault can look for; a body that is not understood has none."""
        found = {**self.path, **self.request.args.to_dict()}
        try:
            if self.request.mimetype == "application/json":
                data = self.json()
                found |= (
                    {k: v for k, v in data.items() if isinstance(v, str)} if isinstance(data, dict) else {}
                )
            else:
                found |= self.body()
        except Refusal:
            pass
        return found

    def params(self) -> dict[str, str]:
        """Return query and body together; the body wins."""
        return {**self.query, **self.body()} if self.request.method == "POST" else self.query


def _flat(data: object) -> dict[str, str]:
    if not isinstance(data, dict):
        raise oauth_error(400, "invalid_request", "The body must be an object.")
    flat: dict[str, str] = {}
    for name, value in data.items():
        # auth0-python sends null for what was not given.
        if not isinstance(value, str | None):
            raise oauth_error(400, "invalid_request", f"Parameter {name} must be a string.")
        if value:
            flat[name] = value
    return flat


def single(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters as a dict; empty ones count as absent, repeated ones are an error."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise oauth_error(400, "invalid_request", f"Parameter {name} must not be repeated.")
        found[name] = value
    return {name: value for name, value in found.items() if value}


def environ(
    method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes, remote: str = "127.0.0.1"
) -> WSGIEnvironment:
    """Build the WSGI environment (PEP 3333) of a request."""
    parts = urlsplit(url)
    built: WSGIEnvironment = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path or "/").decode("latin-1"),
        "QUERY_STRING": parts.query.encode().decode("latin-1"),
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": remote,
        "RAW_URI": parts.path,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": parts.netloc.rpartition("@")[2],
    }
    for name, value in headers:
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            built[key] = value
        elif key not in {"CONTENT_LENGTH", "TRANSFER_ENCODING"}:
            built[f"HTTP_{key}"] = value
    return built

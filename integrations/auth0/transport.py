"""The transport of every call to the provider.

It answers one question that a general HTTP client does not: did the request happen? `ProviderUnreachable`
means no, `RateLimited` means no and not yet, `ProviderAnswerLost` means that it is unknown.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, ProxyError

from stateful_oauth.auth0.connections import ClosedWhileIdle, NoTls, NotSent, PooledAdapter
from stateful_oauth.auth0.json_members import Members
from stateful_oauth.auth0.rate_limits import retry_at
from stateful_oauth.flows.engine.errors import FlowError, RateLimited
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost, ProviderUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests.adapters import BaseAdapter

    from stateful_oauth.auth0.config import Auth0Config

_CHUNK: Final = 65_536
_INVALID: Final = "provider_answer_invalid"
_HEADERS: Final = {
    "User-Agent": f"django-stateful-oauth/{version('django-stateful-oauth')}",
    "Accept": "application/json",
    # No decompression: a small answer cannot become a large one.
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        headers: By name, in any case.
        body: May hold tokens, so it is not shown.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def members(self, *, tolerant: bool = False) -> Members:
        """Return the members of a JSON object.

        Args:
            tolerant: A value that cannot be relied on does not make the whole body unusable; see `Members`.

        Raises:
            ProviderAnswerLost: The body is anything else. Code: `provider_answer_invalid`.
        """
        found = self.members_or_none(tolerant=tolerant)
        if found is None:
            raise ProviderAnswerLost(
                f"The provider answered {self.status} without a JSON object.", code=_INVALID
            )
        return found

    def members_or_none(self, *, tolerant: bool = False) -> Members | None:
        """Return the members of a JSON object, or None when the body is anything else."""
        if not self._is_json:
            return None
        try:
            return Members.parse(self.body, tolerant=tolerant)
        except ValueError:
            return None

    def array(self, *, tolerant: bool = False) -> tuple[Members, ...]:
        """Return the objects of a JSON array.

        Args:
            tolerant: As for `members`.

        Raises:
            ProviderAnswerLost: The body is anything else. Code: `provider_answer_invalid`.
        """
        try:
            if self._is_json:
                return Members.parse_array(self.body, tolerant=tolerant)
        except ValueError:
            pass
        raise ProviderAnswerLost(f"The provider answered {self.status} without a JSON array.", code=_INVALID)

    @property
    def media_type(self) -> str:
        """The type of the body, without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def _is_json(self) -> bool:
        kind = self.media_type
        return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


class Transport:
    """Calls the provider: one pool, hard limits, no redirects, no retries, no cookies.

    An instance serves all threads. After a fork the child opens connections of its own.

    Args:
        adapter: Where requests go instead of the network, for tests.
        now: The time, for rate limits.
        connect_timeout: Seconds for DNS, TCP and TLS.
        read_timeout: Seconds for a whole call.
        max_response_bytes: Longer answers are refused.
        ca_bundle: See `Auth0Config`.
        certificate: Files of the client's certificate and its key, for `tls_client_auth`.
    """

    def __init__(
        self,
        *,
        adapter: BaseAdapter | None = None,
        now: Callable[[], datetime] | None = None,
        connect_timeout: float = 3.0,
        read_timeout: float = 10.0,
        max_response_bytes: int = 1_048_576,
        ca_bundle: str | None = None,
        certificate: tuple[str, str] = ("", ""),
    ) -> None:
        self._now = now or _utc_now
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self._max_response_bytes, self._trust = max_response_bytes, (ca_bundle, certificate)
        self._is_injected = adapter is not None
        self._adapter = adapter or PooledAdapter(*self._trust)
        self._process = os.getpid()

    @classmethod
    def of(
        cls,
        config: Auth0Config,
        *,
        adapter: BaseAdapter | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> Transport:
        """Return a transport with a configuration's limits."""
        return cls(
            adapter=adapter,
            now=now,
            connect_timeout=config.connect_timeout,
            read_timeout=config.read_timeout,
            max_response_bytes=config.max_response_bytes,
            ca_bundle=config.ca_bundle,
            certificate=(config.client_certificate, config.client_certificate_key),
        )

    def get(
        self,
        url: str,
        *,
        time_limit: float,
        headers: Mapping[str, str | Secret] | None = None,
        takes_redirect: bool = False,
    ) -> Answer:
        """GET; see `send`."""
        return self.send("GET", url, time_limit=time_limit, headers=headers, takes_redirect=takes_redirect)

    def post_form(
        self,
        url: str,
        fields: Mapping[str, str | Secret],
        *,
        time_limit: float,
        headers: Mapping[str, str | Secret] | None = None,
    ) -> Answer:
        """POST a form; see `send`."""
        return self.send(
            "POST",
            url,
            body=form(fields),
            content_type="application/x-www-form-urlencoded",
            time_limit=time_limit,
            headers=headers,
        )

    def send_json(
        self,
        method: str,
        url: str,
        members: Mapping[str, Any] | None,
        *,
        time_limit: float,
        headers: Mapping[str, str | Secret] | None = None,
    ) -> Answer:
        """Send a JSON object, whose secrets may be anywhere in it, or no body for None; see `send`."""
        body = None if members is None else _json(members)
        return self.send(method, url, body=body, time_limit=time_limit, headers=headers)

    def send(
        self,
        method: str,
        url: str,
        *,
        time_limit: float,
        body: Secret | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str | Secret] | None = None,
        takes_redirect: bool = False,
    ) -> Answer:
        """Send a request and read the answer, whatever its status, except redirects and 429.

        Args:
            url: Checked by who configured it; redirects are not followed.
            body: Text in the form of `content_type`.
            time_limit: Seconds for the whole call; `read_timeout` holds as well.
            headers: Added to the transport's own.
            takes_redirect: Return a redirect as an answer. It is never followed.

        Raises:
            ProviderUnreachable: It was certainly not sent.
            RateLimited: 429.
            ProviderAnswerLost: It was sent and no usable answer came; code `provider_answer_invalid` for a
                redirect and for an answer that is too long.
        """
        limit = min(time_limit, self._read_timeout)
        if limit <= 0:
            raise ProviderUnreachable("No time was left to call the provider.")
        request = _prepare(method, url, body, content_type, headers)
        outcome = self._try(request, limit)
        # Raised out here, so that its context is no error of `requests`: they hold the request, with secrets.
        if isinstance(outcome, FlowError):
            raise outcome
        if outcome.status == 429:
            raise RateLimited(retry_at(outcome.headers, self._now()))
        if 300 <= outcome.status < 400 and not takes_redirect:
            raise ProviderAnswerLost(f"The provider redirected ({outcome.status}).", code=_INVALID)
        return outcome

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()

    def _try(self, request: requests.PreparedRequest, limit: float) -> Answer | FlowError:
        deadline = time.monotonic() + limit
        try:
            response = self._current_adapter().send(
                request, stream=True, timeout=(min(self._connect_timeout, limit), limit)
            )
            try:
                return self._read(response, deadline)
            finally:
                response.close()
        except (requests.RequestException, HTTPError, OSError) as error:
            return _failure(error, urlsplit(request.url or "").hostname)

    def _read(self, response: requests.Response, deadline: float) -> Answer | FlowError:
        if response.headers.get("content-encoding", "identity") != "identity":
            return ProviderAnswerLost("The provider compressed its answer unasked.", code=_INVALID)
        # Read into an object that does not show itself: an answer holds tokens.
        body, chunks = BytesIO(), response.iter_content(_CHUNK)
        while body.write(next(chunks, b"")):
            if body.tell() > self._max_response_bytes:
                return ProviderAnswerLost("The provider's answer is too long.", code=_INVALID)
            if time.monotonic() > deadline:
                return ProviderAnswerLost("The provider's answer took too long.")
        return Answer(response.status_code, response.headers, body.getvalue())

    def _current_adapter(self) -> BaseAdapter:
        if self._process != os.getpid() and not self._is_injected:
            # The parent's connections are the parent's: sharing one would mix up answers.
            self._adapter, self._process = PooledAdapter(*self._trust), os.getpid()
        return self._adapter


def _prepare(
    method: str, url: str, body: Secret | None, content_type: str, headers: Mapping[str, str | Secret] | None
) -> requests.PreparedRequest:
    # By hand: `Session.request` reads the environment, netrc and cookies anew for every request.
    request = requests.PreparedRequest()
    request.method, request.url = method, url
    request.headers = CaseInsensitiveDict(_HEADERS)
    if body is not None:
        request.body = body.reveal().encode()
        request.headers["Content-Type"] = content_type
        request.headers["Content-Length"] = str(len(request.body))
    for name, value in (headers or {}).items():
        request.headers[name] = _text(value)
    return request


def form(fields: Mapping[str, str | Secret]) -> Secret:
    """Return fields as a query or a form body (application/x-www-form-urlencoded)."""
    return Secret(
        urlencode(
            [(name, value.reveal() if isinstance(value, Secret) else value) for name, value in fields.items()]
        )
    )


def _json(members: Mapping[str, Any]) -> Secret:
    return Secret(json.dumps(members, default=_revealed, allow_nan=False))


def _revealed(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON.")


def _text(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _failure(error: Exception, host: str | None) -> FlowError:
    cause: object = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    if isinstance(error, requests.ConnectTimeout) or isinstance(
        cause, (NotSent, ConnectTimeoutError, ProxyError)
    ):
        detail = str(cause) if isinstance(cause, NotSent) else type(cause or error).__name__
        code = "provider_speaks_no_tls" if isinstance(cause, NoTls) else ""
        return ProviderUnreachable(f"No connection to {host} ({detail}).", code=code)
    named = cause if isinstance(cause, (ClosedWhileIdle, Exception)) else error
    return ProviderAnswerLost(f"No answer from {host} ({type(named).__name__}).")


def _utc_now() -> datetime:
    return datetime.now(UTC)

"""What the tests of the Auth0 room share: a clock, a tenant that is a dictionary, and tiny real servers."""

import base64
import contextlib
import hashlib
import io
import json
import socket
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from requests.adapters import BaseAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from stateful_oauth.auth0.config import Auth0Config
from stateful_oauth.auth0.provider import Auth0Provider
from stateful_oauth.auth0.transport import Transport
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.openid import IdTokenExpectation
from tests.support.auth0_room import GOOGLE, Room

ISSUER = "https://tenant.example/"


class FakeClock:
    def __init__(self):
        self.moment = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def now(self):
        return self.moment

    def sleep(self, seconds):
        self.moment += timedelta(seconds=seconds)

    @property
    def seconds(self):
        return int(self.moment.timestamp())


class ScriptedAdapter(BaseAdapter):
    """Answers by path: a value for JSON, (status, headers, bytes), or an exception to raise."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers
        self.calls = Counter()
        self.requests = []

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        path = "/" + request.url.split("/", 3)[3].partition("?")[0]
        self.calls[path] += 1
        self.requests.append(request)
        answer = self.answers[path]
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, tuple):
            answer = (200, {"Content-Type": "application/json"}, json.dumps(answer).encode())
        status, headers, body = answer
        response = requests.Response()
        response.status_code, response.headers = status, HTTPHeaderDict(headers)
        response.raw = HTTPResponse(
            io.BytesIO(body), headers=HTTPHeaderDict(headers), status=status, preload_content=False
        )
        response.request = request
        return response

    def close(self):
        pass


def public_jwk(key, kid="one", **members):
    jwk = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    return {"kid": kid, "use": "sig", "alg": "RS256", **{k: jwk[k] for k in ("kty", "n", "e")}, **members}


def discovery_document(**members):
    document = {
        "issuer": ISSUER,
        "authorization_endpoint": ISSUER + "authorize",
        "token_endpoint": ISSUER + "oauth/token",
        "jwks_uri": ISSUER + ".well-known/jwks.json",
        "revocation_endpoint": ISSUER + "oauth/revoke",
        "code_challenge_methods_supported": ["S256", "plain"],
        **members,
    }
    return {name: value for name, value in document.items() if value is not None}


class Bench:
    """A provider against a scripted tenant, and tokens signed with the tenant's real key."""

    discovery_path = "/.well-known/openid-configuration"
    keys_path = "/.well-known/jwks.json"
    nonce = "n-0S6_WzA2Mj"
    access_token = "SlAV32hkKG"

    def __init__(self, key, **config):
        self.key = key
        self.clock = FakeClock()
        self.config = Auth0Config(
            **{"issuer": ISSUER, "client_id": "web", "client_secret": Secret("s" * 64), **config}
        )
        self.adapter = ScriptedAdapter(
            {
                self.discovery_path: discovery_document(),
                self.keys_path: {"keys": [public_jwk(key)]},
            }
        )
        self.transport = Transport.of(self.config, adapter=self.adapter, now=self.clock.now)
        self.provider = Auth0Provider(self.config, self.transport, self.clock)
        self.expected = IdTokenExpectation(nonce=Secret(self.nonce), access_token=Secret(self.access_token))

    @property
    def answers(self):
        return self.adapter.answers

    @property
    def key_fetches(self):
        return self.adapter.calls[self.keys_path]

    @property
    def discovery_fetches(self):
        return self.adapter.calls[self.discovery_path]

    def claims(self, **changes):
        """Right claims, with changes; None leaves one out."""
        half = hashlib.sha256(self.access_token.encode()).digest()[:16]
        claims = {
            "iss": ISSUER,
            "sub": "auth0|ada",
            "aud": "web",
            "iat": self.clock.seconds,
            "exp": self.clock.seconds + 3600,
            "nonce": self.nonce,
            "sid": "session-1",
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, claims=None, *, key=None, algorithm="RS256", headers=None, kid="one"):
        return jwt.encode(
            self.claims() if claims is None else claims,
            key or self.key,
            algorithm=algorithm,
            headers={**({"kid": kid} if kid else {}), **(headers or {})},
        )

    def verify(self, token=None, **expected):
        return self.provider.verify_id_token(
            Secret(self.token() if token is None else token),
            replace(self.expected, **expected),
            now=self.clock.now(),
        )

    def exchange(self, time_limit=5.0):
        return self.provider.exchange_code(
            code=Secret("the-code"),
            redirect_uri="https://app.example/callback",
            code_verifier=Secret("the-verifier"),
            time_limit=time_limit,
        )


@pytest.fixture(scope="session")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def other_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def bench(key):
    return Bench(key)


@pytest.fixture
def make_bench(key):
    return lambda **config: Bench(key, **config)


@pytest.fixture
def tools():
    return SimpleNamespace(
        public_jwk=public_jwk, discovery_document=discovery_document, FakeClock=FakeClock, issuer=ISSUER
    )


@pytest.fixture
def room():
    """The provider's ports against an emulated tenant."""
    return Room()


@pytest.fixture
def bob(room):
    """Another user, by id, and its identity."""
    user = room.tenant.add_user(email="bob@example.com", name="Bob", connection=GOOGLE)
    return user.user_id, {"provider": GOOGLE, "user_id": user.identities[0].user_id}


class TinyServer:
    """Accepts connections; the n-th one is handled by the n-th behaviour, later ones by the last.

    A behaviour is called with the connected socket, and the connection is closed when it returns.
    """

    def __init__(self, behaviours, tls=None):
        self.behaviours, self.tls = behaviours, tls
        self.accepted = 0
        self.requests = []
        self._live = []
        self.stopping = threading.Event()
        self.closed = threading.Semaphore(0)  # released whenever the server has closed a connection
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/oauth/token"

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            behaviour = self.behaviours[min(self.accepted, len(self.behaviours) - 1)]
            self.accepted += 1
            self._live.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection, behaviour), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection, behaviour):
        connection.settimeout(10)
        with contextlib.suppress(OSError):
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._live.append(connection)
            behaviour(self, connection)
        connection.close()
        self.closed.release()

    def read_request(self, connection):
        """Return a whole request, or None when the client closed the connection."""
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = connection.recv(65536)
            if not chunk:
                return None
            received += chunk
        head, _, body = received.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            body += connection.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def stop(self):
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._live:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def serve():
    servers = []

    def start(*behaviours, tls=None):
        servers.append(TinyServer(behaviours, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def closed_port():
    """A port at which nobody listens, held so that no other process gets it meanwhile: it is refused."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]

"""One tenant with an application, people and an API; helpers that speak the protocol."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jwt
import pytest
import requests

from stateful_oauth.emulator import TOKEN_VAULT, Callback, Clock, Tenant, Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLBACK = "https://app.example/callback"
API = "https://api.example/"
SECRET = "s3cret"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Desk:
    """A tenant, an HTTP session on it, and the default application's way of asking."""

    tenant: Tenant
    http: requests.Session
    defaults: dict[str, str] = field(default_factory=dict)

    def url(self, path: str) -> str:
        return self.tenant.base_url + path

    def location(self, **params: str | None) -> str:
        wanted: dict[str, str | None] = {
            "client_id": "web",
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "openid profile email offline_access",
            "state": "st+/=&",
            "nonce": "n-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **params,
        }
        return self.url("/authorize?") + urlencode({k: v for k, v in wanted.items() if v is not None})

    def code(
        self, visitor: Visitor | None = None, as_user: str | None = "ada@example.com", **params: str | None
    ) -> str:
        callback = (visitor or self.tenant.visitor()).authorize(self.location(**params), as_user)
        return callback.fields["code"]

    def post(self, path: str, *, as_json: bool = False, **params: str | None) -> requests.Response:
        sent = {"client_id": "web", "client_secret": SECRET, **params}
        sent = {name: value for name, value in sent.items() if value is not None}
        body: dict[str, Any] = {"json": sent} if as_json else {"data": sent}
        return self.http.post(self.url(path), allow_redirects=False, timeout=5, **body)

    def exchange(self, code: str, **params: str | None) -> requests.Response:
        wanted = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **params,
        }
        return self.post("/oauth/token", **wanted)

    def refresh(self, token: str, **params: str | None) -> requests.Response:
        return self.post("/oauth/token", grant_type="refresh_token", refresh_token=token, **params)

    def tokens(self, **params: str | None) -> dict[str, Any]:
        reply = self.exchange(self.code(**params))
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def call(self, method: str, path: str, token: str | None = None, **sent: Any) -> requests.Response:
        """Call an API with a bearer token."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.http.request(
            method, self.url(path), headers=headers, allow_redirects=False, timeout=5, **sent
        )

    def claims(self, token: str, audience: str = "web") -> dict[str, Any]:
        """Verify against the published keys, as an application does."""
        keys = jwt.PyJWKSet.from_dict(self.http.get(self.url("/.well-known/jwks.json"), timeout=5).json())
        key = keys[jwt.get_unverified_header(token)["kid"]]
        options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        return dict(
            jwt.decode(
                token, key, [key.algorithm_name], options, audience=audience, issuer=self.tenant.issuer
            )
        )


@dataclass
class Admin:
    """An application with a Management token."""

    desk: Desk
    token: str

    def __call__(self, method: str, path: str, json: Any = None, **params: Any) -> requests.Response:
        return self.desk.call(method, f"/api/v2{path}", self.token, json=json, params=params)

    def user(self, user_id: str) -> dict[str, Any]:
        reply = self("GET", f"/users/{user_id}")
        assert reply.status_code == 200, reply.text
        return dict(reply.json())


@dataclass
class Me:
    """A signed-in user with a My Account token, and the person's browser."""

    desk: Desk
    visitor: Visitor
    refresh_token: str
    token: str

    def __call__(self, method: str, path: str, json: Any = None, **params: Any) -> requests.Response:
        return self.desk.call(
            method, f"/me/v1/connected-accounts{path}", self.token, json=json, params=params
        )

    def start(self, **body: Any) -> requests.Response:
        wanted = {
            "connection": "google-oauth2",
            "redirect_uri": CALLBACK,
            "state": "c-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **body,
        }
        return self("POST", "/connect", {k: v for k, v in wanted.items() if v is not None})

    def location(self, started: requests.Response) -> str:
        body = started.json()
        return str(body["connect_uri"] + "?" + urlencode(body["connect_params"]))

    def choose(self, started: requests.Response, account: str = "eve@gmail.com") -> str:
        return self.visitor.connect(self.location(started), account).fields["connect_code"]

    def complete(self, started: requests.Response, code: str, **body: Any) -> requests.Response:
        wanted = {
            "auth_session": started.json()["auth_session"],
            "connect_code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **body,
        }
        return self("POST", "/complete", {k: v for k, v in wanted.items() if v is not None})

    def connect(self, account: str = "eve@gmail.com", **body: Any) -> dict[str, Any]:
        started = self.start(**body)
        reply = self.complete(started, self.choose(started, account))
        assert reply.status_code == 201, reply.text
        return dict(reply.json())

    def exchange(self, **params: str | None) -> requests.Response:
        wanted: dict[str, str | None] = {
            "grant_type": TOKEN_VAULT,
            "subject_token": self.refresh_token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token",
            "requested_token_type": "http://auth0.com/oauth/token-type/federated-connection-access-token",
            "connection": "google-oauth2",
            **params,
        }
        return self.desk.post("/oauth/token", **wanted)


def sign_in_to_connect(desk: Desk, as_user: str = "ada@example.com") -> Me:
    visitor = desk.tenant.visitor()
    tokens = desk.exchange(desk.code(visitor, as_user)).json()
    reply = desk.refresh(tokens["refresh_token"], audience=desk.tenant.my_account_audience)
    return Me(desk, visitor, tokens["refresh_token"], reply.json()["access_token"])


def manage(desk: Desk, *scopes: str) -> Admin:
    """Return an application with those scopes, or with all."""
    desk.tenant.allow_management("other", scopes or None)
    audience = desk.tenant.management_audience
    reply = desk.post("/oauth/token", client_id="other", grant_type="client_credentials", audience=audience)
    return Admin(desk, reply.json()["access_token"])


def make_tenant() -> Tenant:
    tenant = Tenant(clock=Clock(at=1_800_000_000))
    tenant.add_client(
        client_id="web",
        client_secret=SECRET,
        name="The shop",
        callbacks=[CALLBACK],
        logout_urls=["https://app.example/bye"],
    )
    tenant.add_client(client_id="other", client_secret=SECRET, callbacks=[CALLBACK])
    tenant.add_user(email="ada@example.com", name="Ada", password="correct horse", user_id="ada")
    tenant.add_user(email="bob@example.com", name="Bob", connection="google-oauth2", user_id="123")
    tenant.add_api(API, scopes=["read:things", "write:things"])
    return tenant


@pytest.fixture
def tenant() -> Tenant:
    return make_tenant()


@pytest.fixture
def desk(tenant: Tenant) -> Iterator[Desk]:
    with requests.Session() as session:
        yield Desk(tenant, tenant.mount(session))


@pytest.fixture
def admin(desk: Desk) -> Admin:
    return manage(desk)


@pytest.fixture
def me(desk: Desk) -> Me:
    """Ada, who may connect Eve's and her own Google accounts and a GitHub account."""
    desk.tenant.allow_connected_accounts("web")
    for email, user_id in [("eve@gmail.com", "777"), ("ada@gmail.com", "778")]:
        desk.tenant.add_user(
            email=email, name=email[:3], connection="google-oauth2", user_id=user_id, signed_up=False
        )
    desk.tenant.add_connection("github", scopes=["repo"])
    desk.tenant.add_user(email="eve@hub.example", connection="github", user_id="42", signed_up=False)
    return sign_in_to_connect(desk)


@pytest.fixture(autouse=True)
def no_failure_inside(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test may make the emulator fail inside: bad input has documented answers."""
    yield
    failures = [
        record for record in caplog.records if record.name.startswith("stateful_oauth") and record.exc_info
    ]
    assert not failures


def error(callback: Callback) -> tuple[str | None, str | None]:
    return callback.fields.get("error"), callback.fields.get("state")

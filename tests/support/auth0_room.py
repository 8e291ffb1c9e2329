"""A provider of the Auth0 room against an emulated tenant with everything that accounts need."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from requests.adapters import BaseAdapter

from stateful_oauth.auth0.config import Auth0Config
from stateful_oauth.auth0.provider import Auth0Provider
from stateful_oauth.auth0.transport import Transport
from stateful_oauth.emulator import Tenant
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.accounts import ConnectRequest, RemoteAccount
from stateful_oauth.flows.oauth.openid import AuthorizationRequest
from stateful_oauth.flows.oauth.pkce import code_challenge

CALLBACK = "https://app.example/callback"
VERIFIER = "v" * 43
SECRET = "client-secret-" * 4
MACHINE_SECRET = "machine-secret-" * 4
ADA, GMAIL = "ada@example.com", "ada@gmail.example"
GOOGLE = "google-oauth2"
LINKING = ["read:users", "update:users", "update:users_app_metadata"]


class Room:
    """A tenant, a provider, and Ada, who is signed in and has a Google account."""

    def __init__(self, client: dict[str, Any] | None = None, config: dict[str, Any] | None = None) -> None:
        self.tenant = Tenant(issuer="https://tenant.example/")
        self.tenant.add_client(client_id="web", client_secret=SECRET, callbacks=[CALLBACK], **(client or {}))
        self.tenant.allow_connected_accounts("web")
        self.tenant.add_client(client_id="linker", client_secret=MACHINE_SECRET)
        self.tenant.allow_management("linker", LINKING)
        self.ada = self.tenant.add_user(email=ADA, name="Ada", password="pw").user_id
        self.tenant.add_user(email=GMAIL, name="Ada at Google", connection=GOOGLE, signed_up=False)
        self.config = Auth0Config(
            **{
                "issuer": self.tenant.issuer,
                "client_id": "web",
                "client_secret": Secret(SECRET),
                "management_client_id": "linker",
                "management_client_secret": Secret(MACHINE_SECRET),
                "provider_userinfo": {
                    name: {"url": f"{self.tenant.issuer}_provider/{name}/userinfo"}
                    for name in (GOOGLE, "github")
                },
                **(config or {}),
            }
        )
        self.transport = Transport.of(self.config, adapter=self.tenant.adapter(), now=self.now)
        self.provider = Auth0Provider(self.config, self.transport, self)
        self.visitor = self.tenant.visitor()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.tenant.clock.now(), UTC)

    def sleep(self, seconds: float) -> None:
        self.tenant.clock.advance(seconds)

    @property
    def requests(self) -> Any:
        return self.tenant.requests

    def refresh_token(self, who: str = ADA) -> Secret:
        """Sign somebody in, each in a browser of their own, and return their refresh token."""
        request = AuthorizationRequest(
            redirect_uri=CALLBACK,
            scope="openid profile offline_access",
            state=Secret("the-state"),
            nonce=Secret("the-nonce"),
            code_challenge=code_challenge(VERIFIER),
        )
        visitor = self.visitor if who == ADA else self.tenant.visitor()
        callback = visitor.authorize(self.provider.authorization_url(request), as_user=who)
        tokens = self.provider.exchange_code(
            code=Secret(callback.fields["code"]),
            redirect_uri=CALLBACK,
            code_verifier=Secret(VERIFIER),
            time_limit=5,
        )
        assert tokens.refresh_token is not None
        return tokens.refresh_token

    def my_account_token(self, who: str = ADA) -> Secret:
        """Return an access token of somebody's for the My Account API."""
        audience = self.provider.my_account.audience
        return self.provider.refresh(self.refresh_token(who), audience=audience, time_limit=5).access_token

    def connect_request(self, **changes: Any) -> ConnectRequest:
        return ConnectRequest(
            **{
                "connection": GOOGLE,
                "redirect_uri": CALLBACK,
                "state": Secret("connect-state"),
                "code_challenge": code_challenge(VERIFIER),
                **changes,
            }
        )

    def fault(self, kind: Any, endpoint: str, **details: Any) -> Any:
        return self.tenant.faults.add(endpoint, kind, **details)


def problem(status: int, detail: str = "RAW-TEXT", field: str | None = None) -> dict[str, Any]:
    """A refusal of the My Account API."""
    flaws = [] if field is None else [{"detail": "RAW-TEXT", "field": field, "source": "body"}]
    return {
        "type": f"https://auth0.com/api-errors#A0E-{status}-0003",
        "status": status,
        "title": "RAW-TEXT",
        "detail": detail,
        "validation_errors": flaws,
    }


class Connecting:
    """One connect request, as far as its code."""

    def __init__(self, room: Room, token: Secret, **changes: Any) -> None:
        self.room, self.token = room, token
        self.session = room.provider.my_account.connect(token, room.connect_request(**changes), time_limit=5)
        self.code = Secret("none yet")

    def agree(self) -> Connecting:
        callback = self.room.visitor.connect(self.session.connect_uri.reveal(), as_account=GMAIL)
        assert callback.fields["state"] == "connect-state"
        self.code = Secret(callback.fields["connect_code"])
        return self

    def complete(self, **changes: Any) -> RemoteAccount:
        return self.room.provider.my_account.complete(
            **{
                "token": self.token,
                "auth_session": self.session.auth_session,
                "connect_code": self.code,
                "redirect_uri": CALLBACK,
                "code_verifier": Secret(VERIFIER),
                "time_limit": 5.0,
                **changes,
            }
        )


class Spoken(BaseAdapter):
    """What a room sends from now on: method, address and JSON body."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self.said: list[tuple[str, str, Any]] = []
        self._adapter = room.tenant.adapter()
        room.transport._adapter = self

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        form = "json" not in request.headers.get("Content-Type", "")
        self.said.append((request.method, request.url, request.body if form else json.loads(request.body)))
        return self._adapter.send(request, *args, **kwargs)

    def close(self) -> None:
        pass


def refused(kind: type[FlowError], code: str, call: Any, /, *args: Any, **kwargs: Any) -> FlowError:
    """Call, and return the error, which must be exactly this one, of nobody else's making."""
    with pytest.raises(FlowError) as caught:
        call(*args, **kwargs)
    assert (type(caught.value), caught.value.code) == (kind, code), caught.value
    assert caught.value.__cause__ is None
    # Another library's error may hold the request, with secrets. A ValueError is ours, and names a member.
    assert type(caught.value.__context__) in {type(None), ValueError}, repr(caught.value.__context__)
    return caught.value

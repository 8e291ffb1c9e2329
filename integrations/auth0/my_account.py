"""Auth0's My Account API: the connected accounts of a user, on this package's transport."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from stateful_oauth.auth0.logout import with_query
from stateful_oauth.auth0.problem_answers import problem_of, token_problem_of, unusable
from stateful_oauth.auth0.urls import check_url
from stateful_oauth.flows.engine.errors import FlowError, ServiceRefused
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.accounts import ConnectionInfo, ConnectSession, RemoteAccount
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.json_members import Members
    from stateful_oauth.auth0.problem_answers import Problem
    from stateful_oauth.auth0.transport import Answer, Transport
    from stateful_oauth.flows.oauth.accounts import ConnectRequest

_INVALID: Final = "provider_answer_invalid"
_ACCOUNT_ID: Final = re.compile(r"cac_[A-Za-z0-9]{1,124}")  # no longer than its column; as the next two
_MAX_CONNECTION: Final = 128  # by the API itself
_MAX_ACCESS_TYPE: Final = 32
_CREATE, _READ, _DELETE = (f"{verb}:me:connected_accounts" for verb in ("create", "read", "delete"))
_TAKE: Final = 20  # per page; the API allows no more
_MAX_PAGES: Final = 50
_MAX_CURSOR: Final = 4096
_MAX_AUTH_SESSION: Final = 64
_NUMBERS: Final = frozenset({"max_age"})  # of `authorization_params`: the only one that is no text


class Auth0MyAccount:
    """The port `flows.oauth.ports.MyAccount`. An instance serves all threads."""

    def __init__(self, config: Auth0Config, transport: Transport) -> None:
        self._config, self._transport = config, transport
        self._url = config.my_account_base_url.removesuffix("/") + "/connected-accounts"

    @property
    def audience(self) -> str:
        """What an access token for it is asked for with."""
        return self._config.my_account_audience

    def connect(self, token: Secret, request: ConnectRequest, *, time_limit: float) -> ConnectSession:
        """Ask for a connected account; see `flows.oauth.ports.MyAccount.connect`.

        Raises:
            ProviderAnswerLost: Also for a `connect_uri` that the browser must not be sent to.
        """
        answer = self._send("POST", "/connect", token, time_limit, _connect_body(request))
        if answer.status not in (200, 201):
            raise _refusal(answer, _CREATE, _connect_code)
        members = answer.members()
        try:
            session = members.secret("auth_session")
            if len(session.reveal()) > _MAX_AUTH_SESSION:
                raise ValueError(f"auth_session must have at most {_MAX_AUTH_SESSION} characters.")  # noqa: TRY301
            return ConnectSession(
                auth_session=session,
                connect_uri=self._connect_uri(members),
                expires_in=members.lifetime("expires_in"),
            )
        except ValueError as error:
            problem = str(error)
        raise _not_usable(problem)

    def complete(
        self,
        token: Secret,
        *,
        auth_session: Secret,
        connect_code: Secret,
        redirect_uri: str,
        code_verifier: Secret,
        time_limit: float,
    ) -> RemoteAccount:
        """Connect the account; see `flows.oauth.ports.MyAccount.complete`. Never repeats it."""
        body = {
            "auth_session": auth_session,
            "connect_code": connect_code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        }
        answer = self._send("POST", "/complete", token, time_limit, body)
        if answer.status not in (200, 201):
            if answer.status == 409:
                raise ProviderAnswerLost(
                    "The provider answered 409: the code was used, it does not say by which request."
                )
            raise _refusal(answer, _CREATE, _complete_code)
        return read_account(answer.members())

    def accounts(
        self, token: Secret, *, connection: str | None = None, time_limit: float
    ) -> Sequence[RemoteAccount]:
        """List the user's connected accounts; see `flows.oauth.ports.MyAccount.accounts`."""
        query = {} if connection is None else {"connection": connection}
        return tuple(map(read_account, self._pages("accounts", query, token, time_limit)))

    def connections(self, token: Secret, *, time_limit: float) -> Sequence[ConnectionInfo]:
        """List the connections that can be connected; see `flows.oauth.ports.MyAccount.connections`."""
        return tuple(map(_connection, self._pages("connections", {}, token, time_limit)))

    def disconnect(self, token: Secret, account_id: str, *, time_limit: float) -> None:
        """Delete a connected account; see `flows.oauth.ports.MyAccount.disconnect`."""
        if not _ACCOUNT_ID.fullmatch(account_id):
            raise ServiceRefused("input_invalid", "It is not the id of a connected account (cac_…).")
        answer = self._send("DELETE", f"/accounts/{quote(account_id, safe='')}", token, time_limit)
        if answer.status in (200, 204):
            return
        problem = problem_of(answer)
        # The API's own 404 is about the account; any other is about a path, and says nothing.
        if problem is None or problem.status != 404 or "a0e-404" not in problem.text:
            raise _refusal(answer, _DELETE)

    def _pages(
        self, name: str, query: Mapping[str, str], token: Secret, time_limit: float
    ) -> Iterator[Members]:
        """Yield the entries of every page; the time limit is for all of them."""
        deadline = time.monotonic() + time_limit
        fields, seen = {**query, "take": str(_TAKE)}, set[str]()
        for _ in range(_MAX_PAGES):
            answer = self._send("GET", f"/{name}?{urlencode(fields)}", token, deadline - time.monotonic())
            if answer.status != 200:
                raise _refusal(answer, _READ)
            entries, cursor = read_page(answer.members(), name)
            yield from entries
            if not cursor:
                return
            if cursor in seen:
                raise _not_usable("next goes round in a circle.")
            seen.add(cursor)
            fields["from"] = cursor
        raise _not_usable(f"the list has more than {_MAX_PAGES} pages.")

    def _connect_uri(self, members: Members) -> Secret:
        """Return where the browser goes. Its own query is kept; the path is the provider's business."""
        uri = check_url(
            members.text("connect_uri"),
            "connect_uri",
            allow_http_on_loopback=self._config.allow_insecure_http_on_loopback,
        )
        return Secret(with_query(uri, {"ticket": members.nested("connect_params").text("ticket")}))

    def _send(
        self,
        method: str,
        path: str,
        token: Secret,
        time_limit: float,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        return self._transport.send_json(
            method,
            self._url + path,
            body,
            headers={"Authorization": Secret(f"Bearer {token.reveal()}")},
            time_limit=time_limit,
        )


def _connect_body(request: ConnectRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "connection": request.connection,
        "redirect_uri": request.redirect_uri,
        "state": request.state,
        "code_challenge": request.code_challenge,
        "code_challenge_method": "S256",
    }
    if request.scopes:
        body["scopes"] = list(dict.fromkeys(request.scopes))  # the API wants each of them once
    if request.authorization_params:
        body["authorization_params"] = {
            name: int(value) if name in _NUMBERS and value.isascii() and value.isdigit() else value
            for name, value in request.authorization_params.items()
        }
    return body


def _refusal(answer: Answer, scope: str, code_of: Callable[[Problem], str | None] | None = None) -> FlowError:
    """Return the error that an unsuccessful answer stands for.

    Args:
        scope: What the call needs, for the message.
        code_of: The call's own codes, asked before the general ones.
    """
    problem = problem_of(answer) or token_problem_of(answer)
    if problem is None:
        return unusable(answer)
    code = None if code_of is None else code_of(problem)
    if code is not None:
        return ServiceRefused(code, f"The My Account API refused: {problem.status}.")
    if problem.status == 401:
        return ServiceRefused("my_account_token_rejected", "The My Account API does not take the token.")
    if problem.status == 403:
        return ServiceRefused("scope_not_granted", f"The My Account API refused: 403. It needs {scope}.")
    return ServiceRefused("request_rejected", f"The My Account API refused: {problem.status}.")


def _connect_code(problem: Problem) -> str | None:
    if problem.status in (400, 404) and ("connection" in problem.fields or "connection" in problem.text):
        return "connection_unknown"
    return None


def _complete_code(problem: Problem) -> str | None:
    about_session = "auth_session" in problem.fields or "auth_session" in problem.text
    if problem.status in (400, 403, 404) and about_session:
        return "connect_session_over"  # 403: it is another user's
    if problem.status == 400 and "redirect_uri" not in problem.fields:
        return "connect_code_rejected"
    return None


def read_page(members: Members, name: str) -> tuple[tuple[Members, ...], str]:
    """Return the entries of a page, and where the next one begins, or an empty string.

    Raises:
        ProviderAnswerLost: `provider_answer_invalid`.
    """
    try:
        entries, cursor = members.objects(name), members.optional_text("next") or ""
        if len(cursor) > _MAX_CURSOR:
            raise ValueError("next is too long.")  # noqa: TRY301
    except ValueError as error:
        problem = str(error)
    else:
        return entries, cursor
    raise _not_usable(problem)


def read_account(members: Members) -> RemoteAccount:
    """Return a connected account as the My Account and the Management API list it.

    Raises:
        ProviderAnswerLost: `provider_answer_invalid`.
    """
    try:
        account_id = members.text("id")
        if not _ACCOUNT_ID.fullmatch(account_id):
            raise ValueError("id must be cac_ and letters or digits.")  # noqa: TRY301
        connection = members.text("connection")
        access_type = members.optional_text("access_type") or "offline"
        if len(connection) > _MAX_CONNECTION or len(access_type) > _MAX_ACCESS_TYPE:
            raise ValueError("connection or access_type is too long.")  # noqa: TRY301
        return RemoteAccount(
            id=account_id,
            connection=connection,
            access_type=access_type,
            scopes=members.texts("scopes") or (),
            created_at=members.moment("created_at"),
            expires_at=members.informative_moment("expires_at"),
        )
    except ValueError as error:
        problem = str(error)
    raise _not_usable(problem)


def _connection(members: Members) -> ConnectionInfo:
    try:
        return ConnectionInfo(
            name=members.text("name"),
            strategy=members.text("strategy"),
            scopes=members.texts("scopes") or (),
        )
    except ValueError as error:
        problem = str(error)
    raise _not_usable(problem)


def _not_usable(problem: str) -> ProviderAnswerLost:
    return ProviderAnswerLost(f"The answer of the My Account API is not usable: {problem}", code=_INVALID)

"""Auth0's Management API: users and their identities, with a token of the application's own."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.auth0.management_token import ManagementToken
from stateful_oauth.auth0.my_account import read_account, read_page
from stateful_oauth.auth0.problem_answers import problem_of, unusable
from stateful_oauth.auth0.user_profiles import (
    FIELDS,
    LISTED_FIELDS,
    has_identity,
    listed_profile,
    user_profile,
)
from stateful_oauth.flows.engine.errors import FlowError, ServiceRefused
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from auth0.management import Auth0
    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.json_members import Members
    from stateful_oauth.auth0.management_sdk import Operation
    from stateful_oauth.auth0.management_token import SharedTokens
    from stateful_oauth.auth0.problem_answers import Problem
    from stateful_oauth.auth0.transport import Answer, Transport
    from stateful_oauth.flows.oauth.accounts import RemoteAccount, UserProfile

_INVALID: Final = "provider_answer_invalid"
_SCOPES: Final = frozenset({"read:users", "update:users"})
_APP_METADATA_SCOPES: Final = _SCOPES | {"update:users_app_metadata"}
_PROVIDER_TOKENS: Final = frozenset({"access_token", "access_token_secret", "refresh_token"})
_TAKE: Final = 20  # per page of connected accounts; the API allows no more
_MAX_PAGES: Final = 50
_INSTALL: Final = (
    "The Management API needs auth0-python: install django-stateful-oauth[linking]. "
    "It cannot share an environment with another package that brings a module called auth0."
)


class Auth0Management:
    """The port `flows.oauth.ports.Management`.

    An instance serves all threads; keep it, because it holds tokens.

    No call is repeated, with one exception: one that was answered with 401 was not carried out, and is sent
    once more with a fresh token.
    """

    def __init__(
        self,
        config: Auth0Config,
        transport: Transport,
        now: Callable[[], datetime],
        shared: SharedTokens | None = None,
    ) -> None:
        self._transport = transport
        self._url = config.management_base_url + "api/v2"
        self._token = ManagementToken(config, transport, now, _SCOPES, shared)
        # A token of its own, so that a call that does not write app_metadata never sends a token that could.
        self._app_metadata_token = ManagementToken(config, transport, now, _APP_METADATA_SCOPES, shared)
        self._new_token = partial(ManagementToken, config, transport, now, shared=shared)
        self._tokens_by_scopes: dict[frozenset[str], ManagementToken] = {}

    def client(self, scopes: frozenset[str], *, time_limit: float) -> Auth0:
        """Return auth0-python's own client; see `management_client.management_client`.

        Args:
            scopes: Of its token; empty for all that was granted.
            time_limit: Seconds for each call.

        Raises:
            FlowError: auth0-python cannot be imported. Code: `management_not_configured`.
        """
        _sdk()
        from stateful_oauth.auth0.management_client import management_client  # noqa: PLC0415 - slow, and an extra

        tokens = self._tokens_by_scopes.setdefault(scopes, self._new_token(scopes))
        return management_client(self._transport, base_url=self._url, tokens=tokens, time_limit=time_limit)

    def profile(self, user_id: str, *, time_limit: float) -> Mapping[str, Any] | None:
        """Return all members of a user that can be relied on, but for tokens of identity providers; or None.

        Raises:
            FlowError: As `user`.
        """
        answer = self._call(lambda sdk: sdk.users.get(user_id), time_limit=time_limit)
        if answer.status != 200:
            if _says_no_user(problem_of(answer)):
                return None
            raise _refusal(answer, "read:users")
        members = answer.members(tolerant=True)
        if members.get("user_id") != user_id:
            raise _not_usable("it is another user.")
        found: dict[str, Any] = json.loads(json.dumps(members.as_dict(), default=lambda _: None))
        for identity in found.get("identities") or ():
            for name in _PROVIDER_TOKENS.intersection(identity):
                del identity[name]
        return found

    def user(self, user_id: str, *, time_limit: float) -> UserProfile | None:
        """Return a user by id; see `flows.oauth.ports.Management.user`."""
        answer = self._call(
            lambda sdk: sdk.users.get(user_id, fields=FIELDS, include_fields=True), time_limit=time_limit
        )
        if answer.status != 200:
            if _says_no_user(problem_of(answer)):
                return None
            raise _refusal(answer, "read:users")
        profile = _profile(answer.members(tolerant=True))
        if profile.user_id != user_id:
            raise _not_usable("it is another user.")
        return profile

    def users_by_email(self, email: str, *, time_limit: float) -> Sequence[UserProfile]:
        """Return the users with exactly this email; see `flows.oauth.ports.Management.users_by_email`."""
        answer = self._call(
            lambda sdk: sdk.users.list_users_by_email(email=email, fields=LISTED_FIELDS, include_fields=True),
            time_limit=time_limit,
        )
        if answer.status != 200:
            raise _refusal(answer, "read:users")
        found = [_profile(each, listed_profile) for each in answer.array(tolerant=True)]
        return tuple(profile for profile in found if profile.email == email)

    def connected_accounts(self, user_id: str, *, time_limit: float) -> Sequence[RemoteAccount]:
        """List a user's connected accounts; see `flows.oauth.ports.Management.connected_accounts`."""
        deadline = time.monotonic() + time_limit
        found: list[RemoteAccount] = []
        cursors: list[str] = []
        for _ in range(_MAX_PAGES):
            page = {"take": _TAKE, **({"from_": cursors[-1]} if cursors else {})}
            answer = self._call(
                lambda sdk, page=page: sdk.users.connected_accounts.list(user_id, **page),  # type: ignore[misc]  # of the SDK
                time_limit=deadline - time.monotonic(),
            )
            if answer.status != 200:
                raise _refusal(answer, "read:users")
            entries, cursor = read_page(answer.members(), "connected_accounts")
            found += map(read_account, entries)
            if not cursor:
                return tuple(found)
            if cursor in cursors:
                raise _not_usable("next goes round in a circle.")
            cursors.append(cursor)
        raise _not_usable(f"the list has more than {_MAX_PAGES} pages.")

    def update_metadata(
        self,
        user_id: str,
        *,
        user_metadata: Mapping[str, Any],
        app_metadata: Mapping[str, Any],
        time_limit: float,
    ) -> None:
        """Merge metadata at its first level; see `flows.oauth.ports.Management.update_metadata`.

        Safe to repeat.
        """
        given = {
            name: dict(value)
            for name, value in (("user_metadata", user_metadata), ("app_metadata", app_metadata))
            if value
        }
        if not given:
            return
        answer = self._call(
            lambda sdk: sdk.users.update(user_id, **given),
            token=self._app_metadata_token if app_metadata else self._token,
            time_limit=time_limit,
        )
        if answer.status != 200:
            scope = "update:users_app_metadata" if app_metadata else "update:users"
            raise _refusal(answer, scope)
        answer.members(tolerant=True)

    def link(self, primary_id: str, *, provider: str, user_id: str, time_limit: float) -> None:
        """Make another user's main identity one of the primary's.

        See `flows.oauth.ports.Management.link`.
        """
        answer = self._call(
            lambda sdk: sdk.users.identities.link(primary_id, provider=provider, user_id=user_id),
            time_limit=time_limit,
        )
        if answer.status not in (200, 201):
            codes = {400: "link_refused", 404: "link_refused", 409: "link_exists"}
            raise _refusal(answer, "update:users", codes)
        if not has_identity(answer.array(tolerant=True), provider=provider, user_id=user_id):
            raise _not_usable("it has no such identity.")

    def unlink(self, primary_id: str, *, provider: str, user_id: str, time_limit: float) -> None:
        """Take an identity out of the primary; see `flows.oauth.ports.Management.unlink`.

        The identities in the answer tell whether it is out, not the status: what is not linked is answered
        with 200 as well.
        """
        answer = self._call(
            lambda sdk: sdk.users.identities.delete(primary_id, provider, user_id), time_limit=time_limit
        )
        if answer.status == 200:
            if has_identity(answer.array(tolerant=True), provider=provider, user_id=user_id):
                raise _not_usable("the identity is still there.")
            return
        raise _refusal(answer, "update:users", {400: "unlink_refused"})

    def _call(
        self, operation: Operation, *, token: ManagementToken | None = None, time_limit: float
    ) -> Answer:
        """Call the API, and return its answer whatever its status, except 429."""
        perform = _sdk()
        deadline = time.monotonic() + time_limit
        holder = token or self._token
        held = holder.get(deadline - time.monotonic())
        answer = perform(
            operation,
            transport=self._transport,
            base_url=self._url,
            token=held.value.value,
            deadline=deadline,
        )
        if answer.status != 401 or problem_of(answer) is None:
            return answer
        newer = holder.renewed(held, deadline - time.monotonic())
        if newer is None:
            return answer
        return perform(
            operation,
            transport=self._transport,
            base_url=self._url,
            token=newer.value.value,
            deadline=deadline,
        )


def _sdk() -> Callable[..., Answer]:
    try:
        from stateful_oauth.auth0.management_sdk import perform  # noqa: PLC0415 - slow, and an extra
    except ImportError as error:
        name = error.name or "auth0"
    else:
        return perform
    raise FlowError("management_not_configured", f"{_INSTALL} ({name} cannot be imported.)")


def _refusal(answer: Answer, scope: str, codes: Mapping[int, str] | None = None) -> FlowError:
    """Return the error that an unsuccessful answer stands for.

    Args:
        scope: What the call needs, for the message.
        codes: The call's own codes by status.
    """
    problem = problem_of(answer)
    if _says_no_user(problem):
        return ServiceRefused("user_unknown", "The Management API knows no such user.")
    if problem is None or (problem.status == 404 and codes is None):
        # A bare 404 is declared nowhere: it says nothing of users or identities. A call with codes of its own
        # reads the identities after every refusal.
        return unusable(answer)
    if _is_about_scope(problem):
        return ServiceRefused(
            "management_scope_missing",
            f"The Management API refused: {problem.status}. Add {scope} to the client grant of "
            "MANAGEMENT_CLIENT_ID.",
        )
    code = "request_rejected"
    if problem.status in (401, 403) or problem.code in ("Bearer", "invalid_token"):
        code = "management_refused"
    elif codes is not None:
        code = codes.get(problem.status, code)
    return ServiceRefused(code, f"The Management API refused: {problem.status}.")


def _says_no_user(problem: Problem | None) -> bool:
    """Whether a refusal says that the user does not exist; `errorCode` is sometimes missing."""
    if problem is None or problem.status != 404:
        return False
    return problem.code == "inexistent_user" or "user does not exist" in problem.text


def _is_about_scope(problem: Problem) -> bool:
    return problem.status == 403 and (
        problem.code == "insufficient_scope" or "insufficient scope" in problem.text
    )


def _profile(members: Members, read: Callable[[Members], UserProfile] = user_profile) -> UserProfile:
    try:
        return read(members)
    except ValueError as error:
        problem = str(error)
    raise _not_usable(problem)


def _not_usable(problem: str) -> ProviderAnswerLost:
    return ProviderAnswerLost(f"The answer of the Management API is not usable: {problem}", code=_INVALID)

"""Callers: on whose behalf the engine moves a transaction."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth import authenticate, get_user_model, load_backend
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import PermissionDenied
from django.db import router, transaction

from stateful_oauth.django.backends import backend_path
from stateful_oauth.django.browser.binding import bind as bind_browser
from stateful_oauth.django.browser.binding import current_binding
from stateful_oauth.django.browser.navigation import is_navigation
from stateful_oauth.django.conf import conf
from stateful_oauth.django.sessions.endings import found_of, standing_of, standing_of_user
from stateful_oauth.django.sessions.id_token_hints import seal_id_token
from stateful_oauth.django.sessions.sign_ins import (
    forget_session,
    renew_key,
    renew_sign_in,
    session_details,
    sign_in,
    without_claims,
)
from stateful_oauth.django.signals import signed_in
from stateful_oauth.django.users.claims import sealed_claims
from stateful_oauth.flows.engine.transaction import BROWSER, SYSTEM, Actor
from stateful_oauth.flows.oauth.errors import AccountRefused
from stateful_oauth.flows.oauth.inputs import LinkingChoices
from stateful_oauth.flows.oauth.outcomes import Connected, Reauthenticated, SignedIn
from stateful_oauth.flows.oauth.sign_in import KnownUser
from stateful_oauth.storage.availability import database_answers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from django.http import HttpRequest

    from stateful_oauth.django.browser.binding import Binding
    from stateful_oauth.flows.engine.outcomes import Outcome
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.oauth.openid import VerifiedIdentity


class BrowserCaller:
    """The request of a browser.

    Args:
        bind: Bind the browser for something that starts, with the binding that it has or a new one; the
            response has to set the cookie, which `respond` does.
    """

    actor: Actor = BROWSER

    def __init__(self, request: HttpRequest, *, bind: bool = False) -> None:
        self._request = request
        self._user: Any = None
        self._identity: VerifiedIdentity | None = None
        self.is_new_browser = current_binding(request) is None
        self._binding = bind_browser(request) if bind else current_binding(request)

    @property
    def binding(self) -> Binding | None:
        """What the response has to set, for a view that makes its own: a sign-in renews the binding."""
        return current_binding(self._request)

    @property
    def browser(self) -> bytes | None:
        """What a row that starts keeps of the binding cookie."""
        return None if self._binding is None else self._binding.browser

    @property
    def browsers(self) -> tuple[bytes, ...]:
        """What rows may keep of the binding cookie: of its current id, and of the earlier ones."""
        return () if self._binding is None else self._binding.browsers

    @property
    def is_navigation(self) -> bool:
        """Whether the browser says that it shows a user what it asks for."""
        return is_navigation(self._request)

    @property
    def user_id(self) -> str | None:
        """Who is signed in here. Asks the session only when it is asked for."""
        user = self._request.user
        return str(user.pk) if user.is_authenticated else None

    def link_check_due(self, identity: VerifiedIdentity) -> bool:
        """Ask the project's backend."""
        return _link_check_due(self._request, identity)

    def linking_choices(self, tenant: str) -> LinkingChoices:
        """Read the settings of now."""
        return _linking_choices(tenant)

    def check_may_sign_in(self, identity: VerifiedIdentity) -> None:
        """Ask the project's backend."""
        _check_may_sign_in(self._request, identity)

    def accounts_linked(self, *, primary: str, secondary: str) -> None:
        """Ask the project's backend."""
        _accounts_linked(self._request, primary, secondary)

    @database_answers()
    def standing_of(self, identity: VerifiedIdentity) -> str:
        """Return a keyed digest of what ends the sessions of the identity's user."""
        return standing_of(identity)

    def sealed_for_session(self, id_token: Secret) -> str:
        """Encrypt it with the site's keys."""
        return seal_id_token(id_token)

    def session_of(self, subject: str) -> Mapping[str, Any]:
        """Return what the session keeps, if it is of this `sub`."""
        details = session_details(self._request)
        # A row keeps it in clear, and the claims are personal.
        return without_claims(details) if details.get("sub") == subject else {}

    def resolve_account(self, identity: VerifiedIdentity, *, tenant: str) -> KnownUser:
        """Ask the project's authentication backends."""
        self._identity = replace(identity, tenant=tenant)
        self._user = _authenticated(self._request, self._identity)
        return _known(self._user, self._identity)

    def without_request(self) -> WithoutRequest:
        """Return who finishes what this request began, when it has answered its browser."""
        return WithoutRequest()

    def settled(self, outcome: Outcome) -> None:
        """Sign the browser in: if that fails, nothing is settled.

        The session's row is made in the same database transaction. Django's session middleware fills it
        when the response leaves; a process that dies in between leaves a browser that comes back without a
        session, and gets one as a second delivery.
        """
        if isinstance(outcome, Connected):
            renew_key(
                self._request, outcome.transaction_id
            )  # docs/security-checklist.md S8: the old key gains nothing
        elif isinstance(outcome, SignedIn):
            try:
                if isinstance(outcome, Reauthenticated):
                    renew_sign_in(self._request, outcome)
                else:
                    sign_in(self._request, outcome, self._user)
                    _announce(self._request, self._user, self._identity)
            except BaseException:
                forget_session(self._request)  # or the middleware would save it with the refusal
                raise


class SystemCaller:
    """A sweep: it finishes what a browser began, and makes no session."""

    actor: Actor = SYSTEM
    browser = None
    browsers: Collection[bytes] = ()
    is_navigation = False
    is_new_browser = False
    user_id = None
    _user: Any = None
    _identity: VerifiedIdentity | None = None

    def link_check_due(self, identity: VerifiedIdentity) -> bool:
        """Ask the project's backend, without a request."""
        return _link_check_due(None, identity)

    def linking_choices(self, tenant: str) -> LinkingChoices:
        """Read the settings of now."""
        return _linking_choices(tenant)

    def check_may_sign_in(self, identity: VerifiedIdentity) -> None:
        """Ask the project's backend, without a request."""
        _check_may_sign_in(None, identity)

    def accounts_linked(self, *, primary: str, secondary: str) -> None:
        """Ask the project's backend, without a request."""
        _accounts_linked(None, primary, secondary)

    def sealed_for_session(self, id_token: Secret) -> str:
        """Encrypt it with the site's keys: a browser's second delivery gets the session."""
        return seal_id_token(id_token)

    def session_of(self, subject: str) -> Mapping[str, Any]:
        """Return nothing: there is no session."""
        del subject
        return {}

    @database_answers()
    def standing_of(self, identity: VerifiedIdentity) -> str:
        """Return a keyed digest of what ends the sessions of the identity's user."""
        return standing_of(identity)

    def resolve_account(self, identity: VerifiedIdentity, *, tenant: str) -> KnownUser:
        """Ask our own backend alone: others of the project's may need a request, and there is none."""
        self._identity = replace(identity, tenant=tenant)
        self._user = _recovered(self._identity)
        return _known(self._user, self._identity)

    def without_request(self) -> SystemCaller:
        """Return itself: no request waits for it."""
        return self

    def settled(self, outcome: Outcome) -> None:
        """Announce a sign-in. The browser gets its session when it asks."""
        if isinstance(outcome, SignedIn) and not isinstance(outcome, Connected | Reauthenticated):
            _announce(None, self._user, self._identity)


class WithoutRequest(SystemCaller):
    """A browser whose request has been answered: like a sweep, for the log it is the browser's step."""

    actor: Actor = BROWSER


class OperatorCaller(SystemCaller):
    """An operator at the admin: like a sweep, it finishes what a browser began, and makes no session.

    Args:
        user_id: The operator's primary key.
        reason: What they wrote down; it goes into the log of the transaction.
    """

    def __init__(self, user_id: object, reason: str) -> None:
        self.actor = Actor("operator", str(user_id), reason)


@contextmanager
def _refusals_are_told(request: HttpRequest | None) -> Iterator[None]:
    """Tell of a refusal as Django does of a wrong password, for those who count or block failures."""
    try:
        yield
    except AccountRefused:
        user_login_failed.send(sender=__name__, credentials={}, request=request)
        raise


@database_answers()
def _link_check_due(request: HttpRequest | None, identity: VerifiedIdentity) -> bool:
    backend: Any = load_backend(backend_path())
    with _refusals_are_told(request):
        return bool(backend.link_check_due(identity))


@database_answers()
def _check_may_sign_in(request: HttpRequest | None, identity: VerifiedIdentity) -> None:
    backend: Any = load_backend(backend_path())
    with _refusals_are_told(request):
        backend.check_may_sign_in(identity)


def _linking_choices(alias: str) -> LinkingChoices:
    tenant = conf.tenant(alias)
    return LinkingChoices(
        mode=tenant.linking,
        trusted=tuple(tenant.linking_trusted_connections),
        app_metadata=tuple(tenant.linking_app_metadata_keys),
    )


def _authenticated(request: HttpRequest | None, identity: VerifiedIdentity) -> Any:
    with _refusals_are_told(request):
        user = authenticate(request, identity=identity)
    if user is None:
        raise AccountRefused("account_refused", "No authentication backend took the identity.")
    return user


def _recovered(identity: VerifiedIdentity) -> Any:
    """Return the user of an identity as our own backend finds or makes it, without a request."""
    backend: Any = load_backend(backend_path())
    with _refusals_are_told(None):
        try:
            user = backend.authenticate(None, identity=identity)
        except PermissionDenied:
            user = None
        if user is None:
            raise AccountRefused("account_refused", "The authentication backend did not take the identity.")
    return user


def _known(user: Any, identity: VerifiedIdentity) -> KnownUser:
    return KnownUser(
        id=str(user.pk),
        standing=standing_of_user(user, identity),
        kept_claims=sealed_claims(identity),
        note=found_of(user).note,
    )


def _announce(request: HttpRequest | None, user: Any, identity: VerifiedIdentity | None) -> None:
    """Send `signed_in` once the sign-in is committed."""
    if user is None or identity is None or not signed_in.has_listeners(type(user)):
        return
    send = partial(
        signed_in.send_robust,
        type(user),
        request=request,
        user=user,
        claims=identity.claims,
        created=found_of(user).created,
    )
    transaction.on_commit(send, using=router.db_for_write(type(user)), robust=True)


@database_answers()
def _accounts_linked(request: HttpRequest | None, primary: str, secondary: str) -> None:
    backend: Any = load_backend(backend_path())
    model: Any = get_user_model()
    users = model._default_manager.using(router.db_for_write(model)).in_bulk([primary, secondary])  # noqa: SLF001
    found = {str(key): user for key, user in users.items()}
    if secondary in found:
        backend.accounts_linked(request, primary=found[primary], secondary=found[secondary])

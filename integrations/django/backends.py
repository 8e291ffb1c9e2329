"""The authentication backend: the Django user of an identity, by issuer and subject and nothing else.

Never by email (docs/security-checklist.md L1, L3), never activating a user again (L15), with no privileges
from claims but those that `ROLES` names (L17).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import DataError, IntegrityError, router
from django.utils.module_loading import import_string

from stateful_oauth.django import wiring
from stateful_oauth.django.sessions.endings import (
    end_sessions,
    found_by,
    has_standing,
    replace_unusable_password,
)
from stateful_oauth.django.user_model import takes_no_missing_email, unique_lookup
from stateful_oauth.django.users.fields import email_of, first_fields, keep_fields_in_step
from stateful_oauth.django.users.roles import apply_roles, rules_of
from stateful_oauth.flows.oauth.errors import AccountRefused
from stateful_oauth.storage.backchannel_logouts import provider_session_ended
from stateful_oauth.storage.grants import end_grants_of
from stateful_oauth.storage.identities import (
    add_identity,
    find_identity,
    is_outdated,
    note_ending,
    refresh_identity,
)
from stateful_oauth.storage.models import Grant, Identity, identity_digest
from stateful_oauth.storage.undone_links import close_undone_link

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser
    from django.http import HttpRequest

    from stateful_oauth.flows.oauth.openid import VerifiedIdentity


logger = logging.getLogger("stateful_oauth.backends")


class Auth0Backend(ModelBackend):
    """Subclass it to change how users are made, and name the subclass in `AUTHENTICATION_BACKENDS`.

    Permissions and `get_user` are those of `ModelBackend`; passwords are not taken.
    """

    def authenticate(  # type: ignore[override]  # other credentials: Django calls the backend that takes them
        self,
        request: HttpRequest | None,
        *,
        identity: VerifiedIdentity,
    ) -> AbstractBaseUser | None:
        """Find the identity's user, or make one.

        Raises:
            AccountRefused: `account_inactive`; `sign_in_outdated` when the user's sessions were ended, or the
                email was proved, since the claims were obtained; `account_conflict` when another user has
                the username or the unique email that the new one would have; `email_missing` when the user
                model has no room for a user without one; `user_not_created` when it demands something else
                that `make_user` does not give, which is logged; or the code that `may_sign_in`
                refuses with.
        """
        made: list[AbstractBaseUser] = []
        row = find_identity(identity, lock=True)
        if row is None and _close_undone_link(identity):
            row = find_identity(identity, lock=True)
        if row is None:
            self.may_sign_in(identity.with_all_claims, None)
            try:
                row = add_identity(
                    identity, lambda: self._found_or_made(identity, made), now=wiring.clock.now()
                )
            except (IntegrityError, DataError, ValidationError) as error:
                if self._is_taken(identity):
                    raise AccountRefused("account_conflict") from None
                # A mistake of the project, which must reach its error report, and is no error of this user's.
                logger.exception("The user of a new identity cannot be made: see `manage.py check`.")
                raise AccountRefused("user_not_created", type(error).__name__) from None
        else:
            self.may_sign_in(identity.with_all_claims, row.user)
        user: Any = row.user
        if not self.user_can_authenticate(user):
            raise AccountRefused("account_inactive")
        _check_is_current(row, identity)
        if identity.standing is not None or identity.came_with:
            _check_session_goes_on(identity)  # one that was not kept is checked where its session is made
        now = wiring.clock.now()
        if refresh_identity(row, identity, now=now):
            # Of this identity, claims that say the same are as good as these.
            note_ending(user.pk, at=now, besides=row.pk)
            self.address_proved(request, user)
            row.refresh_from_db(fields=["session_generation"])  # the project may have ended more
            end_grants_of(row, code="grant_dead", now=wiring.clock.now(), using=router.db_for_write(Grant))
        created = any(each is user for each in made)
        self.update_user(request, user, identity, created)
        note = ""
        if (rules := rules_of(identity)) is not None and self.takes_roles(identity, user):
            note = apply_roles(user, identity, rules)
        found_by(user, row, created=created, note=note)
        found: AbstractBaseUser = user
        return found

    def _found_or_made(self, identity: VerifiedIdentity, made: list[AbstractBaseUser]) -> AbstractBaseUser:
        """Return the user of a new identity; one that is made here is added to `made`."""
        user = self.find_user(identity)
        if user is None:
            _warn_of_same_username(identity)
            user = self.make_user(identity)
            made.append(user)
        return user

    def link_check_due(self, identity: VerifiedIdentity) -> bool:
        """Whether candidates that this identity might be linked to were never looked for.

        Asked before the look-up: a user who may not sign in must not get in by being linked to one who may.

        Raises:
            AccountRefused: Whatever `may_sign_in` refuses with.
        """
        row = find_identity(identity)
        if row is not None and row.link_checked:
            return False
        self.may_sign_in(identity, None if row is None else row.user)
        return row is None or self.user_can_authenticate(row.user)

    def check_may_sign_in(self, identity: VerifiedIdentity) -> None:
        """Refuse an identity that `authenticate` would refuse, before accounts are linked for it.

        Raises:
            AccountRefused: `account_inactive`, `sign_in_outdated`, or whatever `may_sign_in` refuses with.
        """
        row = find_identity(identity)
        self.may_sign_in(identity.with_all_claims, None if row is None else row.user)
        if row is not None and not self.user_can_authenticate(row.user):
            raise AccountRefused("account_inactive")
        if row is not None:
            _check_is_current(row, identity)
        _check_session_goes_on(identity)

    async def aauthenticate(  # type: ignore[override]  # as above
        self, request: HttpRequest | None, *, identity: VerifiedIdentity
    ) -> AbstractBaseUser | None:
        """Do what `authenticate` does; `ModelBackend`'s own takes passwords."""
        return await sync_to_async(self.authenticate)(request, identity=identity)

    def may_sign_in(self, identity: VerifiedIdentity, user: AbstractBaseUser | None) -> None:
        """Refuse an identity by raising `AccountRefused("account_refused")`. Default: refuse no user.

        Asked before accounts are linked, and again when the user signs in. After a link without a question
        the claims are those of the ID token that the user came with, but for `sub`, `email` and
        `email_verified`, which are those of the account that stays.

        Args:
            user: The identity's user, or None when it would be made now.
        """

    def find_user(
        self,
        identity: VerifiedIdentity,  # noqa: ARG002 - for overriding projects
    ) -> AbstractBaseUser | None:
        """Return the user that a new identity belongs to, or None to make one. Default: None.

        Asked once for an identity, inside the settle transaction, before a user is made. The user that it
        returns is the identity's from then on, so return only one whose owner the claims prove.
        An email is no proof unless `email_verified` is true and you trust the connection that says so: an
        attacker can register with the email of another user. Users who were there before the package came
        are adopted by the command `adopt_users`, without a guess.
        """
        return None

    def update_user(
        self,
        request: HttpRequest | None,  # noqa: ARG002 - for overriding projects
        user: AbstractBaseUser,
        identity: VerifiedIdentity,
        created: bool,  # noqa: ARG002 - for overriding projects
    ) -> None:
        """Keep a user in step with the claims, at each sign-in. Default: the setting `USER_FIELDS`.

        Called inside the settle transaction, before roles are given and taken away.

        Args:
            request: The browser's request, or None when recovery finished the sign-in.
            created: Whether the user was made at this sign-in.
        """
        keep_fields_in_step(user, identity)

    def takes_roles(
        self,
        identity: VerifiedIdentity,  # noqa: ARG002 - for overriding projects
        user: AbstractBaseUser,  # noqa: ARG002 - for overriding projects
    ) -> bool:
        """Whether the setting `ROLES` decides this user's privileges. Default: yes.

        Return False for a user whose privileges operators decide, such as an emergency account. Then roles
        give nothing to the user, and take nothing away.
        """
        return True

    def accounts_linked(
        self,
        request: HttpRequest | None,  # noqa: ARG002 - for overriding projects
        *,
        primary: AbstractBaseUser,  # noqa: ARG002 - for overriding projects
        secondary: AbstractBaseUser,
    ) -> None:
        """Decide what becomes of a user whose account at the provider is now one with another's.

        Called inside the settle transaction, once for a link, when both accounts had a user here. Default:
        the secondary's user keeps its row and its data, and can no longer sign in through Auth0; its
        sessions are ended by `end_sessions`. Override it to move what belongs to it.

        Args:
            request: The browser's request, or None when recovery finished the link.
            primary: The user who stays.
            secondary: The user whose account is gone. Unlinking gives the account back to it.
        """
        end_sessions(secondary)

    def address_proved(
        self,
        request: HttpRequest | None,  # noqa: ARG002 - for overriding projects
        user: AbstractBaseUser,
    ) -> None:
        """Decide about the sessions of a user whose email is verified from this sign-in on.

        Called inside the settle transaction when the email was not verified before, or was another one. An
        attacker who registered the account with the victim's email must not stay signed in once the victim
        takes it over (pre-hijacking, "unexpired session"). Default: all earlier sessions are ended, unless
        the user has a password of its own here. The grants of those sessions are ended in any case. Earlier
        sign-ins that are still under way, or whose callback is delivered again, no longer sign in.

        Args:
            request: The browser's request, or None when recovery finished the sign-in.
        """
        replace_unusable_password(user)

    def make_user(self, identity: VerifiedIdentity) -> AbstractBaseUser:
        """Make the user of a new identity.

        Default: an unusable password, a username that cannot collide or be guessed from another's, and the
        email and names that the provider sent. It runs inside the settle transaction. An override that takes
        other values which must be unique raises `AccountRefused("account_conflict")` itself.

        Raises:
            AccountRefused: `email_missing` when there is no email to use, and the user model demands one: it
                is the username, or unique and not NULL.
        """
        model: Any = get_user_model()
        fields = self._fields(identity)
        email_field = model.get_email_field_name()
        if model.USERNAME_FIELD not in fields or (
            email_field not in fields and takes_no_missing_email(model)
        ):
            raise AccountRefused("email_missing", "The user model needs an email.")
        user: AbstractBaseUser = model(**fields)
        user.set_unusable_password()
        user.save(force_insert=True)
        return user

    def username(self, identity: VerifiedIdentity) -> str:
        """Return the username of a new user: a digest, so that two subjects never share one (L5)."""
        digest = identity_digest(identity.issuer, identity.subject).hex()
        name = f"auth0-{digest[:32]}"
        model: Any = get_user_model()
        longest = model._meta.get_field(model.USERNAME_FIELD).max_length  # noqa: SLF001 - public in Django
        # A short column has no room for what is the same in all of them.
        return name if longest is None or len(name) <= longest else digest[:longest]

    def _fields(self, identity: VerifiedIdentity) -> dict[str, Any]:
        """Return the default user's fields; without its username if that is a missing email."""
        model: Any = get_user_model()
        known = {field.name: field for field in model._meta.concrete_fields}  # noqa: SLF001 - public in Django
        fields = first_fields(identity)
        email_field = model.get_email_field_name()
        if email_field in known:
            email = email_of(identity.claims.get("email"), known[email_field].max_length)
            if email:
                fields[email_field] = email
            elif known[email_field].null and email_field != model.USERNAME_FIELD:
                fields[email_field] = None  # whatever the default: of unique texts, two can be empty as NULL
        if email_field != model.USERNAME_FIELD:
            fields[model.USERNAME_FIELD] = self.username(identity)
        return fields

    def _is_taken(self, identity: VerifiedIdentity) -> bool:
        """Whether another user has what the new one must have alone."""
        model: Any = get_user_model()
        # Not the default manager: a project's may hide users that the database still counts.
        people = model._base_manager.using(router.db_for_write(model))  # noqa: SLF001 - public in Django
        fields = self._fields(identity)
        wanted = {model.USERNAME_FIELD: "exact"}
        email_field = model.get_email_field_name()
        if email_field in fields and (lookup := unique_lookup(model, email_field)):
            wanted.setdefault(email_field, lookup)
        return any(
            people.filter(**{f"{name}__{lookup}": fields[name]}).exists()
            for name, lookup in wanted.items()
            if fields.get(name) is not None
        )


def _check_is_current(row: Identity, identity: VerifiedIdentity) -> None:
    if is_outdated(row, identity) or (identity.standing and not has_standing(identity.standing, row)):
        raise AccountRefused("sign_in_outdated")


def _check_session_goes_on(identity: VerifiedIdentity) -> None:
    """Refuse a sign-in whose session the provider has ended since, and said so (back-channel logout)."""
    sid = identity.with_all_claims.claims.get("sid")
    if sid and identity.tenant and provider_session_ended(identity.tenant, sid):
        raise AccountRefused("sign_in_outdated")


def _close_undone_link(identity: VerifiedIdentity) -> bool:
    """Notice that an account without an identity here was linked to another one, and is apart again."""
    return close_undone_link(
        identity.issuer,
        identity.subject,
        now=wiring.clock.now(),
        using=router.db_for_write(Identity),
        proved_at=identity.obtained_at,
    )


def _warn_of_same_username(identity: VerifiedIdentity) -> None:
    """Warn where a user of another package's is there, whose username is the `sub` of the new identity."""
    model: Any = get_user_model()
    people = model._base_manager.using(router.db_for_write(model))  # noqa: SLF001 - public in Django
    longest = model._meta.get_field(model.USERNAME_FIELD).max_length  # noqa: SLF001 - public in Django
    if longest is not None and len(identity.subject) > longest:
        return
    if key := people.filter(**{model.USERNAME_FIELD: identity.subject}).values_list("pk", flat=True).first():
        logger.warning(
            "user %s has the `sub` of a new identity as its username, and another user is made for the "
            "identity: run `manage.py adopt_users --from username`",
            key,
        )


def backend_path() -> str:
    """Return the dotted path of the project's Auth0 backend.

    Raises:
        ImproperlyConfigured: There is none in `AUTHENTICATION_BACKENDS`.
    """
    for path in settings.AUTHENTICATION_BACKENDS:
        if issubclass(import_string(path), Auth0Backend):
            return path
    raise ImproperlyConfigured("Add 'stateful_oauth.django.Auth0Backend' to AUTHENTICATION_BACKENDS.")

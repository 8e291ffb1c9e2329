"""The authentication backend: the Django user of an identity, by issuer and subject and nothing else.

Never by e-mail (checklist L1, L3), never re-activating a user (L15), with no privileges from claims (L17).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError
from django.utils.module_loading import import_string

from stateful_oauth.flows.errors import AccountRefused
from stateful_oauth.integrations.django import wiring
from stateful_oauth.storage.identities import add_identity, find_identity, refresh_identity
from stateful_oauth.storage.models import identity_digest

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser
    from django.http import HttpRequest

    from stateful_oauth.flows.openid import VerifiedIdentity


class Auth0Backend(ModelBackend):
    """Subclass it to change how users are made, and name the subclass in `AUTHENTICATION_BACKENDS`.

    Permissions and `get_user` are those of `ModelBackend`; passwords are not taken.
    """

    def authenticate(  # type: ignore[override]  # other credentials: Django calls the backend that takes them
        self,
        request: HttpRequest | None,  # noqa: ARG002 - for overriding projects
        *,
        identity: VerifiedIdentity,
    ) -> AbstractBaseUser | None:
        """Find the identity's user, or make one.

        Raises:
            AccountRefused: `account_inactive`, or `account_conflict` when the new user would clash with an
                existing one, or whatever `may_sign_in` refuses with.
        """
        row = find_identity(identity)
        if row is None:
            self.may_sign_in(identity, None)
            try:
                row = add_identity(identity, lambda: self.make_user(identity), now=wiring.clock.now())
            except IntegrityError:
                raise AccountRefused("account_conflict") from None
        else:
            self.may_sign_in(identity, row.user)
        user: Any = row.user
        if not self.user_can_authenticate(user):
            raise AccountRefused("account_inactive")
        refresh_identity(row, identity)
        found: AbstractBaseUser = user
        return found

    async def aauthenticate(  # type: ignore[override]  # as above
        self, request: HttpRequest | None, *, identity: VerifiedIdentity
    ) -> AbstractBaseUser | None:
        """Do what `authenticate` does; `ModelBackend`'s own takes passwords."""
        return await sync_to_async(self.authenticate)(request, identity=identity)

    def may_sign_in(self, identity: VerifiedIdentity, user: AbstractBaseUser | None) -> None:
        """Refuse an identity by raising `AccountRefused("account_refused")`. Default: nobody is refused.

        Args:
            user: The identity's user, or None when it would be made now.
        """

    def make_user(self, identity: VerifiedIdentity) -> AbstractBaseUser:
        """Make the user of a new identity.

        Default: an unusable password, a username that cannot collide or be guessed from another's, and the
        e-mail and names that the provider sent. It runs inside the settle transaction.
        """
        model: Any = get_user_model()
        known = {field.name: field for field in model._meta.concrete_fields}  # noqa: SLF001 - public in Django
        claims = {
            model.get_email_field_name(): "email",
            "first_name": "given_name",
            "last_name": "family_name",
        }
        fields: dict[str, Any] = {
            field: text[: known[field].max_length]
            for field, claim in claims.items()
            if field in known and (text := _text(identity.claims.get(claim)))
        }
        if model.USERNAME_FIELD not in fields:
            fields[model.USERNAME_FIELD] = self.username(identity)
        user: AbstractBaseUser = model(**fields)
        user.set_unusable_password()
        user.save(force_insert=True)
        return user

    def username(self, identity: VerifiedIdentity) -> str:
        """Return the username of a new user: a digest, so that two subjects never share one (L5)."""
        return f"auth0-{identity_digest(identity.issuer, identity.subject).hex()[:32]}"


def _text(claim: object) -> str:
    """Return a claim that people may have chosen, without NUL, which PostgreSQL does not store."""
    return claim.replace("\0", "") if isinstance(claim, str) else ""


def backend_path() -> str:
    """Return the dotted path of the project's Auth0 backend.

    Raises:
        ImproperlyConfigured: There is none in `AUTHENTICATION_BACKENDS`.
    """
    for path in settings.AUTHENTICATION_BACKENDS:
        if issubclass(import_string(path), Auth0Backend):
            return path
    raise ImproperlyConfigured(
        "Add 'stateful_oauth.integrations.django.backends.Auth0Backend' to AUTHENTICATION_BACKENDS."
    )

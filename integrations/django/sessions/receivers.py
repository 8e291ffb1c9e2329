"""Receivers of signals, so that the package's promises hold with any view that a project uses."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import DatabaseError, router, transaction
from django.db.models.signals import post_save, pre_delete
from django.dispatch import receiver

from stateful_oauth.django import wiring
from stateful_oauth.django.backends import backend_path
from stateful_oauth.django.sessions.grants import end_grant
from stateful_oauth.django.sessions.registry import end_registered, forget_registered, registered_row
from stateful_oauth.django.sessions.sign_ins import end_questions_of_others, session_details, withdraw
from stateful_oauth.flows.engine.errors import Quarantined
from stateful_oauth.flows.oauth.held_tokens import refresh_tokens_of
from stateful_oauth.storage.grants import end_grants_of_user, release_grant
from stateful_oauth.storage.identities import note_ending
from stateful_oauth.storage.models import FlowTransaction, Grant, Session, StateKinds
from stateful_oauth.storage.releases import release
from stateful_oauth.storage.rows import secrets_of
from stateful_oauth.storage.sessions import session_rows

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.http import HttpRequest

logger = logging.getLogger("stateful_oauth.sessions")


@receiver(user_logged_out, dispatch_uid="stateful_oauth.withdraw")
def signed_out(*, request: HttpRequest | None = None, **_: Any) -> None:
    """Close the way back by an earlier callback, and end the session's grant, by any view.

    Never fails the sign-out: Django sends this before it ends the session.
    """
    if request is None:
        return
    if hasattr(request, "session") and "grant" in (details := session_details(request)):
        end_grant(details["grant"])
    try:
        with transaction.atomic(using=router.db_for_write(FlowTransaction)):
            withdraw(request)
            if hasattr(request, "session"):
                forget_registered(registered_row(request))
    except DatabaseError as error:
        logger.warning("earlier callbacks of this browser were not withdrawn: %s", error)


@receiver(pre_delete, sender=Grant, dispatch_uid="stateful_oauth.release")
def grant_deleted(*, instance: Grant, **_: Any) -> None:
    """Have the refresh token of a grant revoked that goes with its user or its identity.

    In the database transaction of the deletion. What is deleted by SQL alone is not seen.
    """
    release_grant(instance, now=wiring.clock.now())


@receiver(pre_delete, sender=FlowTransaction, dispatch_uid="stateful_oauth.release_of_transaction")
def transaction_deleted(*, instance: FlowTransaction, **_: Any) -> None:
    """Have the refresh tokens revoked that an open transaction holds, if a project deletes its row.

    In the database transaction of the deletion. A purge deletes by SQL, and only what is over.
    """
    if instance.state_kind == StateKinds.FINAL:
        return
    try:
        tokens = refresh_tokens_of(secrets_of(instance))
    except Quarantined as error:
        logger.warning("tokens of transaction %s cannot be revoked: %s", instance.pk, error)
        return
    now = wiring.clock.now()
    for token, subject in tokens.items():
        release(token, tenant=instance.tenant, subject=subject, of=str(instance.pk), now=now)


def user_saved(
    *, instance: Any, created: bool, update_fields: Collection[str] | None = None, **_: Any
) -> None:
    """End the sessions and grants of a user who has been deactivated; asks nothing for an active user.

    In the database transaction of the change. What is changed by `QuerySet.update` is not seen: Django keeps
    such a user out at the next request.
    """
    is_about_it = update_fields is None or "is_active" in update_fields
    if created or not is_about_it or getattr(instance, "is_active", True):
        return
    with transaction.atomic(using=router.db_for_write(Session)):
        note_ending(instance.pk, at=wiring.clock.now())
        end_registered(session_rows().filter(user_id=instance.pk))
        end_grants_of_user(instance.pk, now=wiring.clock.now())


def user_deleted(*, instance: Any, **_: Any) -> None:
    """End the sessions of a user who is deleted. The rows and grants go with the user."""
    end_registered(session_rows().filter(user_id=instance.pk))


# By the setting's name: a receiver that every model's saving calls would cost them all.
post_save.connect(user_saved, sender=settings.AUTH_USER_MODEL, dispatch_uid="stateful_oauth.user_saved")
pre_delete.connect(user_deleted, sender=settings.AUTH_USER_MODEL, dispatch_uid="stateful_oauth.user_deleted")


@receiver(user_logged_in, dispatch_uid="stateful_oauth.end_questions")
def signed_in_elsewhere(*, request: HttpRequest | None = None, **_: Any) -> None:
    """End the questions about linking in a browser in which a user signs in by other means than Auth0.

    A sign-in with Auth0 does so itself, and knows whose question it is.

    Raises:
        DatabaseError: They could not be ended: then the user is not signed in either.
    """
    session = getattr(request, "session", None)
    if request is not None and session is not None and session.get(BACKEND_SESSION_KEY) != backend_path():
        end_questions_of_others(request)

"""Invariants of sessions that were ended from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest

from stateful_oauth.django.sessions.registry import registered_row
from stateful_oauth.storage.models import Grant, Session
from stateful_oauth.testing.world.sessions import session_of
from stateful_oauth.testing.world.violations import Violation

if TYPE_CHECKING:
    from stateful_oauth.testing.world.base_state_machine import BaseStateMachine


def no_session_lives_after_its_logout_token(world: BaseStateMachine) -> None:
    """No browser is signed in by a session at the provider whose logout token was accepted."""
    for number, user in world.users.items():
        sid = session_of(world.browsers[number]).get("stateful_oauth", {}).get("sid", "")
        if sid in world.memory.logged_out:
            raise Violation(
                "no session lives after its logout token",
                f"browser {number + 1} is signed in as user {user.pk} with a session that has ended there",
            )


def every_session_has_its_row(world: BaseStateMachine) -> None:
    """Every browser that is signed in has a row under the key of its session, and none that was ended."""
    for number, user in world.users.items():
        session = session_of(world.browsers[number])
        request = HttpRequest()
        request.session = session
        row = registered_row(request)
        rows = Session.objects.filter(session_key=session.session_key, user=user)
        if row in world.memory.ended_rows or row not in {
            str(key) for key in rows.values_list("pk", flat=True)
        }:
            raise Violation(
                "every session has its row",
                f"browser {number + 1} is signed in as user {user.pk}, and cannot be signed out elsewhere",
            )


def no_grant_lives_after_its_session_was_ended(world: BaseStateMachine) -> None:
    """The grant of a session that was ended from elsewhere has ended with it."""
    living = Grant.objects.filter(pk__in=world.memory.ended_grants, ended_at__isnull=True)
    if world.memory.ended_grants and living.exists():
        raise Violation("no grant lives after its session was ended", f"{living.count()} do")

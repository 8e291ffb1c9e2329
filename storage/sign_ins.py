"""What a finished sign-in may still give to its browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import router

from stateful_oauth.storage.models import FlowTransaction, StateKinds

if TYPE_CHECKING:
    from datetime import datetime


def withdraw_sign_ins(user_id: str, browser: bytes, *, since: datetime) -> None:
    """Withdraw the sessions of a user's recent sign-ins in one browser, because the user signed out of it.

    For a short grace a finished sign-in answers a second delivery of its callback with another session.
    Whoever signs out, by whichever view, must not come back by the back button. State and log stay.
    """
    rows = FlowTransaction.objects.using(router.db_for_write(FlowTransaction)).filter(
        user_id=user_id, state_kind=StateKinds.FINAL, browser=browser, changed_at__gte=since
    )
    rows.update(result={})

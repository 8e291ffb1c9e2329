"""Scenarios that the World found, each of which went wrong once."""

from __future__ import annotations

import pytest

from stateful_oauth.integrations.testing.world import Configuration, WorkerDies, World, step

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def test_recovery_does_not_take_what_another_tab_connected():
    """The worker dies after a completion, another tab connects one too, and the first is found."""
    World.replay(
        step(
            "settle_in",
            configuration=Configuration(
                linking="off", par=False, rotation=False, scope="openid profile email offline_access"
            ),
        ),
        step("sign_in", browser=0, actor=2),
        step("connect", browser=0, actor=1, trouble=(WorkerDies("effect.after"),)),
        step("wait", seconds=31),
        step("connect", browser=0, actor=0),
        step("recover_one", row=0),
    )

"""Scenarios that the World found, each of which went wrong once."""

from __future__ import annotations

import base64

import pytest

from stateful_oauth.testing.world import (
    CORPUS,
    Configuration,
    Meanwhile,
    WorkerDies,
    WorkerStalls,
    World,
    step,
)
from stateful_oauth.testing.world.site import ENCRYPTION_KEYS

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


CONNECTING = step(
    "settle_in",
    configuration=Configuration(
        linking="off", par=False, rotation=False, scope="openid profile email offline_access"
    ),
)


def test_who_signs_out_while_an_account_is_being_connected_stays_signed_out():
    """The callback that connects it gives the session another key: a session that is gone stays gone."""
    World.replay(
        CONNECTING,
        step("sign_in", browser=0, account=2),
        step("connect", browser=0, account=1, faults=(Meanwhile("effect.after", 0, "signing out"),)),
    )


def test_an_access_token_that_the_provider_takes_no_more_is_replaced():
    """The key that signed it is revoked: kept until its time is over, it left the row stuck for good."""
    World.replay(
        CONNECTING,
        step("sign_in", browser=0, account=2),
        step("connect", browser=0, account=1, faults=(WorkerDies("effect.after"),)),
        step("change", what="the provider rotates its signing key and revokes the old one"),
    )


def test_recovery_does_not_take_what_another_tab_connected():
    """The worker dies after a completion, another tab connects one too, and the first is found."""
    World.replay(
        CONNECTING,
        step("sign_in", browser=0, account=2),
        step("connect", browser=0, account=1, faults=(WorkerDies("effect.after"),)),
        step("wait", seconds=31),
        step("connect", browser=0, account=0),
        step("recover_one", row=0),
    )


def test_an_account_is_connected_again_and_nobody_can_ask_whose_it_is():
    """The id that the provider replaced is forgotten with the next look at the list, and not before."""
    World.replay(
        CONNECTING,
        step("sign_in", browser=0, account=2),
        step("connect", browser=0, account=1),
        step("connect", browser=0, account=1, faults=(WorkerStalls("effect.before", 1, 601),)),
    )


def test_somebody_comes_back_after_their_account_was_deleted_at_the_provider():
    """Their connected accounts are gone there, and here with the next look at the list."""
    World.replay(
        CONNECTING,
        step("sign_in", browser=0, account=3),
        step("connect", browser=0, account=11),
        step("administer_tenant", account=11, what="delete"),
        step("sign_in", browser=1, account=11),
    )


def test_what_was_started_before_signing_out_signs_nobody_in():
    """The answer to a request that was in flight at the sign-out brings the cookie of before back."""
    World.replay(
        CONNECTING,
        step("sign_in", browser=0, account=2),
        step("connect", browser=0, account=1),
        step("start_sign_in", browser=0),
        step("authorize", tab=0, account=7),
        step(
            "disconnect", browser=0, account=0, faults=(Meanwhile("settle.after_commit", 0, "signing out"),)
        ),
        step("open_callback", tab=0),
    )


def test_a_question_of_before_a_sign_out_signs_in_no_user():
    World.replay(
        step("settle_in", configuration=Configuration(linking="confirm", par=True, rotation=True)),
        step("sign_in", browser=0, account=1),
        step("start_sign_in", browser=0, faults=(Meanwhile("start.after_commit", 0, "signing out"),)),
        step("keep_apart", tab=0),
    )


def test_the_keys_of_a_scenario_have_nothing_in_common():
    """What one signs is not the other's: by chance, one in 256 such values was opened with the wrong key."""
    older, newer = (base64.urlsafe_b64decode(key) for key in ENCRYPTION_KEYS)
    assert older[:16] != newer[:16], "The halves that sign are the same."
    assert older[16:] != newer[16:]


def test_connection_that_ends_while_its_user_signs_out_may_count_as_the_later_one():
    meanwhile = Meanwhile(point="settle.after_commit", nth=1, what="signing out")
    World.replay(
        step("settle_in", configuration=Configuration(linking="off")),
        step("sign_in", browser=0, account=2, faults=()),
        step("connect", browser=1, account=15, faults=(meanwhile,)),
    )


@pytest.mark.parametrize("changed", [(1, "another tab's state"), (0, "another tab's code")])
def test_spent_code_under_the_state_of_another_tab_is_not_sent_again(changed):
    tab, change = changed
    World.replay(
        step("settle_in", configuration=Configuration()),
        step("sign_in", browser=0, account=0, faults=()),
        step("start_sign_in", browser=0, faults=()),
        step("authorize", tab=0, account=0, browser=None),
        step("open_callback", tab=tab, change=change, browser=None, faults=()),
        step("open_callback", tab=tab, change="", browser=None, faults=()),
    )


@pytest.mark.parametrize("with_subject", [True, False])
def test_link_whose_session_has_ended_at_the_provider_is_made_and_gives_no_session(with_subject):
    """The sign-in was refused only when its session was made, which left a link without its metadata."""
    World.replay(
        CORPUS["linked without asking"][0],
        step("start_sign_in", browser=1, faults=()),
        step("authorize", tab=0, account=1, browser=None),
        step("send_logout_token", session=0, with_subject=with_subject, twice=True),
        step("open_callback", tab=0, change="", browser=None, faults=()),
    )

"""How the package is broken on purpose, so that the World's invariants of ended sessions notice it."""

from __future__ import annotations

from stateful_oauth.django.sessions import endings, registry
from stateful_oauth.django.views import backchannel_logout
from stateful_oauth.storage import sessions
from stateful_oauth.testing.world.session_endings import CORPUS


def a_logout_token_ends_nothing(patch):
    patch.setattr(backchannel_logout, "end_registered", lambda rows: ())


def a_sign_in_does_not_look_for_logout_tokens(patch):
    def add(row):
        sessions._table("default").insert([row])
        return True

    patch.setattr(sessions, "add_session", add)


def grants_outlive_their_sessions(patch):
    patch.setattr(registry, "end_grants", lambda ids: None)
    patch.setattr(endings, "end_grants_of_user", lambda user_id, now: None)


def rows_lose_their_sessions_key(patch):
    patch.setattr(registry, "registered_key", lambda session: "")


# What breaks it, the scenario in which it shows, and the invariant that has to notice it.
BREAKS_OF_SESSIONS = (
    (
        a_logout_token_ends_nothing,
        CORPUS["a logout token ends a session"],
        "no session lives after its logout token",
    ),
    (
        a_sign_in_does_not_look_for_logout_tokens,
        CORPUS["a logout token comes before the callback"],
        "no session lives after its logout token",
    ),
    (
        grants_outlive_their_sessions,
        CORPUS["a user is signed out everywhere"],
        "no grant lives after its session was ended",
    ),
    (rows_lose_their_sessions_key, CORPUS["a user is signed out everywhere"], "every session has its row"),
)

"""How the package is broken on purpose, so that the World's invariants of what others change notice it."""

from __future__ import annotations

from stateful_oauth.django import backends, wiring
from stateful_oauth.django.sweeps import reconciling
from stateful_oauth.storage import domain_events
from stateful_oauth.storage.accounts import DjangoAccountDirectory
from stateful_oauth.storage.grants import DjangoGrantStore
from stateful_oauth.testing.world.others import CORPUS


def undone_links_are_forgotten(patch):
    patch.setattr(DjangoAccountDirectory, "unlinked_from", lambda self, issuer, subject, others: ())
    patch.setattr(DjangoAccountDirectory, "linked_to", lambda self, issuer, subject: None)


def undone_links_stay_open(patch):
    patch.setattr(backends, "close_undone_link", lambda *given, **named: False)
    patch.setattr(domain_events, "close_undone_link", lambda *given, **named: False)


def a_refused_refresh_ends_the_grant(patch):
    def end(self, grant):
        DjangoGrantStore.end(self, grant, code="sign_in_refused", now=wiring.clock.now())

    patch.setattr(DjangoGrantStore, "release", end)


def the_operators_list_stays_empty(patch):
    patch.setattr(reconciling, "list_difference", lambda *given, **named: None)


# What breaks it, the scenario in which it shows, and the invariant that has to notice it.
BREAKS_OF_OTHERS = (
    (
        undone_links_are_forgotten,
        CORPUS["a link is undone elsewhere, and its account comes back"],
        "a link that others undid is made only by its user",
    ),
    (
        undone_links_stay_open,
        CORPUS["primary and secondary are swapped elsewhere"],
        "a sign-in notices what others undid",
    ),
    (a_refused_refresh_ends_the_grant, CORPUS["an Action: deny at refresh"], "a denial ends no grant"),
    (
        the_operators_list_stays_empty,
        CORPUS["a user is deleted elsewhere, and the comparison lists it"],
        "the comparison lists what is left",
    ),
)

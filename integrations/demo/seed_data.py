"""The accounts and users that tenant and site have before the first sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model

from stateful_oauth.demo.backends import DemoBackend
from stateful_oauth.demo.people import (
    ADA,
    BEA,
    CONNIE,
    GRACE,
    IVY,
    OPERATOR_NAME,
    OPERATOR_PASSWORD,
    ORGANIZATION,
    OTHER_ORGANIZATION,
    PEOPLE,
    SPECIAL,
    TWICE,
    Person,
)
from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callbacks import callback_url
from stateful_oauth.django.conf import conf
from stateful_oauth.django.declarations import callbacks
from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.storage.identities import add_identity, find_identity
from stateful_oauth.storage.models import AccountLink, ConnectedAccount

if TYPE_CHECKING:
    from stateful_oauth.emulator import Tenant


def seed_tenant(tenant: Tenant) -> None:
    """Tell the tenant about this site's application and about the people."""
    wanted: dict[str, Any] = settings.STATEFUL_OAUTH
    tenant.add_client(
        client_id=wanted["CLIENT_ID"],
        client_secret=wanted["CLIENT_SECRET"],
        name="Demo site",
        callbacks=[callback_url("default", each.name) for each in callbacks()],
        logout_urls=[conf.base_url + "/"],
    )
    tenant.allow_connected_accounts(wanted["CLIENT_ID"])
    tenant.add_client(
        client_id=wanted["MANAGEMENT_CLIENT_ID"],
        client_secret=wanted["MANAGEMENT_CLIENT_SECRET"],
        name="Demo site, linking",
    )
    tenant.allow_management(wanted["MANAGEMENT_CLIENT_ID"], ["read:users", "update:users"])
    tenant.add_connection("github", scopes=["read:user"])
    tenant.add_connection("linkedin", display_name="LinkedIn", scopes=["profile"])
    for person in (*PEOPLE, *SPECIAL, *TWICE):
        add_person(tenant, person, blocked=person is BEA)
    tenant.add_organization(
        "engines", org_id=ORGANIZATION, display_name="Analytical Engines", members=[ADA.sub, GRACE.sub]
    )
    tenant.add_organization(
        "looms", org_id=OTHER_ORGANIZATION, display_name="Jacquard Looms", members=[ADA.sub]
    )


def add_person(tenant: Tenant, person: Person, *, blocked: bool = False) -> None:
    """Add a person to the tenant."""
    given, _, family = person.name.partition(" ")
    tenant.add_user(
        email=person.email,
        name=person.name,
        connection=person.connection,
        password=person.password or None,
        email_verified=person.verified,
        user_id=person.sub,
        signed_up=person.known,
        blocked=blocked,
        given_name=given,
        family_name=family,
    )


def seed_site(issuer: str) -> None:
    """Make the users that the first sign-in needs, and delete the accounts that the tenant has lost."""
    # The tenant lives in memory, and knows nothing of what an earlier demo connected or linked.
    ConnectedAccount.objects.all().delete()
    AccountLink.objects.all().delete()
    backend, users = DemoBackend(), get_user_model().objects
    ivy = _identity(issuer, IVY)
    if find_identity(ivy) is None:
        row: Any = add_identity(ivy, lambda: backend.make_user(ivy), now=wiring.clock.now())
        row.user.is_active = False
        row.user.save(update_fields=["is_active"])
    # Another user has the name that Connie's user would get.
    users.get_or_create(username=backend.username(_identity(issuer, CONNIE)))
    if not users.filter(username=OPERATOR_NAME).exists():
        users.create_superuser(OPERATOR_NAME, password=OPERATOR_PASSWORD)


def _identity(issuer: str, person: Person) -> VerifiedIdentity:
    return VerifiedIdentity(
        issuer=issuer,
        subject=person.sub,
        claims={"email": person.email, "email_verified": True, "given_name": person.name.partition(" ")[0]},
    )

"""System checks of what users get from claims, of users to adopt, and of `CALLBACK_URL`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's own name
from django.db import DatabaseError, router
from django.urls import NoReverseMatch, Resolver404, resolve

from stateful_oauth.django.conf import TENANT_DEFAULTS
from stateful_oauth.django.documentation import documentation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.apps import AppConfig

    from stateful_oauth.django.conf import SiteSettings, TenantSettings


def check_users(site: SiteSettings) -> Iterator[CheckMessage]:
    """Check the keys of each tenant that are about users."""
    for alias in site.tenant_aliases:
        tenant, name = site.tenant(alias), f"Tenant {alias!r}"
        yield from _fields(tenant, name)
        yield from _roles(tenant, name)
        yield from _callback(site, tenant, name)


def _fields(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    from stateful_oauth.django.users.fields import wrong_fields  # noqa: PLC0415 - loads models

    default: dict[str, Any] = TENANT_DEFAULTS["USER_FIELDS"]
    # A user model of the project's own may lack the fields of the default.
    chosen = {key: claim for key, claim in tenant.user_fields.items() if default.get(key) != claim}
    for flaw in wrong_fields(get_user_model(), chosen):
        yield Error(
            f"{name}: USER_FIELDS {flaw}",
            hint='Write it like {"first_name": "given_name"}. ' + f"See {documentation('users', 'fields')}.",
            id="stateful_oauth.E070",
        )


def _roles(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    from stateful_oauth.django.users.role_rules import RoleRules, wrong_roles  # noqa: PLC0415 - loads models

    if not tenant.roles:
        return
    if flaws := [*wrong_roles(tenant.roles)]:
        for flaw in flaws:
            yield Error(
                f"{name}: ROLES {flaw}",
                hint=f"See {documentation('users', 'roles')}.",
                id="stateful_oauth.E071",
            )
        return
    rules, model = RoleRules.of(tenant.roles), get_user_model()
    assert rules is not None  # noqa: S101 - it is not empty
    given = {
        "is_staff": rules.decides_staff,
        "is_superuser": rules.decides_superuser,
        "groups": rules.gives_groups,
    }
    known = {field.name for field in model._meta.get_fields()}  # noqa: SLF001 - public in Django
    if missing := [field for field, decided in given.items() if decided and field not in known]:
        yield Error(
            f"{name}: ROLES decides about {', '.join(missing)}, which {model.__name__} does not have.",
            hint="Add PermissionsMixin or the field to your user model, or leave the key out.",
            id="stateful_oauth.E072",
        )
    organization: Any = tenant.authorization_parameters.get("organization")
    if organization and str(organization).startswith("org_") and organization not in rules.organizations:
        yield Warning(
            f"{name}: users sign in at {organization}, but ROLES has no rules for it, so roles give nothing.",
            hint="Name the organization in ROLES['organizations'].",
            id="stateful_oauth.W070",
        )


def _callback(site: SiteSettings, tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    from stateful_oauth.django.actions.callbacks import callback_url  # noqa: PLC0415 - loads models

    if not tenant.callback_url:
        return
    try:
        url = urlsplit(callback_url(tenant.alias))
        own = {urlsplit(each)[:2] for each in site.base_urls}
        flaw = "" if url[:2] in own else "is not at BASE_URL or at one of OTHER_BASE_URLS"
        if url.query or url.fragment:
            flaw = "has a query or a fragment"
        if not flaw:
            resolve(url.path)
    except NoReverseMatch:
        flaw = "is not the name of a URL pattern"
    except Resolver404:
        flaw = "has no view"
    except ValueError:
        flaw = "is not a URL"
    if flaw:
        yield Error(
            f"{name}: CALLBACK_URL {flaw}.",
            hint="Name a URL pattern, a path, or a whole URL, with a view that calls `complete`.",
            id="stateful_oauth.E073",
        )


@register(Tags.database)
def check_usernames(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 - Django calls checks with it
    databases: Sequence[str] | None = None,
    **kwargs: Any,  # noqa: ARG001 - Django calls checks with it
) -> list[CheckMessage]:
    """Check whether users of another package wait to be adopted (`check --database`, and `migrate`)."""
    model: Any = get_user_model()
    alias = router.db_for_write(model)
    if alias not in (databases or ()):
        return []
    people = model._base_manager.using(alias)  # noqa: SLF001 - public in Django
    waiting = people.filter(**{f"{model.USERNAME_FIELD}__contains": "|"}, auth0_identities__isnull=True)
    try:
        found = waiting.exists()
    except DatabaseError:  # the tables are not there yet
        return []
    if not found:
        return []
    return [
        Warning(
            "There are users whose username is an Auth0 `sub`, and who have no identity. "
            "When they sign in, new users are made for them.",
            hint="Run `manage.py adopt_users --from username --dry-run`. "
            f"See {documentation('how-to/move-from-another-package')}.",
            id="stateful_oauth.W071",
        )
    ]

"""System checks of what the package needs of the project: apps, middleware, URLs, templates, databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's own name
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.urls import NoReverseMatch, reverse
from django.utils.connection import ConnectionDoesNotExist
from django.utils.module_loading import import_string

from stateful_oauth.django.declarations import callbacks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.django.conf import SiteSettings

_VENDORS: Final = ("postgresql", "sqlite")
_MIDDLEWARE: Final = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
)


def check_project(site: SiteSettings) -> Iterator[CheckMessage]:
    """Check apps, middleware, URLs, templates, sessions and databases of the project."""
    from stateful_oauth.django.backends import backend_path  # noqa: PLC0415 - loads models

    try:
        backend_path()
    except (ImproperlyConfigured, ImportError) as error:
        yield Error(
            "AUTHENTICATION_BACKENDS has no Auth0 backend.",
            hint=str(error),
            id="stateful_oauth.E020",
        )
    else:
        yield from _users()
    if "stateful_oauth.storage" not in settings.INSTALLED_APPS and not _app_installed():
        yield Error(
            "The tables are not installed.",
            hint="Add 'stateful_oauth.storage' to INSTALLED_APPS.",
            id="stateful_oauth.E021",
        )
    else:
        yield from _database()
    if not settings.USE_TZ:
        yield Error(
            "USE_TZ is False.",
            hint="Set USE_TZ = True, because deadlines need aware datetimes.",
            id="stateful_oauth.E025",
        )
    if missing := [name for name in _callbacks(site) if not _is_there(name)]:
        yield Error(
            f"The package's URLs are not included: {', '.join(missing)}.",
            hint="Include 'stateful_oauth.django.urls' in your URLconf.",
            id="stateful_oauth.E022",
        )
    for name in _MIDDLEWARE:
        if not _has_middleware(name):
            yield Error(
                f"MIDDLEWARE lacks {name}.",
                hint="Add it. Without it, no user stays signed in.",
                id="stateful_oauth.E023",
            )
    try:
        get_template("stateful_oauth/error.html")
    except (ImproperlyConfigured, TemplateDoesNotExist):
        yield Error(
            "The package's templates are not found.",
            hint="Add 'stateful_oauth.django' to INSTALLED_APPS, and set APP_DIRS in TEMPLATES.",
            id="stateful_oauth.E024",
        )
    if settings.SESSION_COOKIE_SAMESITE == "Strict":
        yield Warning(
            "SESSION_COOKIE_SAMESITE is 'Strict'. The first page after sign-in does not see the session.",
            hint="Use 'Lax', which is Django's default.",
            id="stateful_oauth.W002",
        )
    if settings.SESSION_ENGINE == "django.contrib.sessions.backends.signed_cookies":
        yield Warning(
            "Sessions are stored in cookies. The server cannot end them.",
            hint="Use the db, cache, or cached_db engine.",
            id="stateful_oauth.W003",
        )


def _users() -> Iterator[CheckMessage]:
    """Check that the backend can make users of the project's model, unless the project makes them itself."""
    from stateful_oauth.django.backends import Auth0Backend, backend_path  # noqa: PLC0415 - loads models
    from stateful_oauth.django.user_model import (  # noqa: PLC0415 - loads models
        takes_no_missing_email,
        unfilled_columns,
    )

    if import_string(backend_path()).make_user is not Auth0Backend.make_user:
        return
    model = get_user_model()
    email = model.get_email_field_name()
    if columns := unfilled_columns({model.USERNAME_FIELD, email, "password"}):
        yield Error(
            f"{model.__name__} demands {', '.join(columns)}, which a new user would not have.",
            hint="Give each column a default, let it be NULL, or override Auth0Backend.make_user.",
            id="stateful_oauth.E049",
        )
    if email == model.USERNAME_FIELD or takes_no_missing_email(model):
        yield Warning(
            f"{model.__name__}.{email} is unique and not NULL. Users without an email cannot sign in.",
            hint="Let it be NULL (null=True) if you want them, or silence this check.",
            id="stateful_oauth.W019",
        )


def _callbacks(site: SiteSettings) -> list[str]:
    """Name the callbacks of the flows that are in use at any tenant."""
    used = (each.name for alias in site.tenant_aliases for each in callbacks(site.tenant(alias)))
    return list(dict.fromkeys(used))


def _is_there(name: str) -> bool:
    try:
        reverse(f"stateful_oauth:{name}")
    except NoReverseMatch:
        return False
    return True


def _database() -> Iterator[CheckMessage]:
    """Check that one database transaction can hold a settled step and all its rows."""
    from stateful_oauth.storage.models import FlowTransaction, Grant, Identity  # noqa: PLC0415 - loads models

    models = (FlowTransaction, Identity, Grant, get_user_model())
    aliases = {router.db_for_write(model) for model in models}
    if len(aliases) > 1:
        yield Error(
            f"Sign-ins, identities, grants, and users are written to several databases: "
            f"{', '.join(sorted(aliases))}.",
            hint="Let DATABASE_ROUTERS send the user model and stateful_oauth.storage to one database.",
            id="stateful_oauth.E026",
        )
    for alias in sorted(aliases):
        try:
            vendor = connections[alias].vendor
        except (ConnectionDoesNotExist, ImproperlyConfigured) as error:
            yield Error(
                f"The database {alias!r} cannot be used.",
                hint=str(error),
                id="stateful_oauth.E026",
            )
            continue
        if vendor not in _VENDORS:
            yield Error(
                f"The database {alias!r} is {vendor}.",
                hint="Use PostgreSQL or SQLite.",
                id="stateful_oauth.E026",
            )


def _has_middleware(name: str) -> bool:
    wanted = import_string(name)
    if name in settings.MIDDLEWARE:
        return True
    found = (import_string(path) for path in settings.MIDDLEWARE)
    return any(isinstance(each, type) and issubclass(each, wanted) for each in found)


def _app_installed() -> bool:
    from django.apps import apps  # noqa: PLC0415 - only when the plain name is not there

    return apps.is_installed("stateful_oauth.storage")

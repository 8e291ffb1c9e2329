"""The stages that look at the site itself."""

from __future__ import annotations

import importlib
import pkgutil
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks as django_checks
from django.core.cache import caches
from django.db import DatabaseError, connections, router

from stateful_oauth.django.checks import check_deployment, check_settings
from stateful_oauth.django.checks.hosts import moving_hosts, refused_hosts
from stateful_oauth.django.conf import conf
from stateful_oauth.django.doctor.stages import Finding, Probe, failed, fine, not_probed, warning
from stateful_oauth.django.documentation import documentation
from stateful_oauth.django.telemetry.suspensions import noted_suspensions
from stateful_oauth.storage.availability import is_not_migrated, is_unavailable
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from collections.abc import Iterator

_APP: Final = "stateful_oauth"
_NIL: Final = uuid.UUID(int=0)
_SAMPLE: Final = 20  # sealed values from each end of each column
_BY_COOKIE: Final = "django.contrib.sessions.backends.signed_cookies"
_BY_CACHE: Final = "django.contrib.sessions.backends.cache"
_LOCAL_CACHES: Final = ("DummyCache", "LocMemCache")


def _settings(_: Any) -> Iterator[Finding]:
    found = [*check_settings(), *check_deployment()]
    for each in found:
        serious = each.level >= django_checks.ERROR
        make = failed if serious else warning
        hint = each.hint or f"See {documentation('settings', 'system-checks')}."
        yield make(f"{each.id}: {each.msg}", hint)
    if not found:
        yield fine(f"{', '.join(conf.tenant_aliases)} at {conf.base_url}")


def _database(_: Any) -> Iterator[Finding]:
    alias = router.db_for_write(FlowTransaction)
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    try:
        # Changes nothing, because no row has the nil key; a database that takes no writes refuses it.
        FlowTransaction.objects.using(alias).filter(pk=_NIL).update(version=1)
    except DatabaseError as error:
        if not is_unavailable(error) or is_not_migrated(error):
            raise
        yield failed(
            f"The database responds, but takes no writes ({type(error).__name__}).",
            "Check whether the server is read-only, is being replaced, or has no space left.",
        )
        return
    yield fine(f"{connections[alias].vendor} ({alias}) responds and takes writes.")


def _migrations(_: Any) -> Iterator[Finding]:
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415 - only needed here
    from django.db.migrations.loader import MigrationLoader  # noqa: PLC0415 - as above
    from django.db.migrations.recorder import MigrationRecorder  # noqa: PLC0415 - as above

    connection = connections[router.db_for_write(FlowTransaction)]
    module = importlib.import_module(MigrationLoader.migrations_module(_APP)[0] or "")
    there = {each.name for each in pkgutil.iter_modules(module.__path__)}
    applied = {name for app, name in MigrationRecorder(connection).applied_migrations() if app == _APP}
    missing = there - applied
    if missing:
        # The exact answer, which takes longer: a squashed migration may stand for those that it replaces.
        executor = MigrationExecutor(connection)
        targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == _APP]
        missing = {
            each.name for each, _backwards in executor.migration_plan(targets) if each.app_label == _APP
        }
    if missing:
        yield failed(f"Not applied: {', '.join(sorted(missing))}.", "Run `manage.py migrate`.")
    else:
        yield fine("All migrations are applied.")


def _key_ring(_: Any) -> Iterator[Finding]:
    from stateful_oauth.storage import encryption  # noqa: PLC0415 - cryptography is slow to import

    encryption.unseal(encryption.seal(b"", context="doctor"), context="doctor")
    yield fine("The key ring encrypts and decrypts.")


def _sealed_values(_: Any) -> Iterator[Finding]:
    from stateful_oauth.storage.sealed_values import sample  # noqa: PLC0415 - cryptography is slow to import

    looked = sample(_SAMPLE)
    if looked.lost:
        shown = ", ".join(looked.lost[:3]) + (", …" if len(looked.lost) > 3 else "")
        yield failed(
            f"No key opens {len(looked.lost)} of {looked.seen} sampled values: {shown}.",
            "Put their key back, at the end of ENCRYPTION_KEYS or SECRET_KEY_FALLBACKS.",
        )
    opened = looked.seen - len(looked.lost)
    older = f", {looked.older} with an older key: run `manage.py rotate_secrets` before you remove it"
    if opened or not looked.seen:
        yield fine(f"{opened} sampled values open{older if looked.older else ''}.")


def _sessions(_: Any) -> Iterator[Finding]:
    for url in conf.base_urls:
        yield from _cookies(conf.cookie_secure, urlsplit(url).hostname or "")
    for host in refused_hosts():
        yield failed(
            f"ALLOWED_HOSTS does not include {host}. Every callback would get a response with status 400.",
            f"Add {host!r}, a host of BASE_URL or OTHER_BASE_URLS, to ALLOWED_HOSTS.",
        )
    if others := moving_hosts():
        yield fine(f"A sign-in that starts at {', '.join(others)} goes on at {conf.base_url}.")
    yield from _session_store()


def _cookies(https: bool, host: str) -> Iterator[Finding]:
    domain = settings.SESSION_COOKIE_DOMAIN
    if domain and not f".{host}".endswith(f".{domain.lstrip('.')}"):
        yield failed(
            f"SESSION_COOKIE_DOMAIN is {domain}, but {host} is not in it. Browsers refuse the cookie.",
            "Remove SESSION_COOKIE_DOMAIN, or set it to a domain that includes the host of BASE_URL.",
        )
    same_site = settings.SESSION_COOKIE_SAMESITE
    if str(same_site).lower() == "none" and not settings.SESSION_COOKIE_SECURE:
        yield failed(
            "SESSION_COOKIE_SAMESITE is None without SESSION_COOKIE_SECURE. Browsers refuse the cookie.",
            "Use 'Lax', which is Django's default.",
        )
    for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"):
        if https and not getattr(settings, name):
            yield warning(
                f"{name} is False on an https site. The cookie also travels over http.", f"Set {name} = True."
            )
        if not https and getattr(settings, name):
            yield warning(
                f"{name} is True, but BASE_URL is http. Most browsers never send the cookie back.",
                f"Set {name} = False while you develop.",
            )


def _calls(_: Any) -> Iterator[Finding]:
    held_back = noted_suspensions()
    for tenant, effect, failures, until in held_back:
        yield warning(
            f"{failures} calls of {effect} at {tenant} failed in a row. The next ones are held back until "
            f"{until:%H:%M:%S} UTC.",
            "See the stages of the tenant, and the provider's status page.",
        )
    if not held_back:
        yield fine("No calls are held back.")


def _session_store() -> Iterator[Finding]:
    engine = settings.SESSION_ENGINE
    if engine == _BY_COOKIE:
        yield not_probed("Sessions are stored in cookies. There is no session store to check.")
        return
    if engine == _BY_CACHE:
        cache = caches[settings.SESSION_CACHE_ALIAS]
        if type(cache).__name__ in _LOCAL_CACHES:
            yield failed(
                f"Sessions are stored in a {type(cache).__name__}. Other processes cannot see them.",
                "Use a cache that all processes share, or the engine cached_db.",
            )
            return
    store = importlib.import_module(engine).SessionStore()
    store["stateful_oauth_doctor"] = True
    store.create()
    try:
        kept = importlib.import_module(engine).SessionStore(store.session_key).get("stateful_oauth_doctor")
    finally:
        store.delete()
    if kept:
        yield fine(f"{engine.rpartition('.')[2]} sessions are saved and found again.")
    else:
        yield failed("A session that was just saved is not found.", "Check SESSION_ENGINE and its store.")


SITE: Final = (
    Probe(
        name="settings",
        looks_at="STATEFUL_OAUTH and the project's settings, as with `manage.py check --deploy`",
        run=_settings,
        cheap=True,
    ),
    Probe(
        name="database",
        looks_at="the transactions' database responds and takes writes",
        run=_database,
        cheap=True,
    ),
    Probe(
        name="migrations",
        looks_at="every migration of this package is applied",
        run=_migrations,
        needs=("database",),
        cheap=True,
    ),
    Probe(name="key_ring", looks_at="the key ring encrypts and decrypts", run=_key_ring, cheap=True),
    Probe(
        name="sealed_values",
        looks_at="the key ring opens the newest and oldest stored values",
        run=_sealed_values,
        needs=("key_ring", "migrations"),
    ),
    Probe(
        name="sessions",
        looks_at="cookie settings, ALLOWED_HOSTS, and a session that is saved, found, and deleted",
        run=_sessions,
        needs=("settings",),
    ),
    Probe(
        name="calls",
        looks_at="calls of the provider that are held back, because those before failed",
        run=_calls,
        needs=("settings",),
    ),
)

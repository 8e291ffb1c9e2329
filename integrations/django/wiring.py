"""Where the packages meet: the engine of this process, made from the settings."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import sync_to_async
from django.utils.module_loading import import_string

from stateful_oauth.django.conf import conf
from stateful_oauth.django.declarations import declarations
from stateful_oauth.django.once import once
from stateful_oauth.django.provider_profiles import AUTH0

if TYPE_CHECKING:
    from collections.abc import Callable

    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.management_token import SharedTokens
    from stateful_oauth.auth0.provider import Auth0Provider
    from stateful_oauth.auth0.transport import Transport
    from stateful_oauth.flows.engine.admission import Admission
    from stateful_oauth.flows.engine.engine import Engine
    from stateful_oauth.flows.engine.handing_over import Background
    from stateful_oauth.flows.engine.observers import Observer
    from stateful_oauth.flows.engine.ports import Clock
    from stateful_oauth.flows.engine.registry import FlowRegistry
    from stateful_oauth.flows.oauth.access_tokens import AccessTokens


_THREADS: Final = 64  # per tenant, where EFFECTS_AT_ONCE sets no limit


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


clock: Clock = SystemClock()


class _CurrentClock:
    """Looks `clock` up at every call, so that a test can replace it for a whole site."""

    def now(self) -> datetime:
        return clock.now()

    def sleep(self, seconds: float) -> None:
        clock.sleep(seconds)


_current = _CurrentClock()


@once
def flows() -> FlowRegistry:
    """Return the machines of all declared flows.

    Imported here and not at start-up, because python-statemachine takes 50 ms to import.
    """
    from stateful_oauth.flows.engine.registry import FlowRegistry, load_machine  # noqa: PLC0415 - lazy on purpose

    return FlowRegistry(*(load_machine(declaration) for declaration in declarations().values()))


def provider_config(tenant: str) -> Auth0Config:
    """Return what the provider of a tenant is made from.

    Raises:
        KeyError: There is no such tenant.
        ValueError: The settings do not go together.
    """
    from stateful_oauth.auth0.config import Auth0Config  # noqa: PLC0415 - lazy on purpose
    from stateful_oauth.flows.engine.secret import Secret  # noqa: PLC0415 - lazy on purpose

    chosen = conf.tenant(tenant)
    return Auth0Config(
        issuer=chosen.issuer,
        client_id=chosen.client_id,
        client_secret=Secret(chosen.client_secret) if chosen.client_secret else None,
        client_auth=chosen.client_authentication,
        private_key=Secret(chosen.private_key) if chosen.private_key else None,
        private_key_id=chosen.private_key_id or None,
        private_key_alg=chosen.private_key_alg,
        client_assertion_audience=chosen.client_assertion_audience,
        client_certificate=chosen.client_certificate,
        client_certificate_key=chosen.client_certificate_key,
        pkce_without_metadata=chosen.pkce_without_metadata,
        response_mode=chosen.response_mode,
        userinfo=chosen.userinfo,
        distributed_claims=chosen.distributed_claims,
        keep_unasked_refresh_tokens=chosen.keep_unasked_refresh_tokens,
        revocation_endpoint=chosen.revocation_endpoint,
        end_session_endpoint=chosen.end_session_endpoint,
        logout_return_parameter=chosen.logout_return_parameter,
        logout_sends_sid=chosen.logout_sends_sid,
        logout_sends_id_token=chosen.logout_sends_id_token,
        is_auth0=chosen.provider == AUTH0,
        id_token_signing_alg=chosen.id_token_signing_alg,
        access_token_signing_alg=chosen.access_token_signing_alg,
        leeway=chosen.leeway,
        max_token_age=chosen.max_token_age,
        pushed_authorization_requests=chosen.pushed_authorization_requests,
        trusted_audiences=tuple(chosen.trusted_audiences),
        connect_timeout=chosen.connect_timeout,
        read_timeout=chosen.read_timeout,
        allow_insecure_http_on_loopback=conf.allow_insecure_http_on_loopback,
        refresh_token_rotation=chosen.refresh_token_rotation,
        management_client_id=chosen.management_client_id,
        management_client_secret=(
            Secret(chosen.management_client_secret) if chosen.management_client_secret else None
        ),
        management_base_url=f"https://{chosen.management_domain}/" if chosen.management_domain else "",
        provider_userinfo=chosen.provider_userinfo,
    )


@once
def provider(tenant: str) -> Auth0Provider:
    """Return the tenant's provider: its connections, metadata and keys are kept for the process.

    Raises:
        KeyError: There is no such tenant.
    """
    from stateful_oauth.auth0.provider import Auth0Provider  # noqa: PLC0415 - lazy on purpose

    config = provider_config(tenant)
    return Auth0Provider(config, new_transport(config), _current, _shared_tokens())


def _shared_tokens() -> SharedTokens | None:
    from stateful_oauth.django.api.shared_tokens import (  # noqa: PLC0415 - needs the app registry
        CachedMachineTokens,
    )

    return CachedMachineTokens() if conf.share_machine_tokens else None


def can_revoke(tenant: str) -> bool:
    """Whether a tenant's provider revokes refresh tokens, as far as this process knows; it is not asked."""
    try:
        return provider(tenant).revokes_refresh_tokens()
    except (KeyError, ValueError):  # no tenant of today's settings, or wrong ones
        return True


def new_transport(config: Auth0Config) -> Transport:
    """Return a transport of one's own, on the adapter that the settings name."""
    from stateful_oauth.auth0.transport import Transport  # noqa: PLC0415 - lazy on purpose

    adapter: Any = conf.transport_adapter
    if isinstance(adapter, str):
        adapter = import_string(adapter)
    return Transport.of(config, adapter=adapter() if callable(adapter) else adapter, now=_current.now)


@once
def access_tokens() -> AccessTokens:
    """Return what hands out the access tokens of grants."""
    from stateful_oauth.flows.oauth.access_tokens import AccessTokens  # noqa: PLC0415 - lazy on purpose
    from stateful_oauth.storage.grants import DjangoGrantStore  # noqa: PLC0415 - needs the app registry

    return AccessTokens(DjangoGrantStore(), provider, _current, patience=conf.duplicate_patience)


def services(wanted: type[Any], tenant: str) -> Any:
    """Return the services that a machine declares, for a tenant.

    A type of a project's own has a class method `for_tenant(tenant)`. It is called for every operation, so it
    keeps what is expensive to make.

    Raises:
        KeyError: There is no such tenant.
    """
    from stateful_oauth.django.browser.seen_codes import SiteCodeMemory  # noqa: PLC0415 - needs the settings
    from stateful_oauth.flows.oauth.services import OAuthServices  # noqa: PLC0415 - lazy on purpose
    from stateful_oauth.storage.accounts import DjangoAccountDirectory  # noqa: PLC0415 - needs the app registry

    if wanted is not OAuthServices:
        return wanted.for_tenant(tenant)
    return OAuthServices(
        provider=provider(tenant),
        tokens=access_tokens(),
        accounts=DjangoAccountDirectory(),
        codes=SiteCodeMemory(),
    )


def admission() -> Admission:
    """Make what holds back calls of a provider that is slow or fails."""
    from stateful_oauth.django.telemetry.suspensions import note_suspension  # noqa: PLC0415 - loads the cache
    from stateful_oauth.flows.engine.admission import Admission  # noqa: PLC0415 - lazy on purpose

    return Admission(
        _current,
        at_once=conf.effects_at_once,
        failures=conf.breaker_failures,
        pause=conf.breaker_pause,
        tell=note_suspension,
    )


def background() -> Background:
    """Make the threads in which slow calls go on without their requests."""
    from stateful_oauth.django.background import ThreadBackground  # noqa: PLC0415 - needs the app registry
    from stateful_oauth.flows.engine.handing_over import Inline  # noqa: PLC0415 - lazy on purpose

    if not conf.answer_within:
        return Inline()
    threads = (conf.effects_at_once or _THREADS) * len(conf.tenant_aliases)
    return ThreadBackground(answer_within=conf.answer_within, threads=threads)


@once
def engine() -> Engine:
    """Return the engine of this process."""
    from stateful_oauth.django.telemetry.observer import SiteObserver  # noqa: PLC0415 - needs the app registry
    from stateful_oauth.flows.engine.engine import Engine, EnginePolicy  # noqa: PLC0415 - lazy on purpose
    from stateful_oauth.storage.store import DjangoTransactionStore  # noqa: PLC0415 - needs the app registry

    return Engine(
        flows=flows(),
        store=DjangoTransactionStore(),
        services=services,
        clock=_current,
        policy=EnginePolicy(
            open_per_browser=conf.open_per_browser,
            patience=conf.duplicate_patience,
            deadlines={
                f"{each.kind}.{each.callback.waits_in}": conf.transaction_lifetime
                for each in declarations().values()
                if each.callback is not None
            },
        ),
        observer=SiteObserver(flows, _telemetry()),
        admission=admission(),
        background=background(),
        offload=_offload,
    )


def _telemetry() -> Observer:
    """Return OpenTelemetry where it is installed."""
    from stateful_oauth.flows.engine.observers import NULL_OBSERVER  # noqa: PLC0415 - lazy on purpose

    try:
        from stateful_oauth.django.telemetry.spans import process_telemetry  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        return NULL_OBSERVER
    return process_telemetry()


async def _offload(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    # Thread-sensitive, which is the default: the request's database connection belongs to one thread.
    return await sync_to_async(function)(*args, **kwargs)

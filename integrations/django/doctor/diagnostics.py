"""Run the stages in order, and time them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseProblem

from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.conf import conf
from stateful_oauth.django.doctor.site import SITE
from stateful_oauth.django.doctor.stages import (
    Finding,
    Probe,
    Report,
    Stage,
    Verdict,
    failed,
    not_probed,
)
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.error_codes import ERROR_CODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


logger = logging.getLogger("stateful_oauth.doctor")

_NO_GROUND: Final = (Verdict.FAILED, Verdict.NOT_PROBED)  # for a stage that needs this one


@dataclass(frozen=True, slots=True)
class Planned:
    """A stage of the diagnostics that has not run yet."""

    probe: Probe
    tenant: str


def plan(
    tenants: Sequence[str] | None = None, *, outbound: bool = True, cheap: bool = False
) -> list[Planned]:
    """Return the stages of the diagnostics, without running any.

    Args:
        tenants: Aliases; None for all tenants.
        outbound: Also those that call the provider.
        cheap: Of the site's own stages, only those that a health check can afford.

    Raises:
        KeyError: There is no such tenant.
    """
    planned = [Planned(probe, "") for probe in SITE if probe.cheap or not cheap]
    if outbound:
        from stateful_oauth.django.doctor.accounts import ACCOUNTS  # noqa: PLC0415 - loads requests
        from stateful_oauth.django.doctor.announced import ANNOUNCED  # noqa: PLC0415 - loads requests
        from stateful_oauth.django.doctor.backchannel import BACKCHANNEL  # noqa: PLC0415 - needs the URLs
        from stateful_oauth.django.doctor.provider import PROVIDER  # noqa: PLC0415 - loads requests

        for alias in _aliases(tenants):
            planned += [Planned(probe, alias) for probe in (*PROVIDER, *ANNOUNCED, *BACKCHANNEL, *ACCOUNTS)]
    return planned


def diagnose(planned: Sequence[Planned], *, grant: str = "") -> Report:
    """Run the stages in order. What a stage finds is in the report, and raises nothing.

    Args:
        grant: A grant's id, or `newest`: permission to use its refresh token for what only a user's token can
            tell. Empty: no user's token is touched.
    """
    return Report(tuple(_diagnosed(planned, grant)))


def readiness(
    *,
    outbound: bool = False,
    tenants: Sequence[str] | None = None,
    required_scopes: Iterable[str] | None = None,
) -> Report:
    """Say whether this process can serve: for health checks.

    Args:
        outbound: Also call the provider. Not for a check that runs every few seconds: it costs requests, and
            your site is not less ready when the provider has a bad minute.
        tenants: Aliases; None for all tenants.
        required_scopes: What the application for the Management API needs. With it, one request for a new
            token tells, in the stages `m2m_token`, `token_claims` and `scope_grant`, whether it has that.

    Raises:
        KeyError: There is no such tenant.
    """
    planned = plan(tenants, outbound=outbound, cheap=True)
    if required_scopes is not None:
        from stateful_oauth.django.doctor.ping import ping_probes  # noqa: PLC0415 - loads requests

        scopes = frozenset(required_scopes)
        planned += [Planned(probe, alias) for alias in _aliases(tenants) for probe in ping_probes(scopes)]
    return diagnose(planned)


areadiness = async_twin(readiness)


def _aliases(tenants: Sequence[str] | None) -> Sequence[str]:
    try:
        known = conf.tenant_aliases
    except (ImproperlyConfigured, TypeError):  # which the stage `settings` says
        return ()
    for alias in tenants or ():
        if alias not in known:
            raise KeyError(alias)
    return known if tenants is None else tenants


def _diagnosed(planned: Sequence[Planned], grant: str) -> Iterator[Stage]:
    verdicts: dict[tuple[str, str], Verdict] = {}
    contexts: dict[str, Any] = {}
    try:
        for each in planned:
            name, alias = each.probe.name, each.tenant
            missing = [need for need in each.probe.needs if verdicts.get((need, alias)) in _NO_GROUND]
            started = perf_counter()
            if missing:
                findings = [not_probed(f"Needs {' and '.join(missing)}.")]
            else:
                findings = _findings(each.probe, _context(contexts, alias, grant))
            stage = Stage(
                name=name,
                tenant=alias,
                latency=(perf_counter() - started) * 1000,
                findings=tuple(findings),
            )
            verdicts[name, alias] = stage.verdict
            yield stage
    finally:
        for context in contexts.values():
            context.close()


def _context(contexts: dict[str, Any], alias: str, grant: str) -> Any:
    if not alias:
        return None
    if alias not in contexts:
        from stateful_oauth.django.doctor.probe_context import ProbeContext  # noqa: PLC0415 - loads requests

        contexts[alias] = ProbeContext(alias, grant)
    return contexts[alias]


def _findings(probe: Probe, context: Any) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(probe.run(context))
    except FlowError as error:
        found.append(finding_of(error))
    except ImproperlyConfigured as error:
        found.append(failed(f"The settings are not valid: {error}", "Run `manage.py check`."))
    except DatabaseProblem as error:
        found.append(
            failed(
                f"The database reported an error ({type(error).__name__}).",
                "Check the database's log, and run `manage.py migrate`.",
            )
        )
    except Exception as error:  # the other stages are worth seeing; its message may quote anything
        logger.exception("the stage %s broke", probe.name)
        found.append(
            failed(f"The stage itself raised {type(error).__name__}.", "Find the traceback in the log.")
        )
    return found


def finding_of(error: FlowError) -> Finding:
    """Return the finding that an error stands for, with what the table of codes has operators do."""
    known = ERROR_CODES.get(error.code)
    return failed(str(error), known.operator if known else "Check the site's log.")

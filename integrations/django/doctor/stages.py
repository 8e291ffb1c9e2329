"""What the diagnostics are made of, as values: findings, stages, probes, and the report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Verdict(StrEnum):
    """How a stage went, from best to worst."""

    OK = "ok"
    NOT_PROBED = "not probed"
    WARNING = "warning"
    FAILED = "failed"


_ORDER = list(Verdict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a stage found out.

    Attributes:
        message: What is so. Nothing secret.
        remedy: What to do about it, in one sentence; empty when nothing is to be done.
    """

    verdict: Verdict
    message: str
    remedy: str = ""


def fine(message: str) -> Finding:
    """Return a finding that is as it should be."""
    return Finding(Verdict.OK, message)


def not_probed(because: str) -> Finding:
    """Return a finding that nothing was found out, and why."""
    return Finding(Verdict.NOT_PROBED, because)


def warning(message: str, remedy: str) -> Finding:
    """Return a finding that works, and should be otherwise."""
    return Finding(Verdict.WARNING, message, remedy)


def failed(message: str, remedy: str) -> Finding:
    """Return a finding that does not work."""
    return Finding(Verdict.FAILED, message, remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the diagnostics, after it ran.

    Attributes:
        tenant: The tenant's alias; empty for what belongs to the whole site.
        latency: How long it took, in milliseconds.
    """

    name: str
    tenant: str
    latency: float
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        return worst(finding.verdict for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "name": self.name,
            "tenant": self.tenant,
            "verdict": str(self.verdict),
            "latency_ms": round(self.latency, 1),
            "findings": [
                {"verdict": str(each.verdict), "message": each.message, "remedy": each.remedy}
                for each in self.findings
            ],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The result of the diagnostics."""

    stages: tuple[Stage, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of the stages."""
        return worst(stage.verdict for stage in self.stages)

    @property
    def ok(self) -> bool:
        """Whether nothing failed; warnings do not count."""
        return self.verdict is not Verdict.FAILED

    @property
    def latency(self) -> float:
        """How long all stages took together, in milliseconds."""
        return sum(stage.latency for stage in self.stages)

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "ok": self.ok,
            "verdict": str(self.verdict),
            "latency_ms": round(self.latency, 1),
            "stages": [stage.as_json() for stage in self.stages],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a stage runs.

    Attributes:
        looks_at: What it finds out, for people who ask before it runs.
        run: Yields findings. Its argument is the `ProbeContext`, or None for a probe of the site.
        needs: Names of stages without which it makes no sense.
        outbound: Whether it calls the provider.
        cheap: Whether a health check can afford it every few seconds.
    """

    name: str
    looks_at: str
    run: Callable[[Any], Iterator[Finding]]
    needs: tuple[str, ...] = ()
    outbound: bool = False
    cheap: bool = False


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of them: `OK` when there is none."""
    return max(verdicts, key=_ORDER.index, default=Verdict.OK)

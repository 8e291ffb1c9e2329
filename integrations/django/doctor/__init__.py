"""The doctor: check whether this site can sign users in, stage by stage, with a remedy for each problem.

Use `manage.py flows_doctor` yourself or from cron, and `readiness()` for health checks. It changes nothing:
it calls the provider with its own transport, documents, and tokens.
"""

from stateful_oauth.django.doctor.diagnostics import areadiness, diagnose, plan, readiness
from stateful_oauth.django.doctor.stages import Finding, Report, Stage, Verdict

__all__ = ["Finding", "Report", "Stage", "Verdict", "areadiness", "diagnose", "plan", "readiness"]

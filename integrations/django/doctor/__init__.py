"""The doctor: whether this site can sign people in, stage by stage, with the remedy where it cannot.

`manage.py flows_doctor` for people and cron, `readiness()` for health checks. It keeps and disturbs nothing:
it calls the provider with a transport, documents and tokens of its own.
"""

from stateful_oauth.django.doctor.examination import examine, plan, readiness
from stateful_oauth.django.doctor.stages import Finding, Report, Stage, Verdict

__all__ = ["Finding", "Report", "Stage", "Verdict", "examine", "plan", "readiness"]

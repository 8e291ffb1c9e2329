"""Close transactions whose browser did not come back in time."""

from __future__ import annotations

from typing import Any

from stateful_oauth.django.management.sweep_command import SweepCommand
from stateful_oauth.django.sweeps.sweeping import expire_due


class Command(SweepCommand):
    """`manage.py expire_flows`: run it every few minutes. Several may run at the same time."""

    help = (
        "Close transactions that have waited past their deadline, and wipe their secrets. "
        "Exits with 1 if transactions are quarantined or broken."
    )

    def sweep(self, **options: Any) -> None:
        """Expire, and report."""
        report = expire_due(
            kind=options["kind"],
            tenant=options["tenant"],
            limit=options["limit"],
            dry_run=options["dry_run"],
            progress=self.progress("expiring", options["verbosity"]),
        )
        self.show_sweep(report, **options)

"""Continue transactions whose worker did not come back."""

from __future__ import annotations

from typing import Any

from stateful_oauth.django.management.sweep_command import SweepCommand
from stateful_oauth.django.sweeps.sweeping import recover_due


class Command(SweepCommand):
    """`manage.py recover_flows`: run it every minute. Several may run at the same time."""

    help = (
        "Continue transactions whose worker died, or whose call to the provider is due again. "
        "Exits with 1 if transactions are stuck, quarantined, or broken."
    )

    def sweep(self, **options: Any) -> None:
        """Recover, and report."""
        report = recover_due(
            kind=options["kind"],
            tenant=options["tenant"],
            limit=options["limit"],
            dry_run=options["dry_run"],
            progress=self.progress("recovering", options["verbosity"]),
        )
        self.show_sweep(report, **options)

"""Encrypt stored secrets again with the newest key, so that you can remove older keys."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import BaseCommand, CommandError

from stateful_oauth.flows.engine.errors import StoreUnavailable
from stateful_oauth.storage.sealed_values import BATCH, Rotation

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

_PROGRESS_EVERY: Final = 1.0  # seconds


class Command(BaseCommand):
    """`manage.py rotate_secrets`: run it after putting a new key first in `ENCRYPTION_KEYS`."""

    help = "Encrypt stored secrets again, with the first key of ENCRYPTION_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take `--dry-run` and `--batch`."""
        parser.add_argument("--dry-run", action="store_true", help="Only count.")
        parser.add_argument("--batch", type=int, default=BATCH, help=f"Values per query. Default: {BATCH}.")

    def handle(
        self,
        *args: Any,  # noqa: ARG002 - Django's own
        dry_run: bool = False,
        batch: int = BATCH,
        verbosity: int = 1,
        **options: Any,  # noqa: ARG002 - Django's own
    ) -> None:
        """Rotate, and fail if no key opens a value: its key is still needed.

        What ended in the middle is run again: values that the newest key has sealed are left alone.
        """
        if batch < 1:
            raise CommandError("--batch must be 1 or more.", returncode=2)
        rotation, last = Rotation(dry_run=dry_run), time.monotonic()
        does = "to rotate" if dry_run else "rotated"
        shows_progress = verbosity > 1 or (verbosity == 1 and self.stderr.isatty())
        try:
            for where in rotation.run(batch=batch):
                if shows_progress and (verbosity > 2 or time.monotonic() - last >= _PROGRESS_EVERY):
                    last = time.monotonic()
                    self.stderr.write(f"{where}: {rotation.seen} seen, {does}: {rotation.rotated} so far")
        except StoreUnavailable as error:
            raise CommandError(
                f"The database does not take it ({error}). {does} so far: {rotation.rotated}. "
                "Run the command again. It leaves alone what is done."
            ) from error
        self.stdout.write(f"{does}: {rotation.rotated}")
        if rotation.lost:
            raise CommandError(f"No key in ENCRYPTION_KEYS opens {rotation.lost} values. Put their key back.")

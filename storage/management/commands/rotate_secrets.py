"""Encrypt stored secrets again with the newest key, so that you can remove older keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from stateful_oauth.storage import encryption
from stateful_oauth.storage.sealed_values import COLUMNS

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    """`manage.py rotate_secrets`: run it after putting a new key first in `ENCRYPTION_KEYS`."""

    help = "Encrypt stored secrets again, with the first key of ENCRYPTION_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take `--dry-run`."""
        parser.add_argument("--dry-run", action="store_true", help="Only count.")

    def handle(self, *args: Any, dry_run: bool = False, **options: Any) -> None:  # noqa: ARG002 - Django's own
        """Rotate, and fail if no key opens a value: its key is still needed."""
        rotated = lost = 0
        for model, column in COLUMNS:
            kept = model._default_manager.filter(**{f"{column}__gt": ""})  # noqa: SLF001 - public in Django
            for key, sealed in kept.values_list("pk", column).iterator():
                try:
                    renewed = encryption.rotate(sealed)
                except encryption.UndecryptableError:
                    lost += 1
                    continue
                # Only if the value is unchanged: another writer has used the newest key anyway.
                unchanged = model._default_manager.filter(pk=key, **{column: sealed})  # noqa: SLF001 - as above
                rotated += 1 if dry_run else unchanged.update(**{column: renewed})
        self.stdout.write(f"{'to rotate' if dry_run else 'rotated'}: {rotated}")
        if lost:
            raise CommandError(f"No key in ENCRYPTION_KEYS opens {lost} values. Put their key back.")

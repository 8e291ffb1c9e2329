"""Encrypt what is kept under older keys again under the newest one, so that older keys can be retired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from stateful_oauth.storage import encryption
from stateful_oauth.storage.sealed_values import COLUMNS

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    """`manage.py rotate_secrets`: run it after putting a new key first in `ENCRYPTION_KEYS`."""

    help = "Encrypt kept secrets again under the first key of ENCRYPTION_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take `--dry-run`."""
        parser.add_argument("--dry-run", action="store_true", help="Count only.")

    def handle(self, *args: Any, dry_run: bool = False, **options: Any) -> None:  # noqa: ARG002 - Django's own
        """Rotate, and fail when a value could not be opened: its key is still needed."""
        rotated = lost = 0
        for model, column in COLUMNS:
            kept = model._default_manager.filter(**{f"{column}__gt": ""})  # noqa: SLF001 - public in Django
            for key, sealed in kept.values_list("pk", column).iterator():
                try:
                    renewed = encryption.rotate(sealed)
                except encryption.UndecryptableError:
                    lost += 1
                    continue
                # Only if nobody changed it meanwhile: who did has used the newest key anyway.
                unchanged = model._default_manager.filter(pk=key, **{column: sealed})  # noqa: SLF001 - as above
                rotated += 1 if dry_run else unchanged.update(**{column: renewed})
        self.stdout.write(f"{'to rotate' if dry_run else 'rotated'}: {rotated}")
        if lost:
            raise CommandError(f"{lost} values open under no key of ENCRYPTION_KEYS: put their key back.")

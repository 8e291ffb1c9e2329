"""What a system check says."""

from __future__ import annotations

from django.core.checks import Error


def complaint(number: str, message: str, hint: str) -> Error:
    """Return an error with the package's id."""
    return Error(message, hint=hint, id=f"stateful_oauth.{number}")

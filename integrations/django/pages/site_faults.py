"""Errors that the site's developers or operators have to mend: how they learn of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.conf import settings

from stateful_oauth.django.documentation import documentation
from stateful_oauth.flows.error_codes import ERROR_CODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stateful_oauth.flows.engine.transaction import Transaction, TransitionLog

logger = logging.getLogger("stateful_oauth.faults")

SITE_FAULTS: Final = frozenset(code for code, known in ERROR_CODES.items() if known.is_site_fault)


@dataclass(frozen=True, slots=True)
class ForDevelopers:
    """What an error page adds with `DEBUG`.

    Attributes:
        command: What to run for more, or an empty string.
        page: The URL of the code's documentation.
    """

    meaning: str
    remedy: str
    command: str
    page: str


def for_developers(code: str, reference: object = None) -> ForDevelopers | None:
    """Return what a developer needs to know of an error, or None without `DEBUG`.

    Args:
        reference: The transaction's id, if there is one.
    """
    if not settings.DEBUG:
        return None
    known = ERROR_CODES.get(code, ERROR_CODES["internal_error"])
    command = f"flow_show {reference}" if reference is not None else ""
    if code == "database_not_migrated":
        command = "migrate"
    elif code in SITE_FAULTS:
        command = "flows_doctor"
    command = command and f"python manage.py {command}"
    return ForDevelopers(known.meaning, known.operator, command, documentation("error-codes", code))


def log_faults(transaction: Transaction, lines: Sequence[TransitionLog]) -> None:
    """Log each fault of the site in lines of a transaction's log as an error, with the code's remedy."""
    for line in lines:
        if line.code in SITE_FAULTS:
            known = ERROR_CODES[line.code]
            logger.error(
                "transaction %s: %s. %s What to do: %s",
                transaction.id,
                line.code,
                known.meaning,
                known.operator,
            )

"""One line of the contract of error codes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One line of the table.

    Attributes:
        meaning: For developers.
        status: HTTP status of the page.
        user: What the user is told, as complete sentences. The Django integration translates it.
        operator: What the operator does about it.
        is_site_fault: Whether the site's developers or operators have to mend it: it is logged as an error.
    """

    meaning: str
    status: int
    user: str
    operator: str
    is_site_fault: bool = False

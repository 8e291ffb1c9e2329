"""What a transition means beyond its own row. The store writes domain events in the settle transaction.

A new domain event is a value, a subclass of `DomainEvent`, and a handler in `storage/domain_events.py`.
"""

from __future__ import annotations

from typing import ClassVar


class DomainEvent:
    """Base class of domain events.

    Attributes:
        about: What is kept of it, in the plural; the overview of all flows draws one line for each.
    """

    __slots__ = ()

    about: ClassVar[str]

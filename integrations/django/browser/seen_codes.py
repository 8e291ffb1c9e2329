"""What became of authorization codes: one that was shown is never sent, one that was sent is not sent again.

Browser swapping (RFC 9700 §4.7): the attacker starts, and the victim completes. Where the victim's browser
brings the attempt's `state`, that ends the attempt (`flows/engine/engine.py`). Without pushed requests the
attacker can change the `state`, or the response mode, on the way to the provider: then a code comes, and
nothing says whose. So the code itself is remembered, as a keyed digest, in Django's default cache.

A provider that gets a code twice revokes what it bought (RFC 6749 §4.1.2). The row of an attempt sends its
code once. A code may come again under the `state` of another attempt, or of a row that a database has
forgotten to have sent it, after a failover say. So a code is remembered there before it is sent, too.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from django.core.cache import cache

from stateful_oauth.django.conf import conf
from stateful_oauth.django.keyed_digests import keyed_digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stateful_oauth.flows.engine.secret import Secret

logger = logging.getLogger("stateful_oauth.browser")

_SALT: Final = "stateful_oauth.seen_code"
_SHOWN: Final = 1  # what the cache keeps of a code
_SENT: Final = 2
_SENT_LIFETIME: Final = 2 * 60 * 60  # seconds; providers' codes live for minutes
_MOST: Final = 2  # codes of one request that are remembered
_LONGEST: Final = 2048  # characters, as for every code


class SiteCodeMemory:
    """Remembers the codes that were sent, for all tenants and processes that share the cache."""

    def may_send(self, code: Secret) -> bool:
        """Return whether a code was neither sent nor shown before, and remember that it is sent now.

        Of several callers at once, one gets True. A cache that fails is logged, and fails no sign-in.
        """
        try:
            return bool(cache.add(_key(code), _SENT, timeout=_SENT_LIFETIME))
        except Exception as error:  # noqa: BLE001 - whatever the client of the project's cache raises
            logger.warning("a code that is sent could not be remembered: %s", type(error).__name__)
            return True


def remember_codes(codes: Iterable[Secret]) -> None:
    """Remember codes for as long as an attempt may live.

    A cache that fails is logged, and fails no request.
    """
    keys = [_key(code) for code in codes if 0 < len(code.reveal()) <= _LONGEST][:_MOST]
    try:
        for key in keys:
            # One that was sent is over already, and its own browser may come back with it.
            cache.add(key, _SHOWN, timeout=conf.attempt_lifetime)
    except Exception as error:  # noqa: BLE001 - whatever the client of the project's cache raises
        logger.warning("a code that was seen could not be remembered: %s", type(error).__name__)


def was_seen(code: Secret | None) -> bool:
    """Whether a browser has shown this code to its user before. A cache that fails knows none."""
    if code is None:
        return False
    try:
        return bool(cache.get(_key(code)) == _SHOWN)
    except Exception as error:  # noqa: BLE001 - as above
        logger.warning("whether a code was seen could not be read: %s", type(error).__name__)
        return False


def _key(code: Secret) -> str:
    return f"{_SALT}.{keyed_digest(_SALT, code).hex()}"

"""The grant types of /oauth/token: one module each, with ``GRANT_TYPE`` and ``exchange``.

A new grant type arrives as a new module in this folder; nothing else has to be touched.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.state import TenantState

    Exchange = Callable[[TenantState, Client, Mapping[str, str]], dict[str, Any]]


@cache
def handlers() -> Mapping[str, Exchange]:
    """Return the exchanges by ``grant_type``; each gives the body of the 200, or raises a ``Refusal``."""
    modules = [
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    ]
    return {module.GRANT_TYPE: module.exchange for module in modules}

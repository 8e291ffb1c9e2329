"""Under which path the site is mounted, where a proxy strips it: `X-Forwarded-Prefix`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from django.urls import set_script_prefix

from stateful_oauth.django.conf import conf

if TYPE_CHECKING:
    from django.http import HttpRequest

_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~-]{1,64}){1,8}")


def take_forwarded_prefix(request: HttpRequest) -> None:
    """Have every URL of this request stay under the path that the proxy has stripped, if a setting trusts it.

    Without such a proxy, any client could write the header: then leave `TRUST_X_FORWARDED_PREFIX` off.
    """
    if not conf.trust_x_forwarded_prefix:
        return
    prefix = request.META.get("HTTP_X_FORWARDED_PREFIX", "").rpartition(",")[2].strip().rstrip("/")
    if _PREFIX.fullmatch(prefix) and not request.path.startswith(f"{prefix}/"):
        request.META["SCRIPT_NAME"] = prefix
        request.path = prefix + request.path_info
        set_script_prefix(f"{prefix}/")

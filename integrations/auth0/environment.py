"""What the process's environment says about proxies and trusted certificates, read once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.request import getproxies_environment

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from stateful_oauth.auth0.urls import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from collections.abc import Mapping

_CA_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Environment:
    """A snapshot.

    Attributes:
        ca_bundle: File or folder of trusted certificates: one of REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and
            SSL_CERT_FILE, or else certifi's.
        proxies: By scheme, and `all` and `no`, from the `…_proxy` variables. Their URLs may carry passwords.
    """

    ca_bundle: str
    proxies: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Environment(ca_bundle={self.ca_bundle!r}, proxies=[{', '.join(sorted(self.proxies))}])"

    @classmethod
    def read(cls) -> Environment:
        """Read it."""
        named = next(filter(None, map(os.environ.get, _CA_VARIABLES)), None)
        return cls(named or DEFAULT_CA_BUNDLE_PATH, getproxies_environment())

    def proxy_for(self, scheme: str, host: str) -> str:
        """Return the proxy's URL, or an empty text. No proxy can reach this machine's loopback."""
        if host in LOOPBACK_HOSTS or self._is_exempt(host):
            return ""
        return self.proxies.get(scheme) or self.proxies.get("all") or ""

    def _is_exempt(self, host: str) -> bool:
        for entry in self.proxies.get("no", "").split(","):
            domain = entry.strip().lower().lstrip(".")
            if domain == "*" or (domain and f".{host}".endswith(f".{domain}")):
                return True
        return False

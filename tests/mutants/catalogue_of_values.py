"""Mutants of what comes from outside, and of what must not be shown: see `catalogue`."""

from __future__ import annotations

from catalogue import Mutant

SECRET = ("tests/flows/test_secret.py",)
CHECKS = ("tests/django/test_checks.py",)

MUTANTS = (
    # Secrets and personal data.
    Mutant("a secret can be pickled", "flows/engine/secret.py",
           "    def __reduce_ex__(self, protocol: object) -> NoReturn:\n        self.__getstate__()\n",
           "    def __reduce_ex__(self, protocol: object) -> tuple[type[Secret], tuple[str]]:\n"
           "        return Secret, (self._value,)\n", SECRET),
    Mutant("the repr of an identity shows its claims", "flows/oauth/openid.py",
           "claims={names_only(self.claims)}", "claims={self.claims}", SECRET),
    Mutant("a deployed site may be for development", "integrations/django/checks.py",
           '    if values.get("ALLOW_INSECURE_HTTP_ON_LOOPBACK"):', "    if False:", CHECKS),
    Mutant("a deployed site may have a provider of the tests", "integrations/django/checks.py",
           '    if values.get("TRANSPORT_ADAPTER") is not None:', "    if False:", CHECKS),
)  # fmt: skip

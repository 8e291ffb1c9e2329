# ruff: noqa: INP001 - a script beside the documents, not a package
"""Write docs/conformance.md: the OpenID Foundation's tests for relying parties, by name, and what we do.

The lists are those of the suite's test plans for the code flow. A test of tests/proofs/conformance does to the
emulator what the suite does to its provider.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = Path(__file__).with_name("conformance.md")
TESTS: Final = ROOT / "tests" / "proofs" / "conformance" / "test_relying_party.py"
BASIC: Final[dict[str, str]] = {
    "oidcc-client-test": "the user is signed in; UserInfo is called where it is used",
    "oidcc-client-test-invalid-iss": "an ID token of another issuer is refused",
    "oidcc-client-test-missing-sub": "an ID token without `sub` is refused",
    "oidcc-client-test-invalid-aud": "an ID token for another client is refused",
    "oidcc-client-test-missing-iat": "an ID token without `iat` is refused",
    "oidcc-client-test-kid-absent-single-jwks": "a token without `kid` is verified with the only key",
    "oidcc-client-test-kid-absent-multiple-jwks": "a token without `kid` is refused, or verified with one of the keys",
    "oidcc-client-test-idtoken-sig-rs256": "an ID token that is signed with RS256 is accepted",
    "oidcc-client-test-idtoken-sig-none": "an unsigned ID token is refused, or accepted where that was agreed on",
    "oidcc-client-test-invalid-sig-rs256": "an ID token with a wrong signature is refused",
    "oidcc-client-test-userinfo-invalid-sub": "UserInfo about another user is refused",
    "oidcc-client-test-nonce-invalid": "an ID token with another nonce is refused",
    "oidcc-client-test-scope-userinfo-claims": "claims that a scope asks for come from UserInfo",
    "oidcc-client-test-client-secret-basic": "the client proves itself by client_secret_basic",
}
CONFIG: Final[dict[str, str]] = {
    "oidcc-client-test-discovery-openid-config": "the discovery document is read, and its endpoints are used",
    "oidcc-client-test-discovery-jwks-uri-keys": "the keys of `jwks_uri` verify the ID token",
    "oidcc-client-test-discovery-issuer-mismatch": "a discovery document of another issuer is refused",
    "oidcc-client-test-idtoken-sig-none": BASIC["oidcc-client-test-idtoken-sig-none"],
    "oidcc-client-test-signing-key-rotation-just-before-signing": "a key that is new in this moment is fetched",
    "oidcc-client-test-signing-key-rotation": "after a rotation, the next sign-in works",
}
FORM_POST: Final = BASIC
BACK_CHANNEL: Final[dict[str, str]] = {
    "oidcc-client-test-rp-backchannel-rpinitlogout": "a logout token ends the session, and is answered with 200",
    "oidcc-client-test-rp-backchannel-rpinitlogout-alg-none": "an unsigned logout token is refused with 400",
    "oidcc-client-test-rp-backchannel-rpinitlogout-no-event": "a logout token without `events` is refused",
    "oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce": "a logout token with a nonce is refused",
    "oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg": "a logout token of another algorithm is refused",
    "oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud": "a logout token for another client is refused",
    "oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event": "a logout token of another event is refused",
    "oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss": "a logout token of another issuer is refused",
}
RP_INITIATED: Final[dict[str, str]] = {
    "oidcc-client-test-rp-init-logout": "the browser goes to the provider, and comes back with the same `state`",
    "oidcc-client-test-rp-init-logout-other-state": "another `state` that comes back is noticed",
    "oidcc-client-test-rp-init-logout-no-state": "a missing `state` is noticed",
}
PLANS: Final[dict[str, dict[str, str]]] = {
    "Basic": BASIC,
    "Config": CONFIG,
    "Form Post": FORM_POST,
    "Back-Channel Logout": BACK_CHANNEL,
    "RP-Initiated Logout": RP_INITIATED,
}
EXPECTED: Final = {name: text for plan in PLANS.values() for name, text in plan.items()}

_HEAD: Final = """# The OpenID Foundation's tests, by name

The conformance suite of the OpenID Foundation has tests for relying parties. Each test of the plans below has a test of our
own, against the emulator with the same flaw. The suite itself was not run, and the package is not certified.

Form Post runs the tests of Basic with `RESPONSE_MODE = "form_post"`. The tests of the logout plans use back-channel logout, and
`LOGOUT_STATE`. The profile is `PROVIDER = "generic"`.
"""


def page() -> str:
    """Return the page."""
    found = _tests()
    lines = [_HEAD]
    for plan, names in PLANS.items():
        lines += [
            f"## {plan}",
            "",
            "| test of the suite | what it expects | our test |",
            "| --- | --- | --- |",
        ]
        lines += [f"| `{name}` | {text} | `{found.get(name, 'none')}` |" for name, text in names.items()]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _tests() -> dict[str, str]:
    """Return our test of each name: those that `suite("…")` marks."""
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(TESTS.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                for call in ast.walk(decorator):
                    if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "suite":
                        (name,) = [each.value for each in call.args if isinstance(each, ast.Constant)]
                        found[str(name)] = node.name
    return found


if __name__ == "__main__":
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        sys.exit(f"{PAGE.name} is not the code's own: run make docs.")

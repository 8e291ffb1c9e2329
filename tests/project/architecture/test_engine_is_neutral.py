"""The engine moves transactions of any flow: nothing in it names OAuth, an account or Auth0."""

from __future__ import annotations

import re
import tokenize
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# `state` and its digest stay: the parameter is how a row is found again.
WORDS = re.compile(
    r"oauth|openid|oidc|auth0|provider|tokens?(?![a-z])|accounts?(?![a-z])|identit(?:y|ies)|nonce|pkce|verifier|grants?(?![a-z])"
    r"|sign[_ -]?in|signed[_ -]?in|sign[_ -]?out|login|consent|linking|jwt|tenant_url",
    re.IGNORECASE,
)
# The package's own name, its logger, and the standard library's modules.
NEUTRAL = re.compile(r"stateful_oauth|import secrets|token_bytes|randbits", re.IGNORECASE)


def named(path: Path) -> Iterator[str]:
    """Names, texts and comments of a file that say what the engine must not know."""
    with path.open("rb") as source:
        for each in tokenize.tokenize(source.readline):
            if each.type in (tokenize.NAME, tokenize.STRING, tokenize.COMMENT):
                for word in WORDS.findall(NEUTRAL.sub("", each.string)):
                    yield f"{path.name}:{each.start[0]}: {word}"


def test_the_engine_names_nothing_of_the_protocol(pytestconfig: pytest.Config) -> None:
    engine = pytestconfig.rootpath / "flows" / "engine"
    files = sorted(engine.glob("*.py"))
    assert len(files) > 10
    assert [each for file in files for each in named(file)] == []


@pytest.mark.parametrize("text", ["provider = 1", "# an access token", 'say("sign in")', "def grant(): ..."])
def test_a_word_of_the_protocol_is_noticed(text: str, tmp_path: Path) -> None:
    (tmp_path / "it.py").write_text(text + "\n")
    assert list(named(tmp_path / "it.py"))

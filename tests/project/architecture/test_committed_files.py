"""What is committed names neither a package registry nor a machine."""

from __future__ import annotations

import re
from pathlib import Path

# In pieces, so that this file does not name them either.
HOSTS = [".".join(parts) for parts in [("pypi", "org"), ("python" + "hosted", "org"), ("npm" + "js", "org")]]
HOMES = [f"/{folder}/" for folder in ("root", "home", "Users")]
HOMES += [f"/{'work'}/{name}" for name in ("main", "shared")]
FORBIDDEN = re.compile("|".join([*map(re.escape, HOSTS), *(rf"(?<![\w.:}}\])]){home}" for home in HOMES)]))
PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+( ; .+)?")


def test_no_file_names_a_registry_or_a_machine(committed: list[Path], root: Path) -> None:
    found = {
        f"{path}:{number}": match.group()
        for path in committed
        if (root / path).is_file()  # somebody may be working in the checkout
        for number, line in enumerate((root / path).read_text(errors="replace").splitlines(), 1)
        if (match := FORBIDDEN.search(line))
    }
    assert found == {}


def test_the_constraints_are_plain_pins(root: Path) -> None:
    lines = (root / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#") and not PIN.fullmatch(line)] == []


def test_no_lock_file_is_committed(committed: list[Path]) -> None:
    """A lock file records where packages were downloaded from."""
    assert [
        str(path) for path in committed if path.name.endswith((".lock", "lock.json", "pylock.toml"))
    ] == []

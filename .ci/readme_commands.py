"""Run the README's `make` commands: those lines of its fenced blocks of shell that begin with `make`.

A command that serves until it is interrupted (`make demo`) is asked to stop: it gets DEMO_ARGS=--smoke.
A README that lacks one of the required commands fails.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
REQUIRED = {"make demo", "make test"}
SERVES = {"make demo": "make demo DEMO_ARGS=--smoke"}


def commands(text: str) -> list[str]:
    """Return the commands, with continued lines joined, without comments."""
    joined = [
        line.strip() for block in BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()
    ]
    return [re.sub(r"\s+#.*", "", line) for line in joined if line.startswith("make ")]


def main() -> int:
    """Run what has not run yet; stop at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ran", action="append", default=[], help="a command that need not run again")
    ran = parser.parse_args().ran
    found = commands(README.read_text(encoding="utf-8"))
    if missing := REQUIRED - set(found):
        print(f"README.md has no block of shell with: {', '.join(sorted(missing))}", file=sys.stderr)
        return 1
    for command in found:
        if command in ran:
            continue
        line = SERVES.get(command, command)
        print(f"$ {line}", flush=True)
        code = subprocess.run(line, shell=True, cwd=README.parent, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Sign in at providers that were not written here, and print what works as a table.

`make test-providers` installs them below build/providers and runs this. Ends with 1 when a cell fails, or, with
`--all`, when Node is missing. `--write` writes the table into docs/providers-run.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = "docs/providers-run.md"
BEGINS = "<!-- What follows is written by `make test-providers PROVIDERS_ARGS=--write`. -->\n"


def main() -> int:
    """Run, and return the exit status."""
    arguments = _arguments()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.support.testsite.settings")
    import django

    django.setup()
    from django.core.management import call_command

    from tests.proofs.providers.cells import CELLS, run_variant
    from tests.proofs.providers.variants import VARIANTS

    call_command("migrate", verbosity=0)
    chosen = [each for each in VARIANTS if arguments.only in f"{each.provider} {each.name}"]
    missing = [each for each in chosen if each.server.endswith(".mjs")] if not shutil.which("node") else []
    rows, failures = [], 0
    for variant in chosen:
        if variant in missing:
            continue
        with tempfile.TemporaryDirectory() as folder:
            results = run_variant(variant, Path(folder))
        failures += sum(text.startswith("FAILED") for text in results.values())
        rows.append([f"{variant.provider}: {variant.name}", *(results[cell] for cell in CELLS)])
        print(f"{variant.provider}: {variant.name}", flush=True)
        for cell in CELLS:
            print(f"    {cell}: {results[cell]}", flush=True)
    if missing:
        print(f"Node is not installed: {len(missing)} variants were not tried.")
    if arguments.write and not missing and not failures:
        _write(["provider", *CELLS], rows)
    return 1 if failures or (missing and arguments.all) else 0


def _write(head: list[str], rows: list[list[str]]) -> None:
    page = Path(PAGE)
    before = page.read_text(encoding="utf-8").partition(BEGINS)[0]
    lines = [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)]
    page.write_text(before + BEGINS + "\n" + "\n".join([*lines, "", _versions(), ""]), encoding="utf-8")


def _versions() -> str:
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"Seen with Python {sys.version.split()[0]} and Node {node}."


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of the name of provider and variant")
    parser.add_argument("--all", action="store_true", help="fail where Node is missing")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

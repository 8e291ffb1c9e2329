"""Build the site: `python -m docs.site.build`, or `make site`.

The source is written anew into build/site-source: pages of the checkout with their links turned, and pages
read from the code. Files that did not change keep their time, so that a second build takes a second.
"""

from __future__ import annotations

import shutil
import sys

import django
from sphinx.cmd.build import main as sphinx

from docs.site import layout

SOURCE = layout.ROOT / "build" / "site-source"
SITE = layout.ROOT / "build" / "site"


def source() -> dict[str, bytes]:
    """Return all files of the site's source, by path."""
    django.setup()
    from docs.site import api, surfaces  # noqa: PLC0415 - they read models

    known, base = layout.files(), layout.base_url()
    found: dict[str, bytes] = {}
    for name, target in known.items():
        content = (layout.ROOT / name).read_bytes()
        if target.endswith(".md"):
            text = layout.rewritten(content.decode(), source=name, target=target, known=known, base=base)
            content = text.encode()
        found[target] = content
    found |= {path: text.encode() for path, text in {**api.pages(), **surfaces.pages()}.items()}
    found["index.md"] = layout.with_all_pages(found["index.md"].decode(), found).encode()
    return found


def write(files: dict[str, bytes]) -> None:
    """Make the source folder hold these files and no others."""
    for path in sorted(SOURCE.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(SOURCE).as_posix() not in files:
            path.unlink()
    for name, content in files.items():
        path = SOURCE / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def main() -> int:
    """Build; return Sphinx's exit status. A warning is an error, and so is a link that leads nowhere."""
    write(source())
    shutil.rmtree(SITE, ignore_errors=True)
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--conf-dir", str(layout.ROOT / "docs/site")]
    status: int = sphinx([*options, "-d", str(SOURCE.parent / "site-doctrees"), str(SOURCE), str(SITE)])
    # Under the same URL as long as the name stays: the README shows one of them.
    shutil.copytree(layout.ROOT / "docs/pictures", SITE / "pictures", dirs_exist_ok=True)
    if not status:
        sys.stdout.write(f"{SITE.relative_to(layout.ROOT)}/index.html\n")
    return status


if __name__ == "__main__":
    sys.exit(main())

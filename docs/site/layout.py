"""Where each file of the checkout stands in the site, and what its links become there.

In the checkout, links are relative paths. The README, and what the code prints, name pages by their URL on
the site.
"""

from __future__ import annotations

import os
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT: Final = Path(__file__).resolve().parents[2]

# Pages at the top of the checkout, and their names in the site. The README is no page: it leads to the site.
TOP: Final = {
    "README.md": "index.md",
    "SECURITY.md": "security.md",
    "THREAT_MODEL.md": "threat-model.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "RELEASING.md": "releasing.md",
}
NOT_PAGES: Final = frozenset({"docs/README.md"})

# A fence, or a link: its text, path and fragment. Fences are matched so that links in them are left alone.
_FENCE_OR_LINK: Final = re.compile(
    r"^(?P<indent> *)```.*?^(?P=indent)```"
    r"|(?P<image>!?)\[(?P<text>[^\]]*)\]\(<?(?P<path>[^)#>\s]*)(?P<fragment>#[^)>\s]*)?>?\)",
    re.MULTILINE | re.DOTALL,
)


def base_url() -> str:
    """Return the URL of the site, with a slash at its end: `Documentation` of `[project.urls]`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    url: str = project["urls"]["Documentation"]
    return url


def files() -> dict[str, str]:
    """Return each file that the site shows, by its path in the checkout: its path in the site's source."""
    found = {name: target for name, target in TOP.items() if name != "README.md"}
    docs = ROOT / "docs"
    for path in sorted([*docs.rglob("*.md"), *docs.rglob("*.svg"), *docs.rglob("*.png")]):
        name = path.relative_to(ROOT).as_posix()
        if name not in NOT_PAGES and not name.startswith(("docs/site/", "docs/examples/")):
            found[name] = path.relative_to(docs).as_posix()
    for path in sorted([*(ROOT / "diagrams").glob("*.md"), *(ROOT / "diagrams").glob("*.svg")]):
        found[f"diagrams/{path.name}"] = f"flows/{path.name}"
    return found


def lists(index: str) -> list[str]:
    """Return the entries of all lists of docs/index.md."""
    found = re.findall(r"```\{toctree\}\n(.*?)```", index, re.DOTALL)
    return [line for each in found for line in each.splitlines() if line and not line.startswith(":")]


def with_all_pages(index: str, pages: Iterable[str]) -> str:
    """Return docs/index.md with each page that no list has in that of the guides."""
    entries = lists(index)
    names = [page.removesuffix(".md") for page in pages if page.endswith(".md") and page != "index.md"]
    more = [name for name in sorted(names) if not any(fnmatch(name, entry) for entry in entries)]
    return index.replace("\nhow-to/*\n", "\n" + "\n".join(["how-to/*", *more]) + "\n")


def rewritten(text: str, *, source: str, target: str, known: dict[str, str], base: str) -> str:
    """Return a page with its links as they lead within the site.

    A link to a page of the checkout, or to the page's URL on the site, becomes a relative link. Of a link to
    any other file, which the site does not have, the text stays.

    Args:
        source: The page's path in the checkout.
        target: Its path in the site's source.
        known: `files()`.
        base: `base_url()`.
    """
    here = Path(source).parent.as_posix()
    there = Path(target).parent.as_posix()
    sites = {**known, "README.md": "index.md"}

    def link(match: re.Match[str]) -> str:
        path, fragment = match["path"], match["fragment"] or ""
        if path is None or (not path and fragment):
            return match[0]
        if path.startswith(base):
            page = path.removeprefix(base) or "index.html"
            found = page.removesuffix(".html") + ".md" if page.endswith(".html") else page
        elif re.match(r"[a-z][a-z+.-]*:", path):
            return match[0]
        else:
            found = sites.get(os.path.normpath(f"{here}/{path}"), "")
            if not found:
                return match["text"]
        return f"{match['image']}[{match['text']}](<{os.path.relpath(found, there)}{fragment}>)"

    return _FENCE_OR_LINK.sub(link, text)

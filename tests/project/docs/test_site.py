"""The site has every page, and what names a URL on it, or a thing that it documents, is right."""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatch

import pytest

from docs.site import api, layout, surfaces
from stateful_oauth.django.conf import SITE_DEFAULTS, TENANT_DEFAULTS
from stateful_oauth.django.documentation import documentation
from stateful_oauth.flows.error_codes import ERROR_CODES
from tests.support.checkout import ROOT

FILES = layout.files()
BASE = layout.base_url()
GENERATED = {**api.pages(), **surfaces.pages()}
PAGES = {*FILES.values(), *GENERATED}
INDEX = (ROOT / "docs/index.md").read_text(encoding="utf-8")
URL = re.compile(re.escape(BASE) + r"([\w./-]*)(#[\w-]+)?")


def text_of(page: str) -> str:
    if page in GENERATED:
        return GENERATED[page]
    (source,) = [name for name, target in FILES.items() if target == page]
    return (ROOT / source).read_text(encoding="utf-8")


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#{1,4} (.+)$", text_of(page), re.MULTILINE)
    named = set(re.findall(r'<a id="([^"]+)"', text_of(page)))
    return named | {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def dead(text: str) -> list[str]:
    """Return the URLs on the site that a text names, and that lead to no page, or to no heading of one."""
    found = []
    for path, fragment in URL.findall(text):
        page = (path.rstrip(".") or "index.html").removesuffix(".html") + ".md"
        known = page in PAGES or path in FILES.values()
        if not known or (fragment and fragment[1:] not in anchors(page)):
            found.append(path + fragment)
    return found


def test_every_page_is_in_one_list_of_the_index():
    entries = layout.lists(layout.with_all_pages(INDEX, PAGES))
    names = [page.removesuffix(".md") for page in sorted(PAGES - {"index.md"}) if page.endswith(".md")]
    wrong = [name for name in names if sum(fnmatch(name, each) for each in entries) != 1]
    assert not wrong, f"Add {wrong} to one list of docs/index.md."


def test_a_page_that_no_list_has_is_a_guide():
    index = layout.with_all_pages(INDEX, ["something-new.md", "settings.md", "how-to/troubleshoot.md"])
    guides = index.partition(":caption: How-to guides")[2].partition("```")[0]
    assert guides.rstrip().endswith("how-to/*\nsomething-new")


def test_urls_on_the_site_lead_to_a_page():
    sources = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "integrations").rglob("*.py")]
    found = {path.name: dead(path.read_text(encoding="utf-8")) for path in sources}
    assert not {name: urls for name, urls in found.items() if urls}


def test_links_of_the_readme_work_on_a_package_index():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    relative = [link for link in re.findall(r"\]\(([^)]+)\)", readme) if not link.startswith("https://")]
    assert not relative, f"Name the page by its URL, {BASE}…: {relative}"


def test_the_readmes_first_screen_says_what_starts_it():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    settings = readme.partition("```python\n")[2].partition("```")[0]
    lines = [line for line in settings.splitlines() if line and not line.startswith("#")]
    assert len(lines) <= 10
    assert f"]({BASE}pictures/" in readme.partition("\n## ")[0]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("settings.html", 0),
        ("settings.html#system-checks", 0),
        ("settings.html#no-such-heading", 1),
        ("no-such-page.html", 1),
        ("reference/commands.html#flow_show", 0),
        ("", 0),
    ],
)
def test_a_url_that_leads_nowhere_is_noticed(url, found):
    assert len(dead(f"See {BASE}{url}.")) == found


def calls_of_documentation():
    """Yield file and arguments of each call in the package whose arguments are literals."""
    for path in (ROOT / "integrations").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "documentation"
            if called and all(isinstance(each, ast.Constant) for each in node.args):
                yield path.name, [each.value for each in node.args]


def test_pages_that_the_code_names_are_on_the_site():
    calls = [*calls_of_documentation()]
    assert len(calls) > 10
    for name, arguments in calls:
        url = documentation(*arguments)
        assert url.startswith(BASE), f"Run `make .venv/.dev`: the installed package does not know {BASE}."
        assert not dead(url), f"{name}: {url}"


def test_no_text_of_the_package_names_a_file_of_the_checkout():
    """A project has the wheel alone. Docstrings and comments are for who reads the checkout."""
    found = []
    for path in [*(ROOT / "integrations/django").rglob("*.py"), *(ROOT / "storage").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found += [
            f"{path.name}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and id(node) not in docstrings
            and re.search(r"docs/[a-z-]+\.md", str(node.value))
        ]
    assert not found, f"Use documentation(): {found}"


def test_each_error_code_has_an_anchor_of_its_own():
    assert set(ERROR_CODES) <= anchors("error-codes.md")


@pytest.mark.parametrize(
    ("link", "becomes"),
    [
        ("[s](settings.md#x)", "[s](<settings.md#x>)"),
        ("[s](../SECURITY.md)", "[s](<security.md>)"),
        ("[s](../diagrams/login.md)", "[s](<flows/login.md>)"),
        ("[s](../README.md)", "[s](<index.md>)"),
        ("[`p`](../flows/account_linking/policy.py)", "`p`"),
        (f"[s]({BASE}error-codes.html#x)", "[s](<error-codes.md#x>)"),
        ("[s](https://example.com/a#b)", "[s](https://example.com/a#b)"),
        ("[s](#here)", "[s](#here)"),
        ("```md\n[s](../SECURITY.md)\n```", "```md\n[s](../SECURITY.md)\n```"),
    ],
)
def test_links_of_the_checkout_become_links_of_the_site(link, becomes):
    known = {"docs/settings.md": "settings.md", **FILES}
    assert layout.rewritten(link, source="docs/some.md", target="some.md", known=known, base=BASE) == becomes


def test_codes_that_the_guides_name_exist():
    guide = (ROOT / "docs/how-to/troubleshoot.md").read_text(encoding="utf-8")
    table = guide.partition("## Some codes")[2]
    codes = {code for row in table.splitlines() for code in re.findall(r"`(\w+)`", row.partition(" | ")[0])}
    assert codes
    assert codes <= set(ERROR_CODES)


def test_each_thing_that_a_project_uses_is_on_its_page():
    expected = {
        "settings.md": {*SITE_DEFAULTS, *TENANT_DEFAULTS},
        "error-codes.md": set(ERROR_CODES),
        "reference/commands.md": set(surfaces.command_names()),
        "reference/signals.md": set(surfaces.signal_names()),
        "reference/metrics.md": {name for name, *_ in surfaces.instruments()},
        "reference/templates.md": set(surfaces.template_names()),
    }
    for page, names in expected.items():
        assert names
        missing = [name for name in sorted(names) if f"`{name}`" not in text_of(page)]
        assert not missing, f"{page} lacks {missing}"
    files = {path.stem for path in (ROOT / "integrations/django/management/commands").glob("[a-z]*.py")}
    assert set(surfaces.command_names()) == files

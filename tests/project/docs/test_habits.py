"""What CONTRIBUTING.md, RELEASING.md and the templates name is there, and the hooks do what they say."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.checkout import ROOT

CONFIGURATION = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
HOOKS = [hook for repository in CONFIGURATION["repos"] for hook in repository["hooks"]]
PAGES = [
    *("CONTRIBUTING.md", "RELEASING.md", ".github/pull_request_template.md"),
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.md")),
]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _load():
    spec = importlib.util.spec_from_file_location("commit_subject", ROOT / ".ci/commit_subject.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


commit_subject = _load()


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_files_of_a_page_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    commands = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE))
    assert commands <= TARGETS
    files = re.findall(r"`((?:\.ci|\.github|docs|flows|tests)/[\w./-]*)`", text)
    assert [name for name in files if not (ROOT / name).exists()] == []
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("template", [page for page in PAGES if "ISSUE_TEMPLATE" in page])
def test_an_issue_template_has_the_header_that_github_reads(template):
    _, header, body = (ROOT / template).read_text(encoding="utf-8").split("---\n", 2)
    assert {"name", "about"} <= set(yaml.safe_load(header))
    assert body.strip()


def test_pre_commit_takes_the_configuration():
    command = [sys.executable, "-m", "pre_commit", "validate-config", ".pre-commit-config.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hooks_before_a_commit_download_nothing():
    assert {repository["repo"] for repository in CONFIGURATION["repos"]} == {"local"}
    assert {hook["language"] for hook in HOOKS} == {"system"}


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
def test_a_hook_runs_a_tool_of_the_project(hook):
    command, *arguments = hook["entry"].split()
    if command == "make":
        assert set(arguments) <= TARGETS
        return
    tool = arguments[arguments.index("-m") + 1] if "-m" in arguments else None
    if tool is not None:
        assert importlib.util.find_spec(tool), hook["entry"]
    elif command.endswith("python"):
        assert (ROOT / arguments[0]).is_file()
    else:
        assert (Path(sys.executable).parent / Path(command).name).is_file()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Refuse a callback of another tenant\n", 0),
        ("Refuse a callback of another tenant\n\nIt was taken for a forged state.\n", 0),
        ("Refuse\n# Please enter the commit message\n", 0),
        ("Merge branch 'a-branch-with-a-name-that-is-very-long' of somewhere else into this one here\n", 0),
        ("x" * 72 + "\n", 1),
        ("R" * 73 + "\n", 1),
        ("Refuse a callback.\n", 1),
        ("Refuse a callback\nof another tenant\n", 1),
        ("\n", 1),
        ("", 1),
    ],
)
def test_a_commit_message_is_checked(tmp_path, message, expected):
    file = tmp_path / "COMMIT_EDITMSG"
    file.write_text(message)
    found = commit_subject.complaints(message)
    assert len(found) == expected, found
    command = [sys.executable, str(ROOT / ".ci/commit_subject.py"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == bool(expected)
    assert done.stderr.splitlines() == found

"""Check what would be released: `make release-check`. It takes the commit, not the files that lie around.

From a clean clone it builds twice, and compares the bytes; checks the metadata; installs the wheel into an
empty environment for each pair of Python and Django that this machine has; runs the demo and the tutorial
there; reads the rows that earlier definitions wrote; and writes a bill of materials. The results are in
build/release/.
"""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from distributions import build
from packaging.metadata import Metadata

ROOT = Path(__file__).resolve().parents[1]
RELEASE = ROOT / "build" / "release"
TUTORIAL = "tests/project/docs/test_tutorial.py"


def say(what: str) -> None:
    """Print the title of a step."""
    print(f"== {what}", flush=True)


def run(*command: str, cwd: Path = ROOT, quiet: bool = True, **variables: str) -> str:
    """Run a command; stop with its output if it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO_"))}
    done = subprocess.run(  # noqa: S603 - our own commands
        command,
        cwd=cwd,
        env=kept | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}")
    if not quiet:
        print(done.stdout.strip().splitlines()[-1], flush=True)
    return done.stdout


def clean_clone() -> Path:
    """Return a clone of the commit in this checkout."""
    shutil.rmtree(RELEASE, ignore_errors=True)
    RELEASE.mkdir(parents=True)
    run("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(RELEASE / "clone"))
    run("git", "checkout", "--quiet", run("git", "rev-parse", "HEAD").strip(), cwd=RELEASE / "clone")
    return RELEASE / "clone"


def built_twice(clone: Path) -> Path:
    """Build in two folders of different names, times and umasks; return the wheel.

    Exits when a file differs.
    """
    epoch = int(run("git", "log", "-1", "--format=%ct", cwd=clone))
    first, second = RELEASE / "dist", RELEASE / "again"
    builds = []
    for out, umask in ((first, 0o022), (second, 0o077)):
        before = os.umask(umask)
        tree = RELEASE / f"tree-of-{out.name}"
        run("git", "-C", str(clone), "worktree", "add", "--quiet", "--detach", str(tree))
        out.mkdir()
        builds.append(build(tree, out, epoch))
        os.umask(before)
    for one, other in zip(*builds, strict=True):
        if one.read_bytes() != other.read_bytes():
            sys.exit(f"{one.name} is not reproducible: compare {one} and {other}.")
        print(f"the same bytes twice: {one.name}, {one.stat().st_size} bytes")
    return builds[0][1]


def check_metadata(wheel: Path) -> None:
    """Check what an index would show, and that README, changelog and version belong together."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        metadata = Metadata.from_email(archive.read(name), validate=True)
    version = str(metadata.version)
    problems = [
        ("no documentation URL", "Documentation" not in (metadata.project_urls or {})),
        ("no licence expression", not metadata.license_expression),
        ("the README is no Markdown", metadata.description_content_type != "text/markdown"),
        (
            "the README has relative links",
            re.search(r"\]\((?!https://)", metadata.description or "") is not None,
        ),
        ("the changelog is not about this version", not _in_changelog(version)),
    ]
    if found := [text for text, is_so in problems if is_so]:
        sys.exit("; ".join(found))
    print(f"{metadata.name} {version}, Python {metadata.requires_python}")


def _in_changelog(version: str) -> bool:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return "## Unreleased" in text or f"## {version}" in text


def pairs() -> list[tuple[str, str]]:
    """Return each interpreter on this machine with each Django line that goes with it."""
    noxfile = runpy.run_path(str(ROOT / "noxfile.py"))
    noxfile["_add_pyenv_to_the_path"]()
    found = {python: shutil.which(f"python{python}") for python in noxfile["MATRIX"]}
    return [(path, django) for python, path in found.items() if path for django in noxfile["MATRIX"][python]]


def check_installed(wheel: Path, interpreter: str, django: str) -> Path:
    """Install the wheel into an empty environment, and use it as a project does; return its interpreter."""
    folder = RELEASE / f"{Path(interpreter).name}-django{django}"
    run(interpreter, "-m", "venv", str(folder))
    python = folder / "bin" / "python"
    run(str(python), "-m", "pip", "install", "-q", f"{wheel}[emulator,linking]", f"Django=={django}.*")
    run(str(python), "-P", "-m", "stateful_oauth.demo", "--smoke", cwd=folder)
    run(sys.executable, "-m", "pytest", "-q", "-n", "0", TUTORIAL, quiet=False, TUTORIAL_PYTHON=str(python))
    return python


def main() -> None:
    """Run all of it; stop at the first that fails."""
    if run("git", "status", "--porcelain", "--untracked-files=no"):
        print("There are changes that are not committed: they are not checked.")
    say("clean clone, built twice")
    wheel = built_twice(clean_clone())
    say("metadata")
    check_metadata(wheel)
    python = None
    for interpreter, django in pairs():
        say(f"installed: {Path(interpreter).name}, Django {django}: demo, and the tutorial to the letter")
        python = check_installed(wheel, interpreter, django)
    say("rows of earlier definitions")
    run(sys.executable, "-m", "pytest", "-q", "-n", "0", "tests/proofs/upgrades", quiet=False)
    say("bill of materials")
    bill = RELEASE / "dist" / f"{wheel.name.split('-py3')[0]}.cdx.json"
    bill.write_text(run(str(python), str(ROOT / ".ci/sbom.py")), encoding="utf-8")
    for each in sorted((RELEASE / "dist").iterdir()):
        print(each.relative_to(ROOT))


if __name__ == "__main__":
    main()

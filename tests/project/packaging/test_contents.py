"""The sdist and the wheel are complete, and hold nothing else."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import tarfile
import zipfile
from email.parser import Parser
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.project.packaging.conftest import Distributions

pytestmark = pytest.mark.slow
FOLDERS = ("flows", "storage", "integrations", "diagrams")
METADATA = ".dist-info/"


def test_the_wheel_has_every_file_of_every_room(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as wheel:
        packed = {name for name in wheel.namelist() if METADATA not in name}
    sources = {name.removeprefix("integrations/") for name in _sources(distributions)}
    assert packed == {f"stateful_oauth/{name}" for name in sources}


def test_the_record_of_the_wheel_is_its_content(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as wheel:
        (record,) = [name for name in wheel.namelist() if name.endswith(f"{METADATA}RECORD")]
        recorded = {row[0]: row[1] for row in csv.reader(io.StringIO(wheel.read(record).decode()))}
        found = {name: _digest(wheel.read(name)) for name in wheel.namelist() if name != record}
    assert recorded == {**found, record: ""}


def test_the_sdist_has_every_file_of_every_room_and_what_builds_it(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as sdist:
        packed = {member.name.partition("/")[2] for member in sdist.getmembers() if member.isfile()}
    builds_it = {"pyproject.toml", "setup.py", "README.md", "LICENSE"}
    assert (_sources(distributions) | builds_it) - packed == set()
    generated = {name for name in packed if name in {"PKG-INFO", "setup.cfg"} or ".egg-info/" in name}
    rest = packed - generated - builds_it
    assert {name for name in rest if not name.startswith(FOLDERS)} == set()


def test_the_metadata_say_what_the_project_supports(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(f"{METADATA}METADATA")]
        metadata = Parser().parsestr(wheel.read(name).decode())
        licences = [name for name in wheel.namelist() if f"{METADATA}licenses/" in name]
    assert metadata["Name"] == "django-stateful-oauth"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert {"emulator", "demo", "telemetry", "testing"} <= set(metadata.get_all("Provides-Extra", []))
    assert licences


def _sources(distributions: Distributions) -> set[str]:
    """Every file of the folders, relative to the checkout: what a reviewer sees is what a user gets."""
    tree = distributions.tree
    made = {"__pycache__", "build"}  # by the build and by whoever imported from the copy
    found = {
        path.relative_to(tree) for folder in FOLDERS for path in (tree / folder).rglob("*") if path.is_file()
    }
    return {path.as_posix() for path in found if not made & set(path.parts)}


def _digest(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return "sha256=" + digest.rstrip(b"=").decode()

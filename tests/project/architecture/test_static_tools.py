"""mypy, pyright and editors resolve `stateful_oauth.…` to the files of the checkout that `make` installed."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import pytest

# Builds with the setuptools of this environment; `pip` would fetch one.
BUILD = "from setuptools import build_meta; print(build_meta.build_editable('build'))"
CONSUMER = """
from stateful_oauth.auth0.config import Auth0Config
from stateful_oauth.emulator import Tenant
from stateful_oauth.flows.engine.added_a_second_ago import Added
from stateful_oauth.flows.engine.engine import Engine
from stateful_oauth.storage.states import STATES

reveal_type(Added().text())
reveal_type(Tenant().issuer)
reveal_type(Engine.recover)
reveal_type(STATES)


def issuer(config: Auth0Config) -> str:
    return reveal_type(config.issuer)
"""
ADDED = """
class Added:
    def text(self) -> str:
        return ""
"""
LOOK = """
import importlib.metadata, json, sys
import stateful_oauth.flows.engine.errors as errors
(plugin,) = importlib.metadata.entry_points(group="pytest11", name="stateful_oauth")
modules = [each for each in list(sys.modules.values()) if getattr(each, "__file__", None) == errors.__file__]
finders = [repr(each) for each in sys.meta_path if "editable" in repr(each).lower()]
print(json.dumps({"file": errors.__file__, "plugin": plugin.value,
                  "names": len(modules), "finders": finders}))
"""


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout in a folder with spaces, installed as `make` does it."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / ".venv" / "bin" / "python"

    def run(self, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO_"))
        }
        return subprocess.run(command, cwd=self.folder, env=kept, capture_output=True, text=True, check=check)

    @classmethod
    def install(cls, root: Path, folder: Path) -> Self:
        made = cls(folder)
        for name in ("flows", "storage", "integrations", "diagrams", ".ci"):
            shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(root / name, folder)
        (folder / "build").mkdir()
        venv.create(folder / ".venv", with_pip=False, symlinks=True)
        wheel = made.run(sys.executable, "-c", BUILD).stdout.splitlines()[-1]
        pip = [sys.executable, "-m", "pip", "--python", str(made.python), "--disable-pip-version-check"]
        made.run(*pip, "install", "--quiet", "--no-deps", f"build/{wheel}")
        made.run(made.python, ".ci/editable.py")
        # The packages that we stand on are those of this environment.
        (site_packages,) = (folder / ".venv" / "lib").glob("python*/site-packages")
        (site_packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
        return made


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout.install(root, tmp_path_factory.mktemp("checkout") / "with some spaces")


@pytest.fixture
def consumer(checkout: Checkout) -> Iterator[Path]:
    """A file that uses the package, and a module of the package that was not there when it was installed."""
    added = checkout.folder / "flows" / "engine" / "added_a_second_ago.py"
    added.write_text(ADDED)
    (project := checkout.folder.parent / "project").mkdir(exist_ok=True)
    (project / "consumer.py").write_text(CONSUMER)
    yield project / "consumer.py"
    added.unlink()


def test_each_package_is_imported_from_its_folder(project: dict[str, Any], root: Path) -> None:
    """In this very environment: one path for a module, and no finder that only Python knows."""
    for name, folder in project["tool"]["setuptools"]["package-dir"].items():
        origin = importlib.import_module(name).__file__
        assert origin is not None
        assert Path(origin).samefile(root / folder / "__init__.py"), name
    assert [finder for finder in sys.meta_path if "editable" in repr(finder).lower()] == []


@pytest.mark.slow
def test_the_editable_install_has_files_plugin_and_types(checkout: Checkout) -> None:
    seen = json.loads(checkout.run(checkout.python, "-c", LOOK).stdout)
    assert Path(seen["file"]).samefile(checkout.folder / "flows" / "engine" / "errors.py")
    assert seen["plugin"] == "stateful_oauth.testing.plugin"
    assert seen["names"] == 1
    assert seen["finders"] == []
    again = checkout.run(checkout.python, ".ci/editable.py")
    assert again.stderr == "", "it can be run again"


@pytest.mark.slow
def test_mypy_resolves_imports_to_the_files_of_the_checkout(checkout: Checkout, consumer: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--cache-dir",
        str(consumer.parent / "cache"),
    ]
    done = checkout.run(*command, "--python-executable", str(checkout.python), str(consumer), check=False)
    revealed = [
        line.partition("Revealed type is ")[2] for line in done.stdout.splitlines() if "Revealed" in line
    ]
    assert done.returncode == 0, done.stdout + done.stderr
    assert revealed[:2] == ['"str"', '"str"']
    assert [each for each in revealed if "Any" in each.partition("->")[2]] == []
    assert len(revealed) == CONSUMER.count("reveal_type")


@pytest.mark.slow
def test_pyright_resolves_imports_to_the_files_of_the_checkout(checkout: Checkout, consumer: Path) -> None:
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", str(checkout.python)]
    found = json.loads(checkout.run(*command, str(consumer), check=False).stdout)["generalDiagnostics"]
    assert [each["message"] for each in found if each["severity"] in {"error", "warning"}] == []
    revealed = [each["message"].partition(" is ")[2] for each in found if each["severity"] == "information"]
    assert revealed[:2] == ['"str"', '"str"']
    assert [each for each in revealed if "Unknown" in each] == []
    assert len(revealed) == CONSUMER.count("reveal_type")


@pytest.mark.slow
def test_an_editor_goes_to_the_definition(checkout: Checkout, consumer: Path) -> None:
    with Editor(checkout, consumer) as editor:
        assert editor.definition("Engine").samefile(checkout.folder / "flows/engine/engine.py")
        assert editor.definition("Tenant").samefile(checkout.folder / "integrations/emulator/tenant.py")
        added = checkout.folder / "flows/engine/added_a_second_ago.py"
        assert editor.definition("Added").samefile(added)


class Editor:
    """As much of an editor as asks a language server where a name is defined."""

    def __init__(self, checkout: Checkout, file: Path) -> None:
        self._uri, self._text, self._python = file.as_uri(), file.read_text(), str(checkout.python)
        self._numbers = count(1)
        command = [
            sys.executable,
            "-c",
            "import sys, basedpyright.langserver as s; sys.exit(s.main())",
            "--stdio",
        ]
        self._server = subprocess.Popen(
            command, cwd=file.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        folder = {"uri": file.parent.as_uri(), "name": "project"}
        self._ask("initialize", processId=None, rootUri=folder["uri"], workspaceFolders=[folder],
                  capabilities={"workspace": {"configuration": True}})  # fmt: skip
        self._send(method="initialized", params={})
        document = {"uri": self._uri, "languageId": "python", "version": 1, "text": self._text}
        self._send(method="textDocument/didOpen", params={"textDocument": document})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        self._server.communicate()

    def definition(self, name: str) -> Path:
        """Return the file in which a name that the document imports is defined."""
        (place,) = [
            {"line": number, "character": line.index(name, line.index(" import "))}
            for number, line in enumerate(self._text.splitlines())
            if line.endswith(f" import {name}")
        ]
        (found,) = self._ask("textDocument/definition", textDocument={"uri": self._uri}, position=place)
        return Path(unquote(urlsplit(found["uri"]).path))

    def _ask(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._send(id=number, method=method, params=params)
        while True:
            message = self._receive()
            if message.get("id") == number and "method" not in message:
                return message["result"]
            if message.get("method") == "workspace/configuration":
                asked = [item.get("section") for item in message["params"]["items"]]
                self._send(
                    id=message["id"],
                    result=[{"pythonPath": self._python} if section == "python" else {} for section in asked],
                )
            elif "method" in message and "id" in message:
                self._send(id=message["id"], result=None)

    def _send(self, **message: Any) -> None:
        assert self._server.stdin is not None
        body = json.dumps({"jsonrpc": "2.0"} | message).encode()
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._server.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._server.stdout is not None
        length = 0
        while line := self._server.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        assert length, "the language server is gone"
        message: dict[str, Any] = json.loads(self._server.stdout.read(length))
        return message

"""docs/tutorial.md, followed to the letter: its files are written, its commands run, its pages opened."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.support.checkout import ROOT

PAGE: Final = ROOT / "docs/tutorial.md"
BLOCK: Final = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
SERVERS: Final = {"auth0_emulator": "9400", "runserver": "8000"}
# The environment of the reader; `make release-check` makes it.
SETS_UP: Final = ("python -m venv", ". .venv/bin/activate", "pip install")


def sections() -> list[str]:
    """Return the numbered sections of the page."""
    return re.split(
        r"^## (?=\d)", PAGE.read_text(encoding="utf-8").partition("\n## Where")[0], flags=re.MULTILINE
    )[1:]


def free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


class Reader:
    """A reader of the page, with a folder of their own.

    Args:
        python: The interpreter of the environment that has the package installed.
    """

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder = folder
        self.ports = {each: free_port() for each in SERVERS.values()}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "PYTEST_", "PYTHON"))
        }
        path = f"{Path(python).parent}{os.pathsep}{environment['PATH']}"
        self._environment = environment | {
            "PATH": path,
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @property
    def site(self) -> str:
        return f"http://localhost:{self.ports['8000']}"

    def follow(self, section: str) -> None:
        """Write the files of a section, and run its commands, in the order of the page."""
        for language, path, text in BLOCK.findall(section):
            if path:
                self._write(self.folder / path, self._here(text))
            elif language == "sh":
                for line in text.splitlines():
                    self._run(self._here(line))

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def stop(self) -> None:
        for name in list(self._running):
            self._stop(name)

    def _here(self, text: str) -> str:
        """Use the ports that are free on this machine."""
        for named, free in self.ports.items():
            text = text.replace(f":{named}", f":{free}")
        return text

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") if path.name == "settings.py" else ""
        path.write_text(before + text, encoding="utf-8")
        if "runserver" in self._running:  # it would notice by itself, a second later
            self._serve("runserver", f"python manage.py runserver {self.ports['8000']}")

    def _run(self, line: str) -> None:
        if line.startswith(SETS_UP):
            return
        for server, port in SERVERS.items():
            if server in line:
                self._serve(server, f"{line} {self.ports[port] if server == 'runserver' else ''}")
                return
        self.run("sh", "-c", line)

    def _serve(self, name: str, line: str) -> None:
        self._stop(name)
        port = int(self.ports[SERVERS[name]])
        command = [*shlex.split(line), *(["--noreload"] if name == "runserver" else [])]
        log = (self.folder / f"{name}.log").open("ab")
        self._running[name] = subprocess.Popen(
            command, cwd=self.folder, env=self._environment, stdout=log, stderr=subprocess.STDOUT
        )
        log.close()
        for _ in range(300):
            assert self._running[name].poll() is None, (self.folder / f"{name}.log").read_text()
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.1)  # another process starts; there is nothing to wait for but its port
        raise AssertionError(f"{name} does not start: {(self.folder / f'{name}.log').read_text()}")

    def _stop(self, name: str) -> None:
        if (process := self._running.pop(name, None)) is not None:
            process.terminate()
            process.wait()

"""`python -m stateful_oauth.diagrams`, and that what is committed is fresh."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import stateful_oauth.diagrams
from stateful_oauth.diagrams.__main__ import main
from stateful_oauth.diagrams.render import FLOWS, rendered

HERE = Path(__file__).parent
FOLDER = Path(stateful_oauth.diagrams.__file__).parent


def _python(*arguments: str, seed: str = "0") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(HERE)}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=120,
    )


def test_what_is_committed_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--output", str(FOLDER)]) == 0, capsys.readouterr().out
    drawn = {f"{flow.kind}.svg" for flow in FLOWS} | {"overview.svg"}
    assert {path.name for path in FOLDER.glob("*.svg")} == drawn


def test_written_diagrams_are_fresh_until_one_is_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--output", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(rendered(FLOWS))
    assert main(["--check", "--output", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "", "fresh files are left alone"


@pytest.mark.parametrize("name", ["login.md", "login.svg", "overview.md", "overview.svg"])
def test_a_changed_file_is_stale(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--output", str(tmp_path)])
    path = tmp_path / name
    path.write_text(path.read_text().replace("login", "somewhere_else", 1))
    assert main(["--check", "--output", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert f"+++ {path} (rendered)" in said.out
    assert "somewhere_else" in said.out
    assert "python -m stateful_oauth.diagrams" in said.err
    assert "somewhere_else" in path.read_text(), "--check writes nothing"


def test_missing_files_other_line_ends_and_leftovers_are_stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--output", str(tmp_path)])
    page = (tmp_path / "login.md").read_bytes()
    (tmp_path / "former.md").write_bytes(page)
    (tmp_path / "notes.md").write_text("# By hand\n")
    (tmp_path / "login.md").write_bytes(page.replace(b"\n", b"\r\n"))
    (tmp_path / "login.svg").unlink()
    assert main(["--check", "--output", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "login.svg is missing" in said
    assert "line ends" in said
    assert "former.md belongs to no flow" in said
    assert "notes.md" not in said


def test_a_machine_of_a_project_is_drawn_by_its_path(tmp_path: Path) -> None:
    done = _python("-m", "stateful_oauth.diagrams", "machines.LoopsFlow", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"shop.loops.md", "shop.loops.svg"}
    assert "](<shop.loops.svg>)" in (tmp_path / "shop.loops.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["machines.LoopsFlow"], "--output"),
        (["no.such.Machine", "--output", "x"], "cannot be imported"),
        (["pathlib.Path", "--output", "x"], "not a FlowMachine"),
        (["Machine", "--output", "x"], "cannot be imported"),
    ],
)
def test_wrong_arguments_of_the_command_are_explained(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert words in capsys.readouterr().err


def test_output_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "import machines, sys; from stateful_oauth.diagrams.render import FLOWS, rendered;"
        "files = rendered([*FLOWS, machines.LoopsFlow, machines.HostileFlow]);"
        "sys.stdout.buffer.write(repr(sorted(files.items())).encode())"
    )
    first, second = (_python("-W", "error", "-c", program, seed=seed) for seed in ("1", "4242"))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert len(first.stdout) > 10_000


def test_the_renderer_needs_flows_and_the_state_machine_only() -> None:
    program = (
        "import sys;"
        "missing = ('django', 'pydot', 'graphviz', 'requests', 'jwt', 'cryptography',"
        " 'stateful_oauth.storage', 'stateful_oauth.auth0', 'stateful_oauth.django');"
        "sys.modules.update(dict.fromkeys(missing));"  # importing them fails
        "from stateful_oauth.diagrams.render import FLOWS, rendered;"
        "sys.exit(0 if rendered(FLOWS) else 1)"
    )
    done = _python("-c", program)
    assert done.returncode == 0, done.stderr

"""The kernel "Docker lab": a Dockerfile is a cell, all else is Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from dockerlab.notebook.build_cells import is_build, options, transform
from tests.notebook.shown import error, shown
from tests.parts import ROOT

Run = Callable[..., list[Any]]


@pytest.mark.parametrize(
    ("cell", "build"),
    [
        ("FROM busybox", True),
        ("\n# a comment\nFROM busybox AS one\nRUN true\n", True),
        ("# syntax=docker/dockerfile:1\nFROM a", True),
        ("# escape=`\nFROM a", True),
        ("ARG V=1\nFROM a:$V", True),
        ("RUN echo no stage", True),
        ('CMD ["a"]\nFROM x', True),
        ("FORM busybox\nRUN true", True),
        ("x = 1", False),
        ("ENV = 1", False),
        ("USER = 'app'\nCMD = [1]", False),
        ("from os import path", False),
        ("from os import", False),
        ("%docker ps", False),
        ("!ls", False),
        ("%%exec web\nRUN x", False),
        ("# docker build is fun\nprint(1)", False),
        ("SELECT * FROM t", False),
        ("", False),
        ("# only a comment", False),
    ],
)
def test_what_is_a_build(cell: str, build: bool) -> None:
    assert is_build(cell) is build
    lines = cell.splitlines(keepends=True)
    assert (transform(lines) == lines) is not build


def test_a_command_in_a_comment_gives_the_options() -> None:
    cell = "# my site\n# docker build -t site:1 --build-arg A='x y' .\nFROM a\n# docker build -t no:1 .\n"
    assert options(cell) == "-t site:1 --build-arg A='x y' ."
    assert transform(cell.splitlines(keepends=True))[0] == "%%dockerfile --whole-cell -t site:1 --build-arg A='x y' .\n"
    assert transform(["FROM a\n"])[0] == "%%dockerfile --whole-cell\n"


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "dockerlab", "kernel", "install", "--prefix", str(tmp_path / "env")]
    for _ in range(2):  # once more does no harm
        done = subprocess.run(words, capture_output=True, text=True, env=environment)
        assert done.returncode == 0 and "choose Docker lab" in done.stdout, done.stderr
    return tmp_path / "env"


@pytest.fixture
def lab(prefix: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setenv("JUPYTER_PATH", str(prefix / "share/jupyter"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))

    def run(*cells: str) -> list[Any]:
        node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
        NotebookClient(node, kernel_name="dockerlab", allow_errors=True, resources={"metadata": {"path": str(folder)}}).execute()
        return list(node.cells)

    return run


def test_what_is_installed(prefix: Path) -> None:
    spec = json.loads((prefix / "share/jupyter/kernels/dockerlab/kernel.json").read_text())
    assert spec["display_name"] == "Docker lab" and spec["language"] == "python" and spec["argv"][0] == sys.executable
    assert (prefix / "share/jupyter/labextensions/jupyter-dockerlab/static/remoteEntry.js").is_file()


def test_cells_are_builds_or_python(lab: Run) -> None:
    cells = lab(
        "# docker build -t site:1 .\nFROM busybox\nRUN echo '{hello}' > /hello",
        "%docker run --rm site:1 cat /hello",
        "x = 20 + 1\nx * 2",
        "FROM busybox\nRUM echo typo",
        "FROM busybox\nRUN exit 3",
        "ENV = 'python'; print(ENV)",
    )
    assert "[2/2] RUN echo '{hello}' > /hello" in shown(cells[0]) and shown(cells[1]) == "{hello}\n" and shown(cells[2]) == "42"
    assert "RUM" in error(cells[3]) and "cell:2 (Dockerfile:2)" in error(cells[3]) and "RUN" in error(cells[3])
    assert "exit code: 3" in error(cells[4]) and shown(cells[5]) == "python\n"
    assert all("Traceback" not in error(cell) for cell in cells)

"""`dockerlab context PATH`: what a build would see, before it is built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Docker


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "context"
    for name, text in {
        "Dockerfile": "FROM busybox AS s\nCOPY src /src\nCOPY node_modules /n\nCOPY *.md /\nCOPY --from=s /src /t\nCOPY <<E /e\nx\nE\nCOPY . /all\n",
        ".dockerignore": "node_modules\n*.md\n!README.md\n",
        "src/x.py": "12",
        "src/y.py": "345",
        "node_modules/a/b": "0" * 3000,
        "node_modules/c": "",
        "NOTES.md": "n",
        "README.md": "readme",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "link").symlink_to("src/x.py")
    monkeypatch.chdir(folder)
    return folder


def report(docker: Docker, *words: str) -> dict[str, Any]:
    answer = docker("context", "--json", *(words or (".",)))
    assert answer.code == 0, answer.err
    return dict(json.loads(answer.out))


def test_what_is_left_out_is_told_with_the_pattern_and_its_line(docker: Docker, context: Path) -> None:
    found = report(docker)
    assert found["ignored"] == [
        {"path": "NOTES.md", "files": 1, "size": 1, "pattern": "*.md", "file": ".dockerignore", "line": 2},
        {"path": "node_modules", "files": 2, "size": 3000, "pattern": "node_modules", "file": ".dockerignore", "line": 1},
    ]
    held = ["Dockerfile", ".dockerignore", "README.md", "src/x.py", "src/y.py"]
    assert (found["root"], found["files"]) == (str(context), len(held) + 1)
    assert found["size"] == sum((context / name).stat().st_size for name in held)
    assert [one["path"] for one in found["largest"]] == ["Dockerfile", ".dockerignore", "README.md", "src/y.py", "src/x.py", "link"]


def test_each_copy_tells_what_it_takes_or_why_it_can_not(docker: Docker, context: Path) -> None:
    copies = report(docker)["copies"]
    assert [(one["line"], one["files"]) for one in copies] == [(2, 2), (3, 0), (4, 1), (6, 0), (9, 6)]
    assert copies[0]["size"] == 5 and "line 1 of .dockerignore leaves it out" in copies[1]["error"]
    shown = docker("context", ".").out
    assert "3         COPY node_modules /n" in shown and "line 3: failed to compute cache key" in shown and shown.count("nothing") == 1


def test_a_context_needs_no_dockerfile_but_the_one_that_is_named(docker: Docker, context: Path) -> None:
    (context / "Dockerfile").unlink()
    assert report(docker, str(context))["copies"] == []
    assert docker("context", "-f", "nosuch", ".").code == 1
    (context / "Dockerfile").write_text("FRM busybox\n")
    assert report(docker)["copies"] == []
    assert "unknown instruction: FRM" in docker("context", "-f", "Dockerfile", ".").err


def test_dockers_own_contexts_are_still_meant_by_their_verbs(docker: Docker, context: Path) -> None:
    (context / "show").mkdir()
    assert docker("context", "show").out.strip() == "default"
    assert "unknown command" in docker("context", "nosuch").err

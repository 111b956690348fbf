"""What happens between cells and files, and what the learner sees when something can't be done."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.notebook.shown import error, html, shown
from tests.parts import ROOT

Run = Callable[..., Any]


@pytest.fixture
def cells(home: Path, tmp_path: Path) -> Run:
    """Run cells in one kernel; the notebook's cells with their outputs."""
    folder = tmp_path / "folder"
    folder.mkdir()

    def run(*texts: str, told: bool = True, **environment: str) -> Any:
        node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in ("%load_ext dockerlab", *texts)])
        nbformat.write(node, folder / "my lesson [1].ipynb")
        (folder / "other.ipynb").write_text("{}")
        env = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(home), "DOCKERLAB_LANG": "en", **environment}
        env.pop("JPY_SESSION_NAME", None)
        if told:
            env["JPY_SESSION_NAME"] = str(folder / "my lesson [1].ipynb")
        client = NotebookClient(node, timeout=60, allow_errors=True, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
        client.execute(env=env)
        return node.cells[1:]

    return run


def kept(cell: Any) -> Any:
    """The cell, which must not have failed."""
    assert not error(cell), error(cell)
    return cell


def test_a_cell_is_written_where_f_says_and_the_same_text_is_no_difference(cells: Run, tmp_path: Path) -> None:
    body = "FROM busybox\nENV A=1\n"
    ran = cells(
        f"%%dockerfile -q -t a -f Dockerfile\n{body}",
        "open('Dockerfile', 'a').write('\\n'); open('Edited', 'w').write('FROM busybox\\nENV A=1')",
        f"%%dockerfile -q -t a -f Dockerfile\n{body}",
        f"%%dockerfile -q -t a -f Edited\n{body}",
        f"%%dockerfile -q -t a -f none/Dockerfile\n{body}",
        f"%%dockerfile -q -t a -f .\n{body}",
        "%%dockerfile -q -t a -f Dockerfile --force\nFROM busybox\nENV A=2\n",
    )
    for at in (0, 1, 2, 3, 6):
        kept(ran[at])
    assert "none/Dockerfile: no such file or directory" in error(ran[4]) and ".: is a directory" in error(ran[5])
    assert "File" not in error(ran[4]) and "Traceback" not in error(ran[4])
    assert (tmp_path / "folder/Dockerfile").read_text().rstrip("\n") == "FROM busybox\nENV A=2"


@pytest.mark.parametrize("told", [True, False])
def test_the_notebook_is_left_out_by_its_name_or_every_notebook_where_the_kernel_is_not_told(
    cells: Run, told: bool, tmp_path: Path
) -> None:
    build = "%%dockerfile -t all:1\nFROM busybox\nCOPY . /all/"
    ran = cells(
        "import pathlib; pathlib.Path('data').write_text('x'); pathlib.Path('.ipynb_checkpoints').mkdir(); pathlib.Path('.ipynb_checkpoints/c').touch()",
        build,
        "p = pathlib.Path('my lesson [1].ipynb'); p.write_text(p.read_text() + ' ')",
        build,
        "%%dockerfile -q -t out:1 -o out\nFROM all:1",
        "import os; print(sorted(os.listdir('out/all')))",
        '%%dockerfile -t named:1\nFROM busybox\nCOPY ["my lesson [[]1].ipynb", "/x"]',
        "%%dockerfile -q -t given:1 -o given .\nFROM scratch\nCOPY . /",
        "print(sorted(name for name in os.listdir('given') if 'ipynb' in name))",
        told=told,
    )
    assert "#2 CACHED" in shown(kept(ran[3]))
    seen = shown(ran[5]) or error(ran[4])
    assert "data" in seen and "my lesson" not in seen and "checkpoints" not in seen and ("other.ipynb" in seen) == told
    assert "my lesson [1].ipynb" in shown(ran[1]) and "left out of the build context" in shown(ran[1])
    assert "my lesson [1].ipynb" in shown(ran[8]), "a context that was named is taken as it is"


def test_a_learners_mistakes_show_one_message_and_nothing_of_our_code(cells: Run) -> None:
    lines = [
        "%%dockerfile -t A\nFROM busybox",
        "%%dockerfile --nosuch\nFROM busybox",
        "%%dockerfile nosuch\nFROM busybox",
        "%%dockerfile a b\nFROM busybox",
        "%%dockerfile\nFROM busybox\nCOPY missing /",
        "%%dockerfile\nFROM nosuch:9",
        "%docker",
        "%docker nosuch",
        "%docker run",
        "%docker cp none:/x /proc/nowhere",
        "%docker save -o /proc/nowhere busybox",
        "%docker commit --help",
        "%docker ps --nosuch",
        "%docker ps --filter nosuch=1",
        "%docker history nosuch",
        "%history nosuch:1",
        "%commit",
        "%layers",
        "%cow nosuch",
        "%check nosuch-1",
    ]
    for line, cell in zip(lines, cells(*lines), strict=True):
        seen = error(cell) + shown(cell)
        assert seen, line
        assert "Traceback" not in seen and "site-packages" not in seen and not re.search(r"dockerlab/\w+/\w+\.py", seen), (line, seen)


def test_without_namespaces_a_notebook_still_builds_shows_and_commits(cells: Run) -> None:
    ran = cells(
        "%%dockerfile -t site:1\nFROM busybox\nCOPY <<E /page\nfirst\nE\nENV A=1",
        "h = %history site:1\nprint([line['empty_layer'] for line in h][:2])",
        "%layers site:1",
        "%docker create --name web site:1",
        "open('new', 'w').write('edited\\n')",
        "%docker cp new web:/page",
        "%cow web",
        "%commit -m edited web site:2",
        "%docker run --rm site:2 cat /page",
        "%%dockerfile\nFROM site:2\nRUN true",
        DOCKERLAB_ISOLATION="none",
    )
    for cell in ran[:8]:
        kept(cell)
    assert shown(ran[1]) == "[True, False]\n"
    assert "C /page  (copied up from layer 2" in shown(ran[6]) and "3 layers" in shown(ran[7])
    for cell in ran[8:]:
        assert "this machine can't run containers" in error(cell) and "Traceback" not in error(cell)


def test_lists_are_tables_and_python_lists(cells: Run) -> None:
    ran = cells(
        "%docker create --name one busybox",
        "images = %docker images\nprint(images[0]['RepoTags'], len(images))",
        "%docker ps -a",
        "%docker ps -aq",
        "%docker images --format '{{.Repository}}'",
        "%docker ps -a --format json",
        "%docker inspect -f '{{.Name}}' one",
        "x = %docker volume ls\nprint(len(x))",
    )
    assert shown(ran[1]) == "['busybox:latest'] 1\n"
    assert shown(ran[2]).split()[:2] == ["CONTAINER", "ID"] and "<table>" in html(ran[2]) and ">one<" in html(ran[2])
    assert re.fullmatch(r"[0-9a-f]{12}\n?", shown(ran[3])) and "<table>" not in html(ran[3])
    assert shown(ran[4]) == "busybox\n" and shown(ran[6]) == "/one\n" and shown(ran[7]) == "0\n"


def test_the_language_may_change_and_pictures_have_words_for_those_who_do_not_see(cells: Run) -> None:
    ran = cells("%layers busybox", "import os; os.environ['DOCKERLAB_LANG'] = 'ko'", "%layers busybox")
    assert "busybox: 1 layer," in shown(ran[0])
    assert "이미지 busybox" in shown(ran[2])
    for cell in (ran[0], ran[2]):
        assert re.search(r'<img alt="[^"]*busybox', html(cell)) and "<script" not in html(cell) and "<style" not in html(cell)


def test_what_is_typed_is_what_is_built(cells: Run) -> None:
    name = "site"
    ran = cells(
        "name = 'python'",
        "%%dockerfile -t site:1 --build-arg V=${V}\nFROM busybox\nARG V\nENV A=\"{name} $name {{x}}\" B=\\$HOME\nLABEL l='$V'",
        "%docker inspect -f '{{json .Config.Env}} {{.Config.Labels.l}}' site:1",
        "%unload_ext dockerlab",
        "%history -n 1",
        "%docker run --rm busybox sh -c 'echo $name {name} $HOME'" if not os.environ.get("DOCKERLAB_ISOLATION") else "1",
    )
    assert name in shown(kept(ran[1]))
    assert "{name}  {{x}}" in shown(ran[2]) and "B=$HOME" in shown(ran[2])
    assert "1: %load_ext dockerlab" in shown(kept(ran[4]))

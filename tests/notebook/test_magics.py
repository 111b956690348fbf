"""Notebooks in a real kernel: what cells show, what they return, what an error looks like."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.notebook.shown import error, html, shown
from tests.parts import ROOT

pytestmark = pytest.mark.usefixtures("containers_run_here")
Run = Callable[..., Any]


@pytest.fixture
def notebook(home: Path, tmp_path: Path) -> Run:
    """Run cells in a kernel of their own; the notebook with its outputs. The first cell loads the extension."""
    folder = tmp_path / "folder"
    folder.mkdir()

    def run(*cells: str, name: str = "lesson.ipynb", language: str = "en", **environment: str) -> Any:
        node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in ("%load_ext dockerlab", *cells)])
        nbformat.write(node, folder / name)
        env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DOCKERLAB_HOME": str(home),
            "DOCKERLAB_LANG": language,
            "JPY_SESSION_NAME": str(folder / name),
            **environment,
        }
        NotebookClient(node, timeout=60, allow_errors=True, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute(
            env=env
        )
        return node.cells[1:]

    run.folder = folder  # type: ignore[attr-defined]
    return run


def test_a_cell_builds_an_image_and_shows_its_layers(notebook: Run) -> None:
    (cell,) = notebook("%%dockerfile -t site:1\nFROM busybox\nRUN echo '${KEPT} {braces}' > /f\nENV A=1")
    assert "[2/2] RUN echo '${KEPT} {braces}' > /f" in shown(cell)
    assert "image site:1: 2 layers" in shown(cell) and "data:image/svg+xml;base64," in html(cell)
    assert not any(output.get("name") == "stderr" for output in cell.outputs)


def test_results_are_python_objects(notebook: Run) -> None:
    cells = notebook(
        "%%dockerfile -q -t site:1\nFROM busybox\nENV A=1",
        "h = %history site:1\nprint(h[0]['created_by'], h[0]['empty_layer'], len(h))",
        "run = %docker run --rm site:1 sh -c 'exit 3'\nprint(run.exit_code)",
        "stack = %layers site:1\nprint(len(stack))",
    )
    assert [shown(cell) for cell in cells[1:]] == ["ENV A=1 True 2\n", "3\n", "1\n"]


def test_ipythons_own_history_still_works(notebook: Run) -> None:
    cells = notebook("a = 1", "%history", "%history -n 2", "%history -g a = 1", "%history 1-2")
    assert "a = 1" in shown(cells[1])
    assert "2: a = 1" in shown(cells[2])
    assert "a = 1" in shown(cells[3]) and "a = 1" in shown(cells[4])
    assert not any(error(cell) for cell in cells)


def test_an_error_is_one_message_and_no_traceback(notebook: Run) -> None:
    cells = notebook(
        "%%dockerfile -t bad\nFROM busybox\nRUM x",
        "%docker run --rm nosuch:1 true",
        "%docker imagse",
        "%layers nosuch",
        "%docker run 'open",
    )
    for cell in cells:
        assert error(cell) and "Traceback" not in error(cell) and "dockerlab/" not in error(cell).replace("dockerlab/README", "")
    assert "did you mean RUN?" in error(cells[0]) and "^^^" in error(cells[0]) and "cell:3 (Dockerfile:2)" in error(cells[0])
    assert "did you mean `docker images`?" in error(cells[2])


def test_f_writes_the_cell_to_a_file_and_stops_at_the_first_difference(notebook: Run) -> None:
    cells = notebook(
        "%%dockerfile -q -t a -f My.dockerfile\nFROM busybox\nENV A=1",
        "%%dockerfile -q -t a -f My.dockerfile\nFROM busybox\nENV A=2",
        "%%dockerfile -q -t a -f My.dockerfile --force\nFROM busybox\nENV A=2",
    )
    assert not error(cells[0])
    assert "My.dockerfile:2" in error(cells[1]) and "ENV A=1" in error(cells[1]) and "--force" in error(cells[1])
    assert not error(cells[2]) and "ENV A=2" in (notebook.folder / "My.dockerfile").read_text()  # type: ignore[attr-defined]


def test_saving_the_notebook_between_two_builds_leaves_everything_cached(notebook: Run) -> None:
    save = "from pathlib import Path\nPath('lesson.ipynb').write_text(Path('lesson.ipynb').read_text() + ' ')\nPath('.ipynb_checkpoints').mkdir(exist_ok=True)\nPath('.ipynb_checkpoints/x').write_text('x')"
    cell = "%%dockerfile -t all:1\nFROM busybox\nCOPY . /all/"
    cells = notebook("open('data.txt', 'w').write('kept')", cell, save, cell, "%docker run --rm all:1 ls -a /all")
    assert "lesson.ipynb" in shown(cells[1]).splitlines()[0] and "left out of the build context" in shown(cells[1])
    assert "#2 DONE" in shown(cells[1]) and "#2 CACHED" in shown(cells[3])
    assert "data.txt" in shown(cells[4]) and "ipynb" not in shown(cells[4])


def test_copy_on_write_shows_what_came_from_where_and_commit_makes_it_a_layer(notebook: Run) -> None:
    cells = notebook(
        "%docker run --name one busybox sh -c 'echo more >> /etc/passwd; rm /etc/group; echo new > /new'",
        "%cow one",
        "%commit -m 'by hand' one mine:1",
        "%docker diff one",
    )
    for part in ("C /etc/passwd  (copied up from layer 1", "D /etc/group  (whiteout hides the file of layer 1)", "A /new"):
        assert part in shown(cells[1])
    assert "image mine:1: 2 layers" in shown(cells[2])
    assert "A /new" in shown(cells[3])


def test_words_are_korean_where_the_learner_is(notebook: Run) -> None:
    cells = notebook("%docker run --name one busybox true", "%cow one", language="ko")
    assert "쓰기 가능한 컨테이너 레이어" in shown(cells[1]) and "읽기 전용 이미지 레이어" in shown(cells[1])


def test_a_cell_that_nobody_answered_says_so(notebook: Run) -> None:
    (cell,) = notebook("%%dockerfile -t a\n# YOUR CODE HERE\nraise NotImplementedError()")
    assert "not answered yet" in error(cell)


def test_output_comes_as_it_happens(notebook: Run) -> None:
    (cell,) = notebook("%docker run --rm busybox sh -c 'echo first; echo second >&2; sleep 0.2; echo third'")
    assert shown(cell).split() == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("cell", "ending"),
    [
        ("%%dockerfile -t a\nFROM busybox\nRUN echo begun; sleep 50", "interrupted: the step that ran was stopped"),
        ("%docker run --rm busybox sh -c 'echo begun; sleep 50'", "exit code 137"),
    ],
)
def test_the_stop_button_ends_the_cell_at_once_with_one_sentence(cell: str, ending: str, home: Path, tmp_path: Path) -> None:
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in ("%load_ext dockerlab", cell, "1 + 1")])
    client = NotebookClient(node, timeout=40, allow_errors=True, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    env = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(home), "DOCKERLAB_LANG": "en"}
    seen: list[float] = []

    def stop() -> None:
        while not any("begun" in output.get("text", "").replace("echo begun", "") for output in node.cells[1].get("outputs", [])):
            time.sleep(0.05)
        seen.append(time.monotonic())
        os.kill(client.km.provisioner.process.pid, signal.SIGINT)  # type: ignore[union-attr]

    threading.Thread(target=stop, daemon=True).start()
    client.execute(env=env)
    assert seen and time.monotonic() - seen[0] < 20
    assert ending in error(node.cells[1]) + shown(node.cells[1]) and "File" not in error(node.cells[1]) and shown(node.cells[2]) == "2"
    assert list((home / "snapshots").iterdir()) == [] and list((home / "containers").iterdir()) == []


def test_a_cell_shows_the_beginning_and_the_end_of_an_endless_output(notebook: Run) -> None:
    talk = "yes 0123456789 | head -c 6000000 | tr -d [:space:]; echo; sleep 1; echo the end >&2; exit 3"
    cells = notebook(
        f'%docker run --name talker busybox sh -c "{talk}"',
        "%docker logs --tail 1 talker",
        "%docker logs talker",
        f"%%dockerfile\nFROM busybox\nRUN {talk}",
        "%docker run nosuchimage:1",
        "%env DOCKERLAB_LANG=ko",
        "%docker logs talker",
    )
    for cell in (cells[0], cells[2], cells[3]):
        assert 2_000_000 < len(shown(cell)) < 2_200_000, len(shown(cell))
    assert "are left out here: a cell shows the beginning and the end of a long output" in shown(cells[0])
    assert "\nthe end\n" in shown(cells[0]) and "the end" in shown(cells[2])
    assert "exit code 3" in shown(cells[0]) + error(cells[0]) and shown(cells[1]) == "the end\n"
    assert "the end" in error(cells[3]) and "exit code: 3" in error(cells[3]) and len(error(cells[3])) < 200_000
    assert "nosuchimage" in error(cells[4])
    assert "생략했습니다. 셀은 긴 출력의 처음과 끝만 보여 줍니다" in shown(cells[6])


def test_output_and_errors_are_in_the_order_in_which_they_were_written(notebook: Run) -> None:
    count = "i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); echo $i >&2; i=$((i+1)); done"
    (cell, logs, step) = notebook(
        f"%docker run --name talker busybox sh -c '{count}'",
        "%docker logs talker",
        f"%%dockerfile --progress=plain\nFROM busybox\nRUN {count}",
    )
    counted = [str(n) for n in range(200)]
    assert shown(cell).split()[:200] == counted and shown(logs).split() == counted
    assert [words[2] for line in shown(step).splitlines() if len(words := line.split()) == 3 and words[2].isdigit()] == counted


def test_a_list_keeps_its_columns_whatever_letters_are_in_them(notebook: Run) -> None:
    cells = notebook(
        "%docker create --name 하나 busybox true",
        "%docker create --name menu busybox sh -c 'echo 라면 >> /data/메뉴'",
        "%docker ps -a",
    )
    assert "invalid container name" in error(cells[0]).lower()
    table = html(cells[2])
    for cell in ("&quot;sh -c &#x27;echo 라면 &gt;&gt;…&quot;", "Created", "menu"):  # the command cut where docker cuts it
        assert f">{cell}</td>" in table


def test_a_korean_notebook_is_spoken_to_in_korean(home: Path, tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(text) for text in ("%load_ext dockerlab", "%layers busybox")]
    node = nbformat.v4.new_notebook(cells=cells, metadata={"dockerlab": {"language": "ko"}})
    nbformat.write(node, tmp_path / "lesson.ipynb")
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DOCKERLAB_HOME": str(home),
        "JPY_SESSION_NAME": str(tmp_path / "lesson.ipynb"),
        "LANG": "C.UTF-8",
    }
    env.pop("DOCKERLAB_LANG", None)
    NotebookClient(node, timeout=40, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute(env=env)
    assert shown(node.cells[1]).startswith("이미지 busybox: 레이어 1개")


def test_a_command_that_ends_well_adds_nothing_to_its_output(notebook: Run) -> None:
    cells = notebook("%docker run --rm busybox echo word", "%docker run --rm busybox false")
    assert shown(cells[0]) == "word\n" and len(cells[0].outputs) == 1
    assert shown(cells[1]) == "exit code 1"


def test_hints_name_what_can_be_run_in_a_cell(notebook: Run) -> None:
    _, taken, removed = notebook("%docker run -d --name web busybox sleep 100", "%docker run --name web busybox true", "%docker rm web")
    assert "%docker rm -f web, or choose another --name" in error(taken)
    assert "%docker stop web, or %docker rm -f web" in shown(removed)
    assert "dockerlab rm" not in error(taken) + shown(removed)


@pytest.mark.parametrize(("language", "begins"), [("en", "look around in"), ("ko", "이 단계 직전의 상태를")])
def test_a_failed_step_tells_how_to_look_around_before_it(notebook: Run, language: str, begins: str) -> None:
    build = "%%dockerfile -t site:1\nFROM busybox\nRUN mkdir /kept\nRUN false"
    failed, _ = notebook(build, "1", language=language)
    hint = error(failed).rstrip().splitlines()[-1]
    assert hint.startswith(f"{'힌트' if language == 'ko' else 'hint'}: {begins}") and "failed to build: failed to solve: process " in error(
        failed
    )
    command = hint[hint.index("%docker") :]
    assert "kept" in shown(notebook(build, command, language=language)[1])


def test_a_traced_build_is_told_in_the_learners_language(notebook: Run) -> None:
    (cell,) = notebook("%%dockerfile --trace -t site:1\nFROM busybox\nRUN echo 1 > /one\nENV A=1", language="ko")
    assert "임시 컨테이너" in shown(cell) and "바뀐 것: A /one" in shown(cell) and "설정만 바뀝니다" in shown(cell)
    assert "temporary" not in shown(cell) and "data:image/svg+xml;base64," in html(cell)


def test_a_cell_builds_as_docker_did_before_buildkit(notebook: Run) -> None:
    built, failed, history = notebook(
        "%%dockerfile --builder classic -t site:1\nFROM busybox\nRUN echo 1 > /one",
        "%%dockerfile --builder classic\nFROM busybox\nRUN mkdir /kept\nRUN false",
        "%history site:1",
    )
    said = shown(built)
    image = said.split("Successfully built ")[1].split()[0]
    assert "Step 2/2 : RUN echo 1 > /one" in said and " ---> Running in " in said and "Successfully tagged site:1" in said
    assert image in shown(history)
    assert (
        "failed to build" not in error(failed)
        and "returned a non-zero code: 1" in error(failed)
        and "%docker run --rm " in error(failed)
        and "--step" not in error(failed)
    )


def test_a_build_check_names_the_line_and_dockers_page(notebook: Run) -> None:
    (built,) = notebook("%%dockerfile\nFROM busybox\nCMD echo hi")
    said = shown(built)
    assert " - JSONArgsRecommended: " in said and "(line 2)\n   > CMD echo hi\n" in said
    assert "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/" in said


def test_a_context_is_a_picture_and_a_table_of_patterns(notebook: Run) -> None:
    cells = notebook(
        "import os; os.makedirs('site/big'); open('site/big/file', 'w').write('x' * 900); open('site/a', 'w').write('1'); "
        "open('site/.dockerignore', 'w').write('big\\n')",
        "%context site",
        "%context site other",
        "%context nosuch",
    )
    assert "line 1 of .dockerignore" in shown(cells[1]) and "900B" in shown(cells[1]) and "data:image/svg+xml" in html(cells[1])
    assert "takes one PATH" in error(cells[2]) and "Traceback" not in error(cells[2]) and "nosuch" in error(cells[3])


def test_two_images_and_two_containers_are_pictures_on_one_base(notebook: Run) -> None:
    cells = notebook(
        "%%dockerfile -t a:1\nFROM busybox\nRUN echo a > /a",
        "%%dockerfile -t b:1\nFROM busybox\nRUN echo b > /b",
        "%layers a:1 b:1",
        "%docker run --name one a:1 rm /a",
        "%docker run --name two a:1 touch /new",
        "%cow one two",
        "%layers a:1 b:1 busybox",
    )
    assert "below the line: layers that both images stand on" in shown(cells[2]) and "data:image/svg+xml" in html(cells[2])
    said = shown(cells[5])
    assert said.count("read-only image layers (a:1)") == 1 and "D /a" in said and "A /new" in said and html(cells[5]).count("<img") == 1
    assert "%layers takes one image, or two to compare" in error(cells[6])


def test_the_way_to_an_error_is_shown_to_who_asks_for_it(notebook: Run) -> None:
    cells = notebook("%docker_debug", "%layers nosuch", "%docker_debug")
    assert "no magic has failed yet" in shown(cells[0]) and "Traceback" not in error(cells[1])
    assert "Traceback (most recent call last)" in shown(cells[2]) and "No such image: nosuch" in shown(cells[2])


def test_the_inside_of_an_image_is_told_in_a_cell(notebook: Run) -> None:
    cells = notebook(
        "%%dockerfile -q -t site:1\nFROM busybox\nRUN echo one > /f\nRUN echo two > /f",
        "%docker layers site:1",
        "%docker blame site:1 /f",
        "%docker cat site:1 /f",
        "%docker compare busybox site:1",
        "%docker layers --ci --lowestEfficiency 1 site:1",
    )
    assert "1 path" not in shown(cells[1]) and "레이어" not in shown(cells[1]) and "/f" in shown(cells[1]).split("IN LAYER")[1]
    assert [line.split()[:2] for line in shown(cells[2]).splitlines()[1:3]] == [["3", "C"], ["2", "A"]]
    assert shown(cells[3]) == "two\n" and "A /f" in shown(cells[4])
    assert "FAIL: lowestEfficiency" in shown(cells[5]) and error(cells[5])


def test_an_extension_that_is_unloaded_leaves_no_process_behind(notebook: Run) -> None:
    children = "open(f'/proc/self/task/{os.getpid()}/children').read().split()"
    ran = notebook("import os", "%docker run --rm busybox true", f"len({children})", "%unload_ext dockerlab", f"len({children})")
    assert (shown(ran[2]), shown(ran[4])) == ("1", "0")

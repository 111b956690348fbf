"""Programs that want a keyboard, in a real kernel: they are left running, the cell says how to go in, and `%%exec` runs a cell in a container."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from tests.conftest import Docker
from tests.notebook.shown import error, shown
from tests.parts import ROOT, until
from tests.verbs.typing_at import Typist

pytestmark = pytest.mark.usefixtures("containers_run_here")
Run = Callable[..., Any]


def kernel_environment(home: Path, language: str = "en") -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(home), "DOCKERLAB_LANG": language}


@pytest.fixture
def cells(docker: Docker, home: Path, tmp_path: Path) -> Run:
    """Run cells in one kernel on the store that `docker` has too; the cells with their outputs."""

    def run(*texts: str, language: str = "en", beside: Callable[[NotebookClient], None] | None = None) -> Any:
        node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in ("%load_ext dockerlab", *texts)])
        client = NotebookClient(node, timeout=60, allow_errors=True, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
        if beside:
            threading.Thread(target=beside, args=(client,), daemon=True).start()
        client.execute(env=kernel_environment(home, language))
        return node.cells[1:]

    return run


def lines_to_type(cell: Any) -> list[str]:
    """The commands that a cell tells to type in a terminal."""
    return re.findall(r"^    (\S.*)$", shown(cell), re.M)


@pytest.mark.parametrize("line", ["%docker run -it --name box busybox sh", "%docker run -i -t --name=box busybox"])
def test_a_shell_is_left_running_and_the_lines_that_the_cell_tells_go_into_it(cells: Run, docker: Docker, line: str) -> None:
    ran, _ = cells(line, "%docker exec box sh -c 'echo here > /made'")
    assert not error(ran) and "exit code" not in shown(ran) and "%%exec box" in shown(ran)
    attach, enter = lines_to_type(ran)
    assert attach.endswith("dockerlab attach box") and enter.endswith("dockerlab exec -it box sh") and "DOCKERLAB_HOME=" in attach
    with Typist(["sh", "-c", enter]) as typist:
        typist.waits_for("# ")
        typist.types("cat /made; tty; exit 3\n")
        typist.waits_for("here")
        assert typist.ends() == 3
    with Typist(["sh", "-c", attach]) as typist:
        typist.types("echo $$-is-it\n")
        typist.waits_for("1-is-it")
        typist.types("\x10\x11")
        assert typist.ends() == 1 and typist.seen.endswith("read escape sequence\r\n")
    assert docker("ps", "--format", "{{.Names}}").out == "box\n"
    with Typist(["sh", "-c", attach]) as typist:
        typist.types("exit 4\n")
        assert typist.ends() == 4
    assert docker("ps", "-a", "--format", "{{.Names}} {{.Status}}").out.startswith("box Exited (4)")


def test_a_program_that_ends_by_itself_is_shown_as_without_it(cells: Run, docker: Docker) -> None:
    listed, failed, unknown, banner = cells(
        "%docker run -it --rm busybox sh -c 'test -t 1 && echo at a terminal; ls -d /etc'",
        "%docker run --rm -it busybox sh -c 'exit 3'",
        "%docker run --rm -it busybox nosuch",
        "%docker run -it --name asks busybox sh -c 'echo welcome; printf \"your name? \"; read name; echo hello $name'",
    )
    assert shown(listed) == "at a terminal\n/etc\n" and shown(failed) == "exit code 3" and "nosuch" in error(unknown)
    assert shown(banner).startswith("welcome\nasks is running") and "your name" not in shown(banner)
    assert docker("ps", "-a", "--format", "{{.Names}}").out == "asks\n"


def test_start_and_attach_and_exec_leave_a_terminal_alone_too(cells: Run, docker: Docker) -> None:
    docker("create", "-it", "--name", "box", "busybox")
    started, attached, entered, listed, stopped = cells(
        "%docker start -ai box",
        "%docker attach box",
        "%docker container exec -it -w /etc box sh",
        "%docker exec -it box ls -d /etc",
        "%docker attach nosuch",
    )
    for cell in (started, attached):
        assert [line.split("dockerlab ", 1)[1] for line in lines_to_type(cell)] == ["attach box", "exec -it box sh"]
    assert [line.split("dockerlab ", 1)[1] for line in lines_to_type(entered)] == ["exec -it -w /etc box sh"]
    assert shown(listed) == "/etc\n" and "No such container: nosuch" in error(stopped)
    assert docker("ps", "-q").out


def test_it_is_said_in_korean_where_the_learner_is(cells: Run, docker: Docker) -> None:
    ran, script, none = cells("%docker run -it --name box busybox", "%%exec box\n# YOUR CODE HERE", "%%exec\ntrue", language="ko")
    assert "JupyterLab 터미널에서" in shown(ran) and "dockerlab attach box" in shown(ran) and "셸 명령을 작성하십시오" in error(script)
    assert "%%exec box" in error(none)


def test_a_cell_is_a_script_in_a_container(cells: Run, docker: Docker) -> None:
    docker("run", "-d", "--name", "box", "-w", "/tmp", "-e", "FROM=image", "busybox", "sleep", "1000")
    name = "for"
    ran = cells(
        '%%exec box\nx=\'two words\'\nfor word in one "$x"; do\n  echo "$word {x} $$HOME"\ndone\necho end >&2',
        "%%exec box -u nobody -w /etc -e A='a b' -e FROM=cell\nid -un; pwd; echo \"$A $FROM\"",
        "%%exec -u 1:2 box\nid -u; id -g; pwd; echo $FROM",
        "r = %docker ps -q\n",
        "%%exec box\ncat; wc -c < /dev/stdin; exit 5",
        "%%exec box\nnosuchprogram",
        "%%exec --shell /bin/ash box\necho $0",
        "%%exec box\nkill -9 $$",
    )
    texts = [shown(cell) for cell in ran]
    assert texts[0].startswith("one {x} ") and "\ntwo words {x} " in texts[0] and texts[0].endswith("\nend\n"), name
    assert texts[1] == "nobody\n/etc\na b cell\n" and texts[2] == "1\n2\n/tmp\nimage\n"
    assert texts[4] == "0\nexit code 5" and "not found" in texts[5] and texts[5].endswith("exit code 127")
    assert texts[6] == "/bin/ash\n" and texts[7] == "exit code 137"
    assert not any(output.get("name") == "stderr" for cell in ran for output in cell.outputs)


def test_its_shell_is_the_containers_bash_if_it_has_one(cells: Run, docker: Docker) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    fake = "%%exec box\nprintf '#!/bin/sh\\necho bash was given: \"$@\"\\n' > /bin/bash; chmod +x /bin/bash"
    before, _, after, chosen = cells("%%exec box\necho $0", fake, "%%exec box\nrun this", "%%exec box --shell sh\necho $0")
    assert shown(before) == "sh\n" and shown(after) == "bash was given: -c run this\n\n" and shown(chosen) == "sh\n"


def test_what_a_script_says_comes_as_it_happens(cells: Run, docker: Docker) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    cell = "%%exec box\necho first; until test -e /go; do sleep 0.1; done; echo second >&2"

    def let_go(client: NotebookClient) -> None:
        until(lambda: any("first" in output.get("text", "") for output in client.nb.cells[1].get("outputs", [])))
        docker("exec", "box", "touch", "/go")

    (ran,) = cells(cell, beside=let_go)
    assert shown(ran) == "first\nsecond\n"


@pytest.mark.parametrize("script", ["sleep 900", "trap '' INT TERM; sleep 900; sleep 900", "sh -c 'sleep 900' | cat"])
def test_the_stop_button_ends_the_script_and_leaves_the_container(cells: Run, docker: Docker, script: str) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")

    def stop(client: NotebookClient) -> None:
        until(lambda: "sleep 900" in docker("top", "box").out)
        os.kill(client.km.provisioner.process.pid, signal.SIGINT)  # type: ignore[union-attr]

    ran, after = cells(f"%%exec box\n{script}", "1 + 1", beside=stop)
    assert "interrupted: the script was ended" in error(ran) and "File" not in error(ran) and shown(after) == "2"
    assert docker("ps", "--format", "{{.Names}}").out == "box\n" and "900" not in docker("top", "box").out


def test_what_can_not_be_done_is_said_with_what_can(cells: Run, docker: Docker) -> None:
    docker("run", "-d", "--name", "web", "busybox", "sleep", "1000")
    docker("create", "--name", "idle", "busybox", "true")
    lines = {
        "%%exec wev\nls": ("No such container: wev", "did you mean web?"),
        "%%exec idle\nls": ("is not running", "%docker start idle"),
        "%%exec\nls": ("%%exec takes one container", "%%exec web"),
        "%%exec web ls\nls": ("%%exec takes one container and options, not web ls", "%%exec web"),
        "%%exec web -q\nls": ("unknown shorthand flag: 'q'", ""),
        "%%exec web -u nosuch\nls": ("nosuch", ""),
        "%%exec web --shell zsh\nls": ("web has no program zsh", "--shell"),
        "%%exec web\n \n": ("there is nothing to run", "below the line"),
        f"%%exec web\necho {'x' * 140000}": ("too long", ""),
        "%%exec web 'open\nls": ("No closing quotation", "close the quote"),
    }
    for (line, (said, hint)), cell in zip(lines.items(), cells(*lines), strict=True):
        assert said in error(cell) and hint in error(cell), (line, error(cell), shown(cell))
        assert "Traceback" not in error(cell) and not re.search(r"dockerlab/\w+/\w+\.py", error(cell))
    docker("pause", "web")
    (paused,) = cells("%%exec web\nls")
    assert "is paused" in error(paused) and "%docker unpause web" in error(paused)


@pytest.fixture
def kernel(docker: Docker, home: Path, tmp_path: Path) -> Iterator[Any]:
    """A client of a kernel that has loaded the extension."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=kernel_environment(home), cwd=str(tmp_path), stderr=subprocess.DEVNULL)
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    client.execute_interactive("%load_ext dockerlab", timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_the_tab_key_completes_running_containers(kernel: Any, docker: Docker) -> None:
    for name in ("web-one", "web-two", "other"):
        docker("run", "-d", "--name", name, "busybox", "sleep", "1000")
    docker("create", "--name", "web-idle", "busybox")

    def completed(code: str, at: int) -> list[str]:
        answer = kernel.complete(code, at, reply=True, timeout=30)["content"]
        return sorted({code[: answer["cursor_start"]] + match for match in answer["matches"]})

    assert completed("%%exec web", 10) == ["%%exec web-one", "%%exec web-two"]
    assert completed("%%exec web-t\nls", 12) == ["%%exec web-two"]
    assert {"%%exec other", "%%exec web-one"} <= set(completed("%%exec ", 7))
    kernel.execute_interactive("%unload_ext dockerlab", timeout=30)
    assert "%%exec web-one" not in completed("%%exec web", 10)

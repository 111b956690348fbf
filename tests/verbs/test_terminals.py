"""Terminals as somebody has them who sits at one: sizes, Ctrl-C, the keys that let go, windows that are closed. Docker 28.5 does all of this alike."""

from __future__ import annotations

import os
import termios
from pathlib import Path

import pytest

from tests.conftest import Docker
from tests.parts import until
from tests.verbs.typing_at import DOCKERLAB, Typist

pytestmark = pytest.mark.usefixtures("containers_run_here")
SIZES = "trap 'stty size' WINCH; stty size; echo ready; while :; do sleep 0.1; done"
WAYS = {
    "run": ("run", "-it", "--name", "box", "busybox"),
    "exec": ("exec", "-it", "box"),
    "start": ("start", "-ai", "box"),
    "attach": ("attach", "box"),
}


def sitting(way: str, docker: Docker, script: str, *, rows: int = 24, flags: tuple[str, ...] = ()) -> Typist:
    """Somebody at the terminal of `sh -c script` in box, who got there in one of these ways."""
    command = ("sh", "-c", script)
    if way == "exec":
        docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    elif way in ("start", "attach"):
        assert docker("create", "-it", "--name", "box", "busybox", *command).code == 0
        if way == "attach":
            docker("start", "box")
    words = WAYS[way] if way in ("start", "attach") else (*WAYS[way], *command)
    return Typist([*DOCKERLAB, words[0], *flags, *words[1:]], rows=rows)


def running(docker: Docker) -> bool:
    return docker("ps", "--format", "{{.Names}}").out == "box\n"


@pytest.mark.parametrize("way", WAYS)
def test_the_terminal_inside_is_as_large_as_ours_and_changes_with_it(way: str, docker: Docker) -> None:
    with sitting(way, docker, SIZES, rows=31) as typist:
        typist.waits_for("31 80\r\n")
        typist.waits_for("ready" if way != "attach" else "31 80")
        typist.typed_at = len(typist.seen)
        typist.resizes(50, 132)
        typist.waits_for("50 132\r\n")


@pytest.mark.parametrize("way", WAYS)
def test_control_c_is_for_the_program_inside_and_not_for_us(way: str, docker: Docker) -> None:
    script = "trap 'echo caught; exit 6' INT; echo ready; while :; do read -t 1 line && echo got $line; done"
    with sitting(way, docker, script) as typist:
        typist.types("one\n")
        typist.waits_for("got one")
        typist.types("\x03")
        typist.waits_for("^Ccaught")
        assert typist.ends() == 6 and "KeyboardInterrupt" not in typist.seen


PLAIN, OWN = ((), ("\x10", "\x11")), (("--detach-keys", "ctrl-x,q,DEL"), ("\x18q\x7f",))


@pytest.mark.parametrize(("way", "flags", "keys"), [*((way, *PLAIN) for way in WAYS), ("exec", *OWN), ("attach", *OWN)])
def test_the_keys_that_let_go_leave_everything_running(way: str, flags: tuple[str, ...], keys: tuple[str, ...], docker: Docker) -> None:
    with sitting(way, docker, "while read line; do echo got-$line; done", flags=flags) as typist:
        before = termios.tcgetattr(typist.leader)[3] if way == "attach" else None
        typist.types("a\n")
        typist.waits_for("got-a")
        for key in keys:
            typist.types(key)
        code = typist.ends()
        told = typist.seen.endswith("read escape sequence\r\n")
        after = termios.tcgetattr(typist.leader)[3]
        assert after & termios.ECHO and after & termios.ICANON, "our own terminal is as it was"
        assert before is None or before is not after
    assert (code, told) == ((0, False) if way in ("run", "start") else (1, True))
    assert running(docker) and "while read line" in docker("top", "box").out


def test_keys_that_only_begin_like_those_go_inside(docker: Docker) -> None:
    with sitting("run", docker, "stty raw -echo; echo ready; dd bs=1 count=8 2>/dev/null | od -An -tx1; echo end; sleep 1000") as typist:
        typist.waits_for("ready")
        typist.types("\x10")
        typist.types("a\x10\x10\x11b")
        typist.types("\x11c")
        typist.waits_for("end")
        assert "10 61 10 10 11 62 11 63" in typist.seen
        typist.types("\x10\x11")
        assert typist.ends() == 0


def test_a_window_that_is_closed_leaves_the_container_running(docker: Docker) -> None:
    with sitting("run", docker, "while read line; do echo got-$line; done; echo end of input") as typist:
        typist.types("a\n")
        typist.waits_for("got-a")
        typist.closes_the_window()
        until(lambda: typist.process.poll() is not None)
    assert running(docker)
    with Typist([*DOCKERLAB, "attach", "box"]) as typist:
        typist.types("b\n")
        typist.waits_for("got-b")
        assert "end of input" not in typist.seen


def test_several_may_sit_at_one_terminal_and_one_who_leaves_takes_nobody_along(docker: Docker) -> None:
    with sitting("run", docker, "while read line; do echo got-$line; done") as first:
        first.types("a\n")
        first.waits_for("got-a")
        with Typist([*DOCKERLAB, "attach", "box"]) as second:
            second.types("b\n")
            second.waits_for("got-b")
            first.waits_for("got-b")
            second.types("\x10\x11")
            assert second.ends() == 1
        first.types("c\n")
        first.waits_for("got-c")
        assert "got-c" not in second.seen
        with Typist([*DOCKERLAB, "attach", "box"]) as third:
            third.types("d\n")
            third.waits_for("got-d")
            first.types("\x10\x11")
            assert first.ends() == 0
            third.types("e\n")
            third.waits_for("got-e")
            third.types("\x04")
            assert third.ends() == 0
    assert not running(docker)


def test_a_process_that_was_let_go_of_runs_to_its_end(docker: Docker) -> None:
    with sitting("exec", docker, "echo ready; read line; echo $line > /kept; exec sleep 1000") as typist:
        typist.waits_for("ready")
        typist.types("word\n")
        until(lambda: docker("exec", "box", "cat", "/kept").out == "word\n")
        typist.types("\x10\x11")
        assert typist.ends() == 1
    assert docker("top", "box").out.count("sleep 1000") == 2


@pytest.mark.parametrize("keys", ["bogus", "ctrl-1", "ctrl-x,yy", "é", ","])
@pytest.mark.parametrize("verb", [("run", "--rm", "busybox", "true"), ("exec", "box", "true"), ("attach", "box"), ("start", "-a", "box")])
def test_what_is_no_key_is_refused_before_anything_is_made(verb: tuple[str, ...], keys: str, docker: Docker) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    answer = docker(verb[0], "--detach-keys", keys, *verb[1:])
    assert (answer.code, answer.err.splitlines()[0]) == (1, f"Invalid escape keys ({keys}) provided")
    assert docker("ps", "-aq").out.count("\n") == 1


def test_a_terminal_of_a_container_wants_one_of_ours(docker: Docker) -> None:
    docker("run", "-dit", "--name", "box", "busybox")
    for words in (("attach", "box"), ("exec", "-it", "box", "true")):
        answer = docker(*words, stdin=b"exit\n")
        assert (answer.code, answer.err) == (1, "the input device is not a TTY\n"), words
    assert running(docker)


def test_a_container_without_a_terminal_is_attached_to_its_end_and_hears_of_an_interrupt(docker: Docker, tmp_path: Path) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sh", "-c", "trap 'echo got it; exit 4' INT; while :; do echo on; sleep 0.1; done")
    with Typist([*DOCKERLAB, "attach", "box"]) as typist:
        typist.waits_for("on\r\n")
        typist.types("\x03")
        assert typist.ends() == 4 and "got it" in typist.seen
    docker("start", "box")
    with Typist([*DOCKERLAB, "attach", "--sig-proxy=false", "box"]) as typist:
        typist.waits_for("on\r\n")
        typist.types("\x03")
        assert typist.ends() == 130
    assert running(docker) and os.listdir(tmp_path)

"""`--init`: process 1 reaps, passes signals on and ends as the program ends; what comes out is what docker-init does."""

from __future__ import annotations

import os
import signal

import pytest

from dockerlab.errors import ContainerStartError
from dockerlab.runtime import ContainerDirectory
from tests.parts import until


def said(box) -> str:
    return "".join(line.data.decode() for line in ContainerDirectory(box.folder).logs())


def test_the_program_is_a_child_of_an_init_that_ps_shows_as_docker_does(box):
    assert box.sh("cat /proc/1/comm; tr '\\0' ' ' </proc/1/cmdline; cat /proc/$$/stat | cut -d' ' -f4", init=True).startswith(
        "docker-init\n/sbin/docker-init -- sh -c "
    )
    assert box.sh("test $$ -ne 1 && grep PPid /proc/$$/status", init=True) == "PPid:\t1\n"
    assert box.sh("echo $$") == "1\n"


def test_the_exit_code_is_the_programs_or_128_and_its_signal(box):
    assert box.run("sh", "-c", "exit 7", init=True) == (7, "")
    assert box.run("sh", "-c", "kill -9 $$", init=True) == (137, "")


def test_what_cannot_be_found_is_told_by_the_init(box):
    code, output = box.run("nosuch", init=True)
    assert code == 127 and output.startswith("[FATAL tini (") and output.endswith("exec nosuch failed: No such file or directory\n")
    code, output = box.run("/etc", init=True)
    assert code == 126 and output.endswith("exec /etc failed: Permission denied\n")
    with pytest.raises(ContainerStartError):
        box.run("nosuch")


def test_orphans_are_reaped_and_end_with_the_program(box):
    script = "for i in 1 2 3 4 5; do (sleep 0.05 &) ; done; sleep 0.5; ps -o stat,args | grep -c '^Z'; (sleep 1000 &); exit 0"
    assert box.run("sh", "-c", script, init=True) == (0, "0\n")


def test_signals_reach_a_program_that_process_1_would_not_get(make_box):
    for init, code in ((True, 143), (False, 137)):
        one = make_box()
        container = one.start("sleep", "1000", init=init)
        assert container.stop(grace=1 if not init else 20) == code
    one = make_box()
    container = one.start("sh", "-c", "trap 'echo hup; exit 3' HUP; echo ready; while :; do sleep 0.05; done", init=True)
    until(lambda: "ready" in said(one))
    container.kill(signal.SIGHUP)
    assert container.wait() == 3 and "hup" in said(one)


def test_one_may_enter_a_container_with_an_init_and_list_its_processes(box):
    container = box.start("sleep", "1000", init=True)
    assert box.exec("cat /proc/1/comm; id -u") == (0, "docker-init\n0\n")
    commands = [row.command for row in container.top()]
    assert commands == ["/sbin/docker-init -- sleep 1000", "sleep 1000"]


def test_the_init_has_the_users_ids_and_no_files_of_the_keeper(box):
    assert box.sh("grep ^Uid /proc/1/status >/dev/null; id -u", uid=1000, init=True) == "1000\n"
    if os.geteuid() == 0:
        assert box.sh("ls /proc/1/fd 2>/dev/null | tail -n 1; true", init=True).strip() in ("", "2")


def test_a_terminal_belongs_to_the_program(box):
    container = box.start("sh", "-c", "test -t 0 && ps -o pid,pgid,args | head -n 3; echo done", init=True, terminal=True)
    assert container.wait() == 0 and "done" in said(box)

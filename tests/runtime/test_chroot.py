"""The isolation `chroot`: no namespace, no mount. Played as it is, and again in pods that refuse both (tests/isolations)."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
from pathlib import Path

import pytest

from dockerlab.errors import ContainerStartError, RuntimeUnavailableError
from dockerlab.layers import Tree, is_whiteout, tree_entries
from dockerlab.layers.owners import is_opaque
from dockerlab.runtime import Capabilities, Mount, Runtime
from dockerlab.runtime.copied_root import bring_up, members
from dockerlab.runtime.helper.passage import is_part_of_one
from tests.parts import until
from tests.runtime.conftest import asked_for, runtime_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can chroot")


@pytest.fixture(scope="module")
def capabilities(tmp_path_factory: pytest.TempPathFactory):
    return asked_for("chroot", tmp_path_factory)


runtime = pytest.fixture(scope="module")(runtime_of)


def text(container) -> str:
    return b"".join(line.data for line in container.logs()).decode()


def processes(root: Path) -> list[int]:
    """Those whose root is this folder."""
    return [pid for pid in members(str(root)) if not is_part_of_one(pid)]


# ------------------------------------------------------------------ what a step leaves


def test_owner_mode_and_links_are_real(box):
    out = box.sh("echo a > /f; chown 5:6 /f; chmod 4750 /f; ln -s /nowhere /l; chown -h 7:8 /l; ln /f /g; mkfifo /p; stat -c '%u:%g %a' /f")
    assert out == "5:6 4750\n"
    f, link = (box.upper / "f").lstat(), (box.upper / "l").lstat()
    assert (f.st_uid, f.st_gid, stat.S_IMODE(f.st_mode), f.st_nlink) == (5, 6, 0o4750, 2)
    assert (box.upper / "g").lstat().st_ino == f.st_ino
    assert (link.st_uid, link.st_gid, os.readlink(box.upper / "l")) == (7, 8, "/nowhere")
    assert stat.S_ISFIFO((box.upper / "p").lstat().st_mode)


def test_a_file_rewritten_with_its_old_size_and_time_is_found(make_box, tmp_path):
    layer = tmp_path / "layer/tree"
    layer.mkdir(parents=True)
    (layer / "f").write_text("one\n")
    os.utime(layer / "f", (1000, 1000))
    box = make_box(layer)
    box.sh("printf 'two\\n' > /f; touch -d @1000 /f; stat -c %Y /f")
    assert (box.upper / "f").read_text() == "two\n" and (box.upper / "f").stat().st_mtime == 1000
    assert (layer / "f").read_text() == "one\n"


def test_what_was_only_read_is_no_change(box):
    box.sh("cat /etc/passwd /bin/* > /dev/null; ls -lR / > /dev/null 2>&1; cp /etc/passwd /tmp/copy; rm /tmp/copy")
    assert box.paths() == ["dev", "etc", "proc", "sys", "tmp"]  # a folder that something was made in has another time


def test_deleted_replaced_and_made_again(make_box, tmp_path):
    layer = tmp_path / "layer/tree"
    for name in ("keep", "again", "file", "gone"):
        (layer / name).mkdir(parents=True)
        (layer / name / "x").write_text(name)
    (layer / "plain").write_text("plain")
    box = make_box(layer)
    box.sh(
        "rm -r /gone /again /file; mkdir /again; echo y > /again/y; echo f > /file; rm /plain; mkdir /plain; rm /keep/x; echo n > /tmp/n; rm /tmp/n"
    )
    whiteouts = [path for path in box.paths() if is_whiteout(str(box.upper / path), (box.upper / path).lstat())]
    assert whiteouts == ["gone", "keep/x"]
    opaque = [path for path in box.paths() if is_opaque(str(box.upper / path))]
    assert opaque == ["again", "plain"]
    assert (box.upper / "file").read_text() == "f\n" and not (box.upper / "tmp/n").exists()


def test_a_name_of_a_hard_link_that_is_written_leaves_the_others_alone(make_box, tmp_path):
    layer = tmp_path / "layer/tree"
    layer.mkdir(parents=True)
    (layer / "one").write_text("old\n")
    os.link(layer / "one", layer / "two")
    box = make_box(layer)
    assert box.sh("echo new > /one; cat /two") == "old\n"
    assert (layer / "one").read_text() == "old\n" and not (box.upper / "two").exists()


def test_what_a_step_mounts_is_there_and_in_no_layer(box, tmp_path):
    secret, cache = tmp_path / "secret", tmp_path / "cache"
    secret.write_text("s")
    cache.mkdir()
    (cache / "old").write_text("o")
    mounts = (Mount(str(cache), "/var/cache/c"), Mount(str(secret), "/run/secrets/s", readonly=True), Mount("", "/t", kind="tmpfs"))
    assert box.sh("cat /run/secrets/s /var/cache/c/old; echo n > /var/cache/c/new; echo x > /t/x; ls /t", mounts=mounts) == "sox\n"
    assert sorted(os.listdir(cache)) == ["new", "old"]
    assert not {"t", "run", "var"} & set(box.paths())


def test_a_link_in_the_place_of_a_mount_takes_nothing_from_outside(box, tmp_path):
    outside, cache = tmp_path / "outside", tmp_path / "cache"
    outside.mkdir()
    cache.mkdir()
    box.sh(f"mv /c/d /c/e; ln -s {outside} /c/d; rm -r /c; mkdir -p {tmp_path}; ln -s {tmp_path} /c", mounts=(Mount(str(cache), "/c/d"),))
    assert outside.is_dir()


def test_an_images_device_is_true_in_its_layer_whether_it_can_be_made_or_not(make_box, tmp_path):
    tree = Tree(tmp_path / "layer/tree")
    tree.device("disk", "block", 0o640, (254, 9), 3, 4)
    tree.close()
    box = make_box(tmp_path / "layer/tree")
    box.sh("chown 5:6 /disk")
    found = {entry.path: entry for entry, _ in tree_entries(box.upper)}["disk"]
    assert (found.kind, found.device, found.uid, found.gid, found.mode) == ("block", (254, 9), 5, 6, 0o640)


# ------------------------------------------------------------------ the end of processes


def test_no_process_outlives_its_step(box):
    root = box.folder / "merged"
    box.sh("setsid sh -c 'sleep 300 & sleep 300' & (sleep 300 &) & sleep 0.2")
    assert processes(root) == []


def test_a_fork_bomb_ends_with_its_step(box):
    root = box.folder / "merged"
    code, _ = box.run(
        "sh", "-c", "b() { for n in 1 2 3 4; do (setsid sleep 300 &) ; done; }; for i in 1 2 3 4 5 6; do b & done; sleep 0.3; exit 3"
    )
    assert (code, processes(root)) == (3, [])


def test_closing_the_stream_kills_all(box, runtime):
    steps = runtime.stream(box.spec("sh", "-c", "setsid sleep 300 & echo up; sleep 300"))
    for told in steps:
        if told == ("stdout", b"up\n"):
            break
        if not isinstance(told, tuple):
            told.wait()
    steps.close()
    assert processes(box.folder / "merged") == []


@pytest.mark.parametrize("who", ["keeper", "init"])
def test_a_killed_keeper_or_first_process_takes_everything_along(box, who):
    root = box.folder / "merged"
    container = box.start("sh", "-c", "setsid sleep 300 & (sleep 300 &); echo up; sleep 300")
    until(lambda: text(container) == "up\n" and len(processes(root)) >= 3)
    os.kill(json.loads((box.folder / "state.json").read_text())[who], signal.SIGKILL)
    assert container.wait(10) == 137
    until(lambda: processes(root) == [])


def test_what_an_exec_leaves_behind_ends_with_the_container(box):
    root = box.folder / "merged"
    container = box.start("sleep", "300")
    assert box.exec("setsid sleep 300 > /dev/null 2>&1 & echo ok") == (0, "ok\n")
    until(lambda: len(processes(root)) == 2)
    container.kill()
    container.wait()
    assert processes(root) == []


def test_a_pause_holds_this_containers_processes_and_no_others(box):
    container = box.start("sh", "-c", "sleep 300 & sleep 300; true")
    until(lambda: len(container.top()) == 3)
    assert os.getpid() not in [row.pid for row in container.top()]
    container.pause()
    until(lambda: {Path(f"/proc/{row.pid}/stat").read_text().rsplit(") ", 1)[1][0] for row in container.top()} <= {"T", "t"})
    container.unpause()
    assert container.stop(grace=0) == 137


def test_the_first_process_is_kept_from_signals_that_it_does_not_handle(box):
    container = box.start("sleep", "300")
    container.kill(signal.SIGTERM)
    assert container.state().running
    assert container.stop(grace=0.1) == 137


def test_dev_stdout_is_the_output_of_a_step_and_of_a_container(box):
    assert sorted(box.sh("echo a > /dev/stdout; echo b >> /dev/stderr; echo c").split()) == ["a", "b", "c"]
    container = box.start("sh", "-c", "ln -s /dev/stdout /log; echo to the log > /log; yes | head -c 300000 > /dev/stderr; sleep 0.1")
    assert container.wait() == 0
    lines = list(container.logs())
    assert [line.data for line in lines if line.stream == "stdout"] == [b"to the log\n"]
    assert sum(len(line.data) for line in lines if line.stream == "stderr") == 300000


# ------------------------------------------------------------------ borders


def test_root_has_no_way_out_and_makes_no_devices(box):
    assert "not permitted" in box.run("sh", "-c", "mkdir /x; chroot /x /bin/true")[1].lower()
    assert box.run("mknod", "/disk", "b", "254", "0")[0] != 0
    assert box.sh("ls -d /../../.. && cd / && cd .. && ls -d bin") == "/../../..\nbin\n"


def test_what_needs_a_namespace_is_refused_before_anything_is_made(box):
    for more in ({"network": "none"}, {"readonly": True}):
        with pytest.raises(RuntimeUnavailableError, match=r"can't be had: this machine refuses namespaces and mounts"):
            box.run("true", **more)
    assert box.paths() == [] and os.listdir(box.folder / "merged") == []


def test_a_program_that_is_not_there_leaves_no_root_behind(box):
    with pytest.raises(ContainerStartError):
        box.start("nosuch")
    assert os.listdir(box.folder / "merged") == [] and not (box.folder / "laid.json").exists()


# ------------------------------------------------------------------ a container's change set


def test_the_change_set_is_right_while_it_runs_and_after_it_ended(box):
    container = box.start(
        "sh", "-c", "echo 1 > /a; rm /etc/group; echo up; while [ ! -e /go ]; do sleep 0.02; done; echo 2 > /a; mkdir /late"
    )
    until(lambda: text(container) == "up\n")
    bring_up(box.folder)
    assert box.paths() == ["a", "etc", "etc/group"] and (box.upper / "a").read_text() == "1\n"
    box.exec("echo 3 > /b; : > /go")
    container.wait()
    bring_up(box.folder)
    assert box.paths() == ["a", "b", "etc", "etc/group", "go", "late"] and (box.upper / "a").read_text() == "2\n"
    assert os.listdir(box.folder / "merged") == []
    again = box.start("sh", "-c", "cat /a /b; ls /etc/group; rm /b /late -r")
    again.wait()
    assert text(again).endswith("2\n3\nls: /etc/group: No such file or directory\n")
    bring_up(box.folder)
    assert box.paths() == ["a", "etc", "etc/group", "go"]


def test_a_change_right_after_a_look_is_found_at_the_next(box):
    container = box.start("sh", "-c", "i=0; while [ ! -e /stop ]; do i=$((i+1)); echo $((1000 + i % 9)) > /f; done; echo last > /f")
    until(lambda: container.state().running and (bring_up(box.folder) or (box.upper / "f").exists()))
    for _ in range(20):
        bring_up(box.folder)
    box.exec(": > /stop")
    container.wait()
    bring_up(box.folder)
    assert (box.upper / "f").read_text() == "last\n"


def test_no_link_is_followed_out_of_the_root_by_who_looks_at_it(box, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("s")
    container = box.start("sh", "-c", f"mkdir /d; while [ ! -e /stop ]; do rmdir /d; ln -s {outside} /d; rm /d; mkdir /d; done")
    for _ in range(50):
        bring_up(box.folder)
        assert not (box.upper / "d/secret").exists() or (box.upper / "d").is_symlink()
    box.exec(": > /stop")
    container.wait()


# ------------------------------------------------------------------ compared with overlay


def random_script(seed: int) -> str:
    """Commands on a few names in three levels of folders, so that they meet each other often; what can't be done is no failure."""
    dice = random.Random(seed)
    names = ["a", "b", "c"]

    def path() -> str:
        return "/w/" + "/".join(dice.choice(names) for _ in range(dice.randint(1, 3)))

    def command() -> str:
        one, other = path(), path()
        return dice.choice(
            [
                f"mkdir -p {one}", f"rm -rf {one}", f"rm -rf {one}; mkdir {one}", f"echo {dice.randint(0, 9)} > {one}", f"echo x >> {one}",
                f"test -d {one} || mv -f {one} {other}", f"ln -f {one} {other}", f"rm -rf {one}; ln -s {other} {one}", f"chmod {dice.choice(['700', '4755', '644'])} {one}",
                f"chown -h {dice.randint(0, 3)}:5 {one}", f"touch -h -d @1000 {one}", f"cp -a {one} {other}", f"mkfifo {one}",
            ]
        )  # fmt: skip

    return "; ".join(f"({command()}) 2>/dev/null" for _ in range(dice.randint(3, 25))) + "; true"


def described(upper: Path) -> list[tuple[object, ...]]:
    """All of a layer but its times."""
    return [
        (
            entry.path,
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size,
            entry.link,
            Path(real).read_bytes() if entry.kind == "file" and real else b"",
        )
        for entry, real in tree_entries(upper)
    ]


@pytest.mark.parametrize("seed", range(6))
def test_random_steps_make_the_layers_that_overlay_makes(make_box, base, tmp_path, seed):
    found = Capabilities.load(tmp_path / "c.json")
    if "namespaces" not in found.possible:
        pytest.skip("there are no namespaces here to compare with")
    layer = make_box()
    layer.sh(random_script(1000 + seed))
    with Runtime(found) as mounting:
        for round_ in range(3):
            script = random_script(seed * 10 + round_)
            ours, theirs = make_box(layer.upper), make_box(layer.upper)
            theirs.runtime = mounting
            ours.sh(script)
            theirs.sh(script)
            assert described(ours.upper) == described(theirs.upper), script


# ------------------------------------------------------------------ the choice


def test_what_can_not_be_asked_for_is_a_clear_error(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKERLAB_ISOLATION", "jail")
    with pytest.raises(RuntimeUnavailableError, match="DOCKERLAB_ISOLATION=jail names no isolation"):
        Capabilities.load(tmp_path / "c.json")


def test_where_namespaces_are_refused_chroot_is_chosen_and_namespaces_can_not_be_asked_for(monkeypatch, tmp_path):
    if "namespaces" in Capabilities.load(tmp_path / "c.json").possible:
        pytest.skip("this machine allows namespaces; in a pod that refuses them it is tried")
    found = Capabilities.load(tmp_path / "c.json")
    assert (found.isolation, found.identity) == ("chroot", "root") and "unshare" in found.reason
    monkeypatch.setenv("DOCKERLAB_ISOLATION", "namespaces")
    refused = Capabilities.load(tmp_path / "c.json")
    assert refused.isolation == "none"
    with Runtime(refused) as runtime, pytest.raises(RuntimeUnavailableError, match="asks for what can't be had: unshare"):
        runtime._require()

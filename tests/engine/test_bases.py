"""Docker's verbs in a store above a read-only base store that is the same user's, or root's where we are root: all is seen, nothing is changed there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.course.bases import marked
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.notebook.offers import offers
from dockerlab.store import Store
from tests.conformance.program import Program
from tests.conftest import Answer, Command, Docker, build, sh
from tests.parts import ROOT

ODD = """
FROM busybox
RUN mkdir -p /d/sub /gone /hidden && echo secret > /d/secret && chmod 600 /d/secret && chown 7:8 /d/secret && ln -s secret /d/link && chown -h 7:8 /d/link
RUN touch /gone/file /hidden/file && dd if=/dev/urandom of=/d/large bs=1024 count=100 2>/dev/null && chmod 4755 /d/large && ln /d/large /d/hard
RUN rm -r /gone && rm -r /hidden && mkdir /hidden && touch /hidden/new && mkfifo /d/pipe && chmod 2775 /d/sub
"""
LOOK = (
    "find / -xdev -mindepth 1 -path /proc -prune -o -path /sys -prune -o -path /dev -prune -o -path /etc -prune -o -path /.dockerenv -prune -o -print | sort | "
    "while read f; do echo $(stat -c '%A %u:%g %s %Y %n' $f) $(readlink $f); done; find /bin/busybox /d /hidden -type f | sort | xargs md5sum"
)
"""What a container is made of: kinds, modes, owners, times, links, contents."""

DOCKERLAB = f'dockerlab() {{ PYTHONPATH="{ROOT}" "{sys.executable}" -m dockerlab "$@"; }}; '
"""For scripts of a shell: the command, wherever it is installed."""


@pytest.fixture
def base(home: Path, docker: Docker) -> Path:
    """What was the store, with one image more, as a base: by a link that leads there."""
    assert build(docker, ODD, tag="odd:1").code == 0
    assert docker("builder", "prune", "-af").code == 0
    home.rename(home.with_name("real"))
    home.symlink_to("real")
    return home


@pytest.fixture(params=["overlay", "copy"])
def above(
    base: Path, engine: EmbeddedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Docker]:
    """docker in a store of its own above `base`, which must be afterwards what it was, and can't be written by an ordinary user meanwhile."""
    if request.param != engine.runtime.capabilities.snapshots and request.param == "overlay":
        pytest.skip("no overlay here")
    monkeypatch.setenv("DOCKERLAB_SNAPSHOTS", request.param)
    closed = [] if os.geteuid() == 0 else [path for path in (base, *base.iterdir(), *(base / "layers").iterdir()) if path.is_dir()]
    modes = {path: path.stat().st_mode & 0o7777 for path in closed}
    for path in closed:
        path.chmod(modes[path] & ~0o222)
    monkeypatch.setenv("DOCKERLAB_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("DOCKERLAB_BASE_STORES", str(base))
    before = marked(base.resolve())
    program = Program()

    def run(*words: str) -> Answer:
        answer = program(*words)
        return Answer(answer.returncode, answer.stdout.decode(), answer.stderr.decode())

    try:
        yield run
    finally:
        for item in program.engine.containers(all=True):
            program.engine.remove(item["Id"], force=True)
        program.engine.close()
        assert marked(base.resolve()) == before
        for path, mode in modes.items():
            path.chmod(mode)


@pytest.mark.usefixtures("containers_run_here")
def test_everything_is_seen_of_a_base_and_nothing_is_changed_there(base: Path, above: Docker, tmp_path: Path) -> None:
    assert {line.split()[0] for line in above("images").out.splitlines()[1:]} == {"busybox", "odd"}
    assert above("history", "-q", "odd:1").out.count("\n") > 3
    assert json.loads(above("inspect", "odd:1").out)[0]["GraphDriver"]["Data"]["UpperDir"].startswith(f"{base}/")
    found = offers("%docker run --rm od", EmbeddedEngine)
    assert found is not None and [one.text for one in found.offers] == ["odd:1"]
    inside = EmbeddedEngine().layer_inside("odd:1", 2)
    assert inside.read("/d/secret", 100) == b"secret\n" and {entry.path for entry in inside.folder("/d")} >= {"/d/link", "/d/sub"}
    assert "0:0 0 " in sh(above, LOOK, "odd:1") and "-rw------- 7:8 7 " in sh(above, LOOK, "odd:1")
    assert build(above, "FROM odd:1\nRUN rm /d/hard && echo more >> /d/secret\nCOPY --from=odd:1 /d /copy\n", tag="mine:1").code == 0
    assert "7:8 12 " in sh(above, LOOK, "mine:1") and "/d/hard" not in sh(above, LOOK, "mine:1")
    assert above("run", "--name", "box", "odd:1", "sh", "-c", "rm /d/link; echo x > /bin/new; chmod 700 /d").code == 0
    assert above("diff", "box").out == "C /bin\nA /bin/new\nC /d\nD /d/link\n"
    assert above("commit", "box", "kept:1").code == 0 and above("start", "-a", "box").code == 0
    assert above("cp", "box:/d/secret", str(tmp_path / "secret")).code == 0 and (tmp_path / "secret").read_text() == "secret\n"
    for words in (["save", "-o", "all.tar", "odd:1", "mine:1"], ["export", "-o", "box.tar", "box"], ["tag", "odd:1", "again:1"]):
        assert above(*words).code == 0
    assert above("load", "-i", "all.tar").code == 0
    assert len(list((tmp_path / "own/layers").iterdir())) == 3  # RUN, COPY, commit
    assert "Dockerfile:" in above("blame", "odd:1", "/d/secret").out and above("cat", "odd:1", "/d/secret").out == "secret\n"
    assert "Dockerfile:2 " in above("blame", "mine:1", "/d/secret").out and "(odd:1)" in above("blame", "mine:1", "/d/secret").out
    assert above("layers", "odd:1").code == 0 and list((tmp_path / "own/indices").iterdir())
    assert above("rm", "box").code == 0 and above("system", "prune", "-af").code == 0
    assert {line.split()[0] for line in above("images").out.splitlines()[1:]} == {"busybox", "odd"}
    assert list((tmp_path / "own/indices").iterdir()) == []
    assert list((tmp_path / "own/layers").iterdir()) == [] and list((tmp_path / "own/borrowed").iterdir()) == []


def test_an_image_of_a_base_is_not_removed_and_that_is_said_with_what_to_do(base: Path, above: Docker) -> None:
    identifier = above("images", "-q", "--no-trunc", "odd:1").out.strip()
    for name in ("odd:1", identifier, identifier[7:19]):
        for force in ([], ["-f"]):
            answer = above("rmi", *force, name)
            assert answer.code == 1 and f"{identifier[7:19]} is in the read-only base store {base}" in answer.err
            assert f"DOCKERLAB_HOME={base} dockerlab rmi" in answer.err and "Traceback" not in answer.err
    assert above("image", "prune", "-af").out == "Total reclaimed space: 0B\n"
    assert above("builder", "prune", "-af").code == 0
    assert above("images", "-q").out.count("\n") == 2


def test_a_name_of_one_s_own_goes_alone_and_shows_what_it_hid(above: Docker) -> None:
    hidden = above("images", "-q", "odd:1").out
    assert above("tag", "busybox", "odd:1").code == 0 and above("images", "-q", "odd:1").out != hidden
    assert above("rmi", "odd:1").out == "Untagged: odd:1\n" and above("images", "-q", "odd:1").out == hidden
    assert above("tag", "odd:1", "two:1").code == 0 and above("tag", "odd:1", "three:1").code == 0
    assert "referenced in multiple repositories" in above("rmi", hidden.strip()).err
    assert above("rmi", "-f", hidden.strip()).out == "Untagged: three:1\nUntagged: two:1\n"
    assert above("tag", "odd:1", "two:1").code == 0
    assert above("image", "prune", "-af").out == "Deleted Images:\nuntagged: two:1\n\nTotal reclaimed space: 0B\n"
    assert above("images", "-q", "odd:1").out == hidden


def test_system_df_counts_what_images_share_once_and_says_what_is_in_a_base(base: Path, above: Docker) -> None:
    whole = above("system", "df").out.splitlines()
    assert build(above, "FROM odd:1\nCOPY Dockerfile /\n", tag="mine:1").code == 0
    after = above("system", "df").out.splitlines()
    assert whole[1].split()[:2] == ["Images", "2"] and after[1].split()[:2] == ["Images", "3"]
    assert whole[1].split()[3] == after[1].split()[3]  # 29 bytes more in a megabyte or two
    assert whole[1].split()[4:] == ["0B", "(0%)"] and after[1].split()[4:] == ["29B", "(0%)"]
    assert after[-1].startswith(whole[1].split()[3]) and after[-1].endswith(f"is in the base store {base}: nothing here frees it")


@pytest.mark.usefixtures("containers_run_here")
def test_a_base_that_is_gone_stops_what_needs_it_in_one_sentence(
    base: Path, above: Docker, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert above("run", "--name", "box", "odd:1", "touch", "/new").code == 0
    assert above("run", "-d", "--name", "on", "odd:1", "sleep", "1000").code == 0
    assert build(above, "FROM odd:1\nCOPY Dockerfile /\n", tag="mine:1").code == 0
    elsewhere = base.with_name("elsewhere")
    os.rename(base, elsewhere)
    try:
        for words in (
            "images",
            "run mine:1 true",
            "start box",
            "diff box",
            "commit box",
            "history odd:1",
            "system df",
            "build .",
        ):
            answer = command(*words.split())
            assert answer.returncode and f"the base store {base} is not there" in answer.stderr and "Traceback" not in answer.stderr, (
                words,
                answer,
            )
        for words in ("ps -a", "logs box", "volume ls", "network ls"):
            assert command(*words.split()).returncode == 0, words
    finally:
        os.rename(elsewhere, base)
    monkeypatch.delenv("DOCKERLAB_BASE_STORES")
    for words in ("run mine:1 true", "start box", "diff box", "commit box"):
        answer = command(*words.split())
        assert answer.returncode and f"it is one of the base store {base}" in answer.stderr and "Traceback" not in answer.stderr, (
            words,
            answer,
        )
        assert f"name that again: DOCKERLAB_BASE_STORES={base}" in answer.stderr
    assert "mine" in command("images").stdout
    assert command("rm", "-f", "box", "on").returncode == 0 and command("rmi", "mine:1").returncode == 0


def test_fsck_looks_at_bases_when_asked_and_doctor_names_them(base: Path, above: Docker, command: Command) -> None:
    assert str(base) not in command("fsck").stdout
    found = command("fsck", "--bases")
    assert found.returncode == 0 and f"{base}: 4 layers, 2 images, 2 names" in found.stdout
    assert list(json.loads(command("fsck", "--bases", "--quick", "--json").stdout)["bases"]) == [str(base)]
    assert f"base store: {base}, 2 images; their layers are used as they lie there" in command("doctor").stdout
    assert "doctor" not in command("doctor", "--json").stderr


def test_doctor_says_what_is_wrong_with_a_base(home: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_BASE_STORES", f"{tmp_path}/gone")
    assert f"base store: {tmp_path}/gone, the base store {tmp_path}/gone is not there" in command("doctor").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
@pytest.mark.usefixtures("containers_run_here")
def test_a_base_on_a_read_only_file_system_serves_builds_and_containers(base: Path, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM odd:1\nRUN rm /d/hard && chmod 711 /d\nCOPY --from=odd:1 /d/secret /copy\n")
    script = DOCKERLAB + (
        'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && ! touch "$1/x" 2>/dev/null && cd "$2" && '
        "dockerlab build -q -t mine:1 . && dockerlab run --rm mine:1 sh -c 'ls -ld /d /copy' && dockerlab tag odd:1 own:1 && dockerlab rmi own:1 && "
        "dockerlab fsck --bases && dockerlab system prune -af && dockerlab rmi odd:1"
    )
    environment = {**os.environ, "DOCKERLAB_HOME": str(tmp_path / "own"), "DOCKERLAB_BASE_STORES": str(base)}
    said = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script, "sh", base, tmp_path], capture_output=True, text=True, env=environment, timeout=120
    )
    if said.stderr.startswith("unshare:"):
        pytest.skip("mounts are refused here")
    assert said.returncode == 1 and "is in the read-only base store" in said.stderr, said
    assert "drwx--x--x" in said.stdout and "-rw-------" in said.stdout and "Untagged: own:1" in said.stdout


@pytest.mark.network
def test_the_catalogue_takes_what_a_base_remembers_and_copies_nothing(
    composed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no apt-get, no dpkg-deb
    engine = EmbeddedEngine(Store.open(tmp_path / "own", bases=str(composed)))
    before = marked(composed)
    said: list[str] = []
    engine.notice = said.append
    assert engine.resolve_name("nginx") and not said
    assert engine.history("debian") and len(said) == 1
    assert engine.store.layers.all() == [] and not (tmp_path / "own/catalogue/apt").exists()
    assert marked(composed) == before
    engine.close()
    shutil.rmtree(tmp_path / "own")


@pytest.mark.usefixtures("containers_run_here")
def test_two_kernels_above_one_base_build_run_and_prune_at_once(base: Path, above: Docker, tmp_path: Path) -> None:
    Path("Dockerfile").write_text("FROM odd:1\nARG N\nRUN echo $N > /n && cat /d/secret\n")
    script = (
        DOCKERLAB
        + "for n in 1 2 3 4 5; do dockerlab build -q -t t$0:$n --build-arg N=$0$n . && dockerlab run --rm t$0:$n cat /n && dockerlab image prune -f; done"
    )
    several = [
        subprocess.Popen(["bash", "-c", script, str(n)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for n in range(3)
    ]
    for n, one in enumerate(several):
        out, err = one.communicate(timeout=120)
        assert one.returncode == 0 and [line for line in out.splitlines() if len(line) == 2] == [f"{n}{turn}" for turn in range(1, 6)], err
    assert above("images", "-q").out.count("\n") == 17

"""A base store that is somebody else's: root's for an ordinary user, an ordinary user's for root. What a container is made of is the same for all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockerlab.course.bases import marked
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.layers import remove_tree
from dockerlab.oci import Reference
from dockerlab.store import Store
from tests.engine.test_bases import LOOK, ODD
from tests.ordinary import OrdinaryUser
from tests.parts import ROOT

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root is two users"),
    pytest.mark.usefixtures("containers_run_here"),
]
Lab = Callable[..., subprocess.CompletedProcess[str]]
WAYS = {
    "overlay": {"DOCKERLAB_ISOLATION": "namespaces"},
    "copy": {"DOCKERLAB_SNAPSHOTS": "copy"},
    "proot": {"DOCKERLAB_ISOLATION": "proot"},
}


def made_by(lab: Lab, folder: Path, busybox_home: Path, base: Path) -> str:
    """Make the base store with busybox and odd:1; what a container of the latter is made of."""
    assert lab("load", "-i", busybox_home).returncode == 0
    (folder / "Dockerfile").write_text(ODD)
    assert lab("build", "-q", "-t", "odd:1", folder).returncode == 0
    looked = lab("run", "--rm", "odd:1", "sh", "-c", LOOK)
    assert looked.returncode == 0 and "7:8 7 " in looked.stdout and "Traceback" not in looked.stderr
    return looked.stdout


@pytest.fixture
def archive(template_home: Path, ordinary_user: OrdinaryUser) -> Path:
    """A file that everybody can read, with busybox."""
    engine = EmbeddedEngine(Store.open(template_home, bases=""))
    with open(ordinary_user.home / "busybox.tar", "wb") as out:
        engine.save(["busybox"], out)
    engine.close()
    return ordinary_user.home / "busybox.tar"


@pytest.fixture
def shared_place() -> Iterator[Path]:
    """A folder that everybody may enter, and only root may write to."""
    import tempfile

    top = Path(tempfile.mkdtemp(prefix="base-", dir="/var/tmp"))
    top.chmod(0o755)
    yield top
    remove_tree(top)


@pytest.fixture
def root_s(shared_place: Path, archive: Path) -> tuple[Path, str]:
    """Root's store, not shared yet, and what a container of odd:1 is made of there."""
    base = shared_place / "srv"

    def lab(*words: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(base)}
        return subprocess.run([sys.executable, "-m", "dockerlab", *words], capture_output=True, text=True, env=environment, timeout=120)

    look = made_by(lab, archive.parent, archive, base)
    return base, look


def shared(base: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(base)}
    said = subprocess.run([sys.executable, "-m", "dockerlab", "share"], capture_output=True, text=True, env=environment, check=True)
    assert f"DOCKERLAB_BASE_STORES={base}" in said.stdout


def lab_of(user: OrdinaryUser, **environment: str) -> Lab:
    def lab(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return user(sys.executable, "-m", "dockerlab", *words, timeout=120, **environment)

    return lab


def blocks(folder: Path) -> int:
    """The bytes that a folder takes of its disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def test_a_base_that_its_owner_has_not_shared_is_refused_with_what_its_owner_does(
    root_s: tuple[Path, str], ordinary_user: OrdinaryUser
) -> None:
    base, _ = root_s
    lab = lab_of(ordinary_user, DOCKERLAB_BASE_STORES=str(base))
    for mode in (0o700, 0o755):
        base.chmod(mode)
        answer = lab("run", "--rm", "odd:1", "true")
        assert answer.returncode == 125 and f"the base store {base}" in answer.stderr and "Traceback" not in answer.stderr
        assert f"DOCKERLAB_HOME={base} dockerlab share" in answer.stderr


@pytest.mark.parametrize("way", WAYS)
def test_an_ordinary_user_has_the_containers_that_root_has_of_root_s_base(
    way: str, root_s: tuple[Path, str], ordinary_user: OrdinaryUser, archive: Path
) -> None:
    base, look = root_s
    shared(base)
    before = marked(base)
    lab = lab_of(ordinary_user, DOCKERLAB_BASE_STORES=str(base), **WAYS[way])
    assert {line.split()[0] for line in lab("images").stdout.splitlines()[1:]} == {"busybox", "odd"}
    assert lab("history", "odd:1").returncode == 0 and not (ordinary_user.home / "dockerlab/borrowed").exists()
    looked = lab("run", "--rm", "odd:1", "sh", "-c", LOOK)
    if f"DOCKERLAB_ISOLATION={WAYS[way].get('DOCKERLAB_ISOLATION')} asks for what can't be had" in looked.stderr:
        pytest.skip(looked.stderr)
    assert (looked.stdout, looked.returncode) == (look, 0), looked.stderr
    (archive.parent / "Dockerfile").write_text(
        "FROM odd:1\nRUN rm /d/hard && echo more >> /d/secret && chown 9:9 /bin/busybox && mv /d/large /d/moved\n"
        "FROM odd:1\nCOPY --from=0 / /from/\nCOPY --from=odd:1 /d /copy\nRUN ls -ln /from/bin/busybox /copy/secret /from/d && md5sum /from/bin/busybox\n"
    )
    built = lab("build", "--progress=plain", "-t", "mine:1", archive.parent)
    assert built.returncode == 0, built.stderr
    said = built.stdout + built.stderr
    assert " 9        9 " in said and look.split("  /bin/busybox")[0].rsplit("\n", 1)[1] in said
    saved = lab("save", "-o", ordinary_user.home / "all.tar", "odd:1", "mine:1")
    assert saved.returncode == 0, saved.stderr
    assert lab("system", "prune", "-af").returncode == 0 and lab("rmi", "odd:1").returncode == 1
    found = lab("fsck", "--bases")
    assert found.returncode == 0 and f"{base}: 4 layers, 2 images, 2 names" in found.stdout, found
    assert list((ordinary_user.home / "dockerlab/borrowed").iterdir()) == []
    assert marked(base) == before


def test_where_the_kernel_can_join_them_only_inodes_are_an_ordinary_user_s_own(
    root_s: tuple[Path, str], ordinary_user: OrdinaryUser
) -> None:
    base, _ = root_s
    shared(base)
    lab = lab_of(ordinary_user, DOCKERLAB_BASE_STORES=str(base))
    machine = json.loads(lab("doctor", "--json").stdout)
    joins = {item["name"]: item["available"] for item in machine["capabilities"]}.get("borrowed_bytes")
    assert lab("run", "--rm", "busybox", "true").returncode == 0
    taken = blocks(ordinary_user.home / "dockerlab/borrowed")
    assert (taken < 300_000) == bool(joins), taken


def test_where_the_kernel_can_t_join_them_the_files_are_copied_once(root_s: tuple[Path, str], ordinary_user: OrdinaryUser) -> None:
    base, look = root_s
    shared(base)
    lab = lab_of(ordinary_user, DOCKERLAB_BASE_STORES=str(base))
    assert lab("run", "--rm", "busybox", "true").returncode == 0
    known = ordinary_user.home / "dockerlab/capabilities.json"  # as before Linux 6.16
    known.write_text(
        json.dumps(
            {
                **(found := json.loads(known.read_text())),
                "items": [{**one, "available": one["available"] and one["name"] != "borrowed_bytes"} for one in found["items"]],
            }
        )
    )
    inodes = []
    for _ in range(2):
        looked = lab("run", "--rm", "odd:1", "sh", "-c", LOOK)
        assert (looked.stdout, looked.returncode) == (look, 0), looked.stderr
        whole = sorted((ordinary_user.home / "dockerlab/borrowed").glob("*/whole/tree/bin/busybox"))
        inodes.append([path.stat().st_ino for path in whole])
        assert [path.stat().st_blocks > 0 for path in whole] == [True]
    assert inodes[0] == inodes[1]


def test_files_of_such_a_base_are_an_ordinary_user_s_to_read_and_no_program_there_is_set_id(
    root_s: tuple[Path, str], ordinary_user: OrdinaryUser
) -> None:
    base, _ = root_s
    shared(base)
    found = ordinary_user("find", base, "-perm", "/7000", "-o", "-type", "b", "-o", "-type", "c")
    assert found.stdout == "" and "layers" in found.stderr
    assert ordinary_user("find", base / "shared", "!", "-readable", "!", "-type", "l", "!", "-type", "p").stdout == ""


def test_what_its_owner_s_umask_closes_is_told_and_opened_by_sharing_again(root_s: tuple[Path, str], ordinary_user: OrdinaryUser) -> None:
    base, _ = root_s
    shared(base)
    before = os.umask(0o077)
    try:
        store = Store.open(base, bases="")
        store.images.tag(store.images.find_id("busybox"), Reference.parse("later:1"))
    finally:
        os.umask(before)
    lab = lab_of(ordinary_user, DOCKERLAB_BASE_STORES=str(base))
    for words in (["images"], ["run", "--rm", "later:1", "true"]):
        answer = lab(*words)
        assert answer.returncode and f"the base store {base} can't be read" in answer.stderr and "Traceback" not in answer.stderr, answer
        assert f"DOCKERLAB_HOME={base} dockerlab share" in answer.stderr
    shared(base)
    assert "later" in lab("images").stdout and lab("run", "--rm", "later:1", "true").returncode == 0


def test_an_image_that_its_owner_brings_later_is_everybody_s(root_s: tuple[Path, str], ordinary_user: OrdinaryUser, archive: Path) -> None:
    base, _ = root_s
    shared(base)
    engine = EmbeddedEngine(Store.open(base, bases=""))
    with open(archive, "rb") as source:
        engine.load(source)
    engine.tag("busybox", "later:1")
    engine.close()
    lab = lab_of(ordinary_user, DOCKERLAB_BASE_STORES=str(base))
    assert lab("run", "--rm", "later:1", "true").returncode == 0


@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize("way", ["overlay", "copy", "chroot"])
def test_root_has_the_containers_that_an_ordinary_user_has_of_theirs(
    way: str, is_shared: bool, ordinary_user: OrdinaryUser, archive: Path, tmp_path: Path
) -> None:
    base = ordinary_user.home / "srv"
    theirs = lab_of(ordinary_user, DOCKERLAB_HOME=str(base))
    look = made_by(theirs, archive.parent, archive, base)
    if is_shared:
        assert theirs("share").returncode == 0
    before = marked(base)
    how = {"chroot": {"DOCKERLAB_ISOLATION": "chroot"}, **WAYS}[way]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DOCKERLAB_HOME": str(tmp_path / "own"),
        "DOCKERLAB_BASE_STORES": str(base),
        **how,
    }

    def lab(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "dockerlab", *words], capture_output=True, text=True, env=environment, timeout=120)

    looked = lab("run", "--rm", "odd:1", "sh", "-c", LOOK)
    assert (looked.stdout, looked.returncode) == (look, 0), looked.stderr
    assert lab("save", "-o", tmp_path / "all.tar", "odd:1").returncode == 0
    assert lab("fsck", "--bases").returncode == 0 and lab("system", "prune", "-af").returncode == 0
    assert marked(base) == before

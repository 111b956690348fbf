"""A store that several processes write to at once, that is killed at any moment, and whose disk is full or not ours."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dockerlab.errors import ConflictError, NotFoundError, StoreError
from dockerlab.layers import Tree, TreeView
from dockerlab.oci import HistoryEntry, ImageConfig, Reference
from dockerlab.store import Store
from tests.conftest import Docker, build
from tests.parts import ROOT

SEAL = """
import sys
from dockerlab.layers import Tree
from dockerlab.store import Store
store = Store.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for turn in range(int(sys.argv[2])):
    with store.tmp() as folder:
        tree = Tree(folder / "tree")
        tree.mkdir(f"d{turn}", mtime=5)
        for n in range(40):
            tree.write(f"d{turn}/{n}", b"x" * 1000, mtime=5)
        tree.close()
        print(store.layers.seal(folder).diff_id, flush=True)
"""


def sealer(home: Path, turns: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SEAL, str(home), str(turns)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def test_processes_that_seal_the_same_layers_at_once_agree(tmp_path: Path) -> None:
    both = [sealer(tmp_path, 12) for _ in range(3)]
    for one in both:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [one.communicate(timeout=60)[0].split() for one in both]
    assert [one.returncode for one in both] == [0, 0, 0]
    assert said[0] == said[1] == said[2] and len(said[0]) == 12
    store = Store.open(tmp_path)
    assert store.layers.all() == sorted(said[0])
    assert list((tmp_path / "tmp").iterdir()) == []
    assert all(len(os.listdir(store.layers.get(diff_id).tree / f"d{n}")) == 40 for n, diff_id in enumerate(said[0]))


@pytest.mark.parametrize("after", [0, 3, 7])
def test_kill_9_in_the_middle_of_sealing_leaves_whole_layers_and_nothing_else(tmp_path: Path, after: int) -> None:
    process = sealer(tmp_path, 5000)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    for _ in range(after):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    store = Store.open(tmp_path)
    whole = store.layers.all()
    assert len(whole) >= after
    for diff_id in whole:
        assert len(list(TreeView([store.layers.get(diff_id).tree]).walk())) == 42
    store.images.add(ImageConfig(diff_ids=tuple(whole[:1])))
    store.sweep()
    assert store.layers.all() == whole[:1]
    assert [path for path in (tmp_path / "tmp").iterdir() if path.suffix != ".lock"] == []
    with store.tmp() as folder:
        Tree(folder / "tree").close()
        assert store.layers.seal(folder).size == 0


def test_half_of_a_layer_is_no_layer_and_can_be_made_again(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with store.tmp() as folder:
        with Tree(folder / "tree") as tree:
            tree.write("f", b"1", mtime=1)
        layer = store.layers.seal(folder)
    (layer.path / "layer.json").unlink()  # what a removal that was cut short leaves
    (layer.tree / "f").write_bytes(b"wrong")
    fresh = Store.open(tmp_path)
    assert not fresh.layers.has(layer.diff_id) and fresh.layers.all() == []
    with pytest.raises(NotFoundError):
        fresh.layers.get(layer.diff_id)
    with fresh.tmp() as folder:
        with Tree(folder / "tree") as tree:
            tree.write("f", b"1", mtime=1)
        assert fresh.layers.seal(folder).diff_id == layer.diff_id
    assert (layer.tree / "f").read_bytes() == b"1"


def test_a_layer_whose_content_changed_is_not_sent_out_under_its_old_name(tmp_path: Path) -> None:
    import io

    store = Store.open(tmp_path)
    with store.tmp() as folder:
        with Tree(folder / "tree") as tree:
            tree.write("f", b"1", mtime=1)
        layer = store.layers.seal(folder)
    (layer.tree / "f").write_bytes(b"2")
    with pytest.raises(StoreError, match="no longer has the content"):
        store.layers.open_tar(layer, io.BytesIO())


def test_a_configuration_that_was_damaged_is_noticed_and_mended_by_whoever_brings_it_again(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    image, other = store.images.add(ImageConfig(author="me")), store.images.add(ImageConfig(author="other"))
    blob = tmp_path / "blobs/sha256" / image.id[7:]
    blob.write_bytes(blob.read_bytes().replace(b"me", b"you"))
    with pytest.raises(StoreError, match="was damaged") as caught:
        store.images.get(image.id)
    assert "build or load the image again" in str(caught.value)
    assert [one.id for one in store.images.all()] == [other.id]
    store.images.add(ImageConfig(author="me"))
    assert store.images.get(image.id) == image


def test_half_written_files_are_no_images_and_are_swept_once_forgotten(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    image = store.images.add(ImageConfig(author="me"))
    half, fresh = (tmp_path / "images" / f"{image.id[7:]}.{number}~" for number in "12")
    orphan, nameless = tmp_path / "blobs/sha256" / ("0" * 64), tmp_path / "containers" / ("1" * 64)
    for path in (half, fresh, orphan):
        path.write_bytes(b"")
    nameless.mkdir()
    os.utime(half, (1, 1))
    assert store.images.find(image.id[7:19]) == image and store.images.ids() == [image.id]
    store.sweep()
    assert [path.exists() for path in (half, fresh, orphan, nameless)] == [False, True, False, False]
    assert store.images.get(image.id) == image


def test_a_damaged_cache_record_is_none(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.cache.put("key", {"layer": "x"})
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(b"{half")
    assert store.cache.get("key") is None and store.cache.values() == []


def test_a_short_id_that_two_images_share_is_not_guessed(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    first: dict[str, str] = {}
    for n in range(40):
        identifier = store.images.add(ImageConfig(author=str(n)).with_history(HistoryEntry(created_by=str(n)))).id[7:]
        if identifier[0] in first:
            break
        first[identifier[0]] = identifier
    with pytest.raises(ConflictError, match="begins the ID of 2 images"):
        store.images.find(identifier[0])


def test_a_name_moves_and_the_image_that_lost_it_stays(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    one, two = (store.images.add(ImageConfig(author=name)) for name in ("one", "two"))
    name = Reference.parse("localhost:5000/me/site:1")
    assert store.images.tag(one.id, name) is None
    assert store.images.tag(two.id, name) == one.id
    assert store.images.find("localhost:5000/me/site:1").id == two.id
    assert store.images.names(one.id) == [] and {image.id for image in store.images.all()} == {one.id, two.id}


def limited(home: Path, folder: Path, *words: str, size: int) -> subprocess.CompletedProcess[str]:
    """dockerlab WORDS where no file may grow beyond `size`, which is how a disk quota feels."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run(
        [sys.executable, "-m", "dockerlab", *words],
        preexec_fn=limit, cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(home)},
    )  # fmt: skip


def test_a_file_that_may_not_grow_is_one_message_and_the_store_works_afterwards(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "big").write_bytes(bytes(3_000_000))
    (folder / "Dockerfile").write_text("FROM busybox\nCOPY big /big\n")
    answer = limited(home, folder, "build", "-t", "t:1", ".", size=1_000_000)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr and "a file may not grow that large there" in answer.stderr
    assert list((home / "tmp").iterdir()) == [] and list((home / "snapshots").iterdir()) == []
    again = limited(home, folder, "build", "-t", "t:1", ".", size=resource.RLIM_INFINITY)
    assert again.returncode == 0, again.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small tmpfs")
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("this root may not mount")
    try:
        try:
            os.setxattr(folder, "user.tried", b"")
        except OSError:
            pytest.skip("a tmpfs keeps no user xattrs here (Linux 6.6), so no store")
        yield folder  # type: ignore[misc]
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.usefixtures("containers_run_here")
@pytest.mark.parametrize(
    ("line", "says"),
    [("COPY big /big", "no space left on its disk"), ("RUN cat /dev/zero > /big", "No space left on device")],
    ids=["COPY", "RUN"],
)
def test_a_build_on_a_full_disk_says_so_and_leaves_nothing(
    template_home: Path, small_disk: Path, tmp_path: Path, line: str, says: str
) -> None:
    subprocess.run(["cp", "-a", f"{template_home}/.", str(small_disk)], check=True)
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "big").write_bytes(bytes(20_000_000))
    (folder / "Dockerfile").write_text(f"FROM busybox\nENV A=1\n{line}\n")
    answer = limited(small_disk, folder, "build", "-t", "t:1", ".", size=resource.RLIM_INFINITY)
    assert answer.returncode == 1
    assert says in answer.stderr and "Traceback" not in answer.stderr
    if "its disk" in says:
        assert "DOCKERLAB_HOME=/a/larger/folder" in answer.stderr and str(small_disk) in answer.stderr
    assert list((small_disk / "tmp").iterdir()) == [] and list((small_disk / "snapshots").iterdir()) == []
    assert limited(small_disk, folder, "run", "--rm", "busybox", "echo", "works", size=resource.RLIM_INFINITY).stdout == "works\n"


@pytest.mark.parametrize("where", ["/etc/passwd", "/etc/passwd/x", "/proc/x"])
def test_a_home_that_cannot_be_made_says_how_to_choose_another(tmp_path: Path, where: str) -> None:
    answer = limited(Path(where), tmp_path, "images", size=resource.RLIM_INFINITY)
    assert answer.returncode == 1
    assert where in answer.stderr and "set DOCKERLAB_HOME" in answer.stderr and "Traceback" not in answer.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_home_in_a_folder_of_somebody_else_says_how_to_choose_another(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    folder.chmod(mode)
    try:
        answer = limited(folder / "home", tmp_path, "images", size=resource.RLIM_INFINITY)
    finally:
        folder.chmod(0o755)
    assert answer.returncode == 1
    assert "you may not write there" in answer.stderr and "set DOCKERLAB_HOME" in answer.stderr and "Traceback" not in answer.stderr


@pytest.fixture
def read_only(home: Path) -> Path:
    """The store, on a file system that is mounted read-only for a while; or in folders without the write bit for an ordinary user."""
    if os.geteuid() == 0:
        if subprocess.run(["mount", "--bind", str(home), str(home)], capture_output=True).returncode:
            pytest.skip("this root may not mount")
        subprocess.run(["mount", "-o", "remount,bind,ro", str(home)], check=True)
        yield home  # type: ignore[misc]
        subprocess.run(["umount", "-l", str(home)], check=True)
    else:
        folders = [home, *(path for path in home.iterdir() if path.is_dir()), home / "blobs/sha256"]
        for path in folders:
            path.chmod(0o555)
        yield home  # type: ignore[misc]
        for path in folders:
            path.chmod(0o755)


def test_a_read_only_store_can_be_looked_at_and_says_why_it_takes_nothing(read_only: Path, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY Dockerfile /\n")
    assert "busybox" in limited(read_only, tmp_path, "images", size=resource.RLIM_INFINITY).stdout
    for words in (["build", "-t", "t:1", "."], ["tag", "busybox", "b:2"], ["create", "--name", "aa", "busybox"]):
        answer = limited(read_only, tmp_path, *words, size=resource.RLIM_INFINITY)
        assert answer.returncode in (1, 125), words
        assert f"the store at {read_only} can't be written" in answer.stderr and "Traceback" not in answer.stderr, (words, answer.stderr)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_of_the_context_is_not_blamed_on_the_store(docker: Docker) -> None:
    Path("secret").write_text("x")
    Path("secret").chmod(0)
    answer = build(docker, "FROM busybox\nCOPY secret /\n")
    assert answer.code == 1
    assert "secret" in answer.err and "permission denied" in answer.err.lower() and "store" not in answer.err

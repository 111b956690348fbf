"""SOURCE_DATE_EPOCH: two builds, on other days, by other people, in other stores, give the same bytes — configuration, layers and archive."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import time
from pathlib import Path

import pytest

from tests.conftest import Docker
from tests.ordinary import OrdinaryUser

pytestmark = pytest.mark.usefixtures("containers_run_here")

EPOCH = 1_000_000_000
TEXT = """FROM busybox AS made
WORKDIR /w
RUN echo hi > made && mkdir -p x/y && ln -s made link && ln made twin && mkfifo pipe && touch -d '2001-02-03 04:05:06' old
FROM busybox
ENV A=1
COPY --chown=7:8 a.txt sub /d/
COPY --from=made /w /w
RUN rm -r /tmp && chown -R 5:6 /w/x && chmod 700 /w/x/y
USER 9
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A folder whose files have their times from a checkout."""
    folder = tmp_path / "context"
    (folder / "sub/deep").mkdir(parents=True)
    for name, text in {"Dockerfile": TEXT, "a.txt": "a", "sub/b": "b", "sub/deep/c": "c"}.items():
        (folder / name).write_text(text)
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return folder


def test_somebody_else_builds_the_same_bytes_at_another_time(docker: Docker, context: Path, ordinary_user: OrdinaryUser) -> None:
    first = ordinary_user.home / "first.tar"
    docker("save", "busybox", "-o", str(ordinary_user.home / "base.tar"))
    answer = docker("build", "--no-cache", "-t", "made:1", str(context), env={"SOURCE_DATE_EPOCH": str(EPOCH)})
    assert answer.code == 0, answer.err
    assert docker("save", "made:1", "-o", str(first)).code == 0
    time.sleep(1.1)
    script = (
        "umask 077; export DOCKERLAB_HOME=$HOME/theirs TZ=Asia/Seoul; dockerlab() { '"
        + sys.executable
        + '\' -m dockerlab "$@"; }; cp -rp "$1" context;'
        "dockerlab load -i base.tar && dockerlab build -t made:1 context && dockerlab save made:1 -o second.tar && cmp first.tar second.tar"
    )
    for file in ordinary_user.home.iterdir():
        file.chmod(0o644)
    done = ordinary_user("bash", "-ec", script, "sh", _lent(context, ordinary_user), SOURCE_DATE_EPOCH=str(EPOCH))
    assert done.returncode == 0, done.stdout + done.stderr


def _lent(context: Path, user: OrdinaryUser) -> str:
    """A copy of the context, with its times, where the user can read it."""
    target = user.home / "lent"
    shutil.copytree(context, target, copy_function=shutil.copy2)
    shutil.copystat(context, target)
    return str(target)


def test_what_a_step_wrote_has_the_epoch_and_what_it_dated_itself_has_not(docker: Docker, context: Path) -> None:
    assert docker("build", "--target", "made", "-t", "made:2", str(context), env={"SOURCE_DATE_EPOCH": str(EPOCH)}).code == 0
    docker("create", "--name", "box", "made:2")
    docker("export", "box", "-o", "whole.tar")
    with tarfile.open("whole.tar") as archive:
        times = {member.name: member.mtime for member in archive if member.name.startswith("w/")}
    assert times.pop("w/old") == 981173106
    assert len(times) == 6 and set(times.values()) == {EPOCH}


def test_a_layer_of_another_epoch_is_not_taken_from_the_cache(docker: Docker, context: Path) -> None:
    ids = []
    for epoch in ("", "1", "2", "1"):
        env = {"SOURCE_DATE_EPOCH": epoch} if epoch else {}
        assert docker("build", "-t", "made:3", str(context), env=env).code == 0
        ids.append(docker("images", "-q", "--no-trunc", "made:3").out)
    assert ids[1] == ids[3] and len(set(ids)) == 3


def test_the_archive_of_an_image_is_the_same_each_time(docker: Docker, context: Path) -> None:
    docker("build", "-t", "made:4", str(context))
    for name in ("one.tar", "two.tar"):
        docker("save", "made:4", "-o", name)
        time.sleep(0.1)
    assert Path("one.tar").read_bytes() == Path("two.tar").read_bytes()
    with tarfile.open("one.tar") as archive:
        assert "manifest.json" in archive.getnames()

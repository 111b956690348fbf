"""Volumes, `cp` and `export`: what they keep of a file, and what a mistake leaves behind."""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
from pathlib import Path

import pytest

from tests.conftest import Docker, build
from tests.verbs.test_containers import inspect

pytestmark = pytest.mark.usefixtures("containers_run_here")

LINKED = "FROM busybox\nRUN mkdir /d && echo word > /d/a && ln /d/a /d/b && mkfifo /d/p && touch -d @5 /d\n"


def test_a_wrong_volume_leaves_no_other_behind(docker: Docker) -> None:
    for wrong in ("b!:/b", "data:b", "data:/a:odd", "other:/a"):
        assert docker("create", "-v", "data:/a", "-v", wrong, "busybox").code in (1, 125), wrong
    assert docker("volume", "ls", "-q").out == "" and docker("ps", "-aq").out == ""


def test_a_new_volume_holds_what_the_image_holds_there(docker: Docker) -> None:
    build(docker, LINKED)
    shown = docker("run", "--rm", "-v", "data:/d", "t:1", "sh", "-c", "stat -c %h /d/a; stat -c %F /d/p; cat /d/b")
    assert shown.out == "2\nfifo\nword\n"


def test_a_volume_that_failed_to_be_filled_is_not_there(docker: Docker, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dockerlab.layers import Tree

    build(docker, LINKED)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(home / "volumes"))

    with monkeypatch.context() as patch:
        patch.setattr(Tree, "put", full)
        answer = docker("create", "-v", "data:/d", "t:1")
    assert answer.code != 0 and "no space left" in answer.err
    assert list((home / "volumes").iterdir()) == [] and docker("ps", "-aq").out == ""
    assert docker("run", "--rm", "-v", "data:/d", "t:1", "cat", "/d/a").out == "word\n"


def test_what_is_asked_for_takes_the_place_of_what_is_borrowed(docker: Docker) -> None:
    build(docker, "FROM busybox\nVOLUME /one /two\n")
    docker("create", "--name", "lender", "t:1")
    docker("create", "--name", "borrower", "--volumes-from", "lender", "-v", "mine:/two", "t:1")
    lent = {mount["Destination"]: mount["Name"] for mount in inspect(docker, "lender")["Mounts"]}
    mounts = inspect(docker, "borrower")["Mounts"]
    assert sorted((mount["Destination"], mount["Name"]) for mount in mounts) == [("/one", lent["/one"]), ("/two", "mine")]


def test_only_a_volume_that_nobody_mounts_is_removed(docker: Docker, home: Path) -> None:
    docker("create", "--name", "user", "-v", "data:/d", "busybox")
    answer = docker("volume", "rm", "../containers", "data", "nosuch")
    assert answer.code == 1 and answer.out == ""
    assert "no such volume" in answer.err and "volume is in use" in answer.err
    docker("rm", "user")
    assert docker("volume", "rm", "-f", "data", "nosuch").out == "data\nnosuch\n"
    assert (home / "containers").is_dir() and list((home / "volumes").iterdir()) == []


def test_files_copied_out_keep_the_times_of_their_folders(docker: Docker, tmp_path: Path) -> None:
    build(docker, LINKED)
    docker("create", "--name", "box", "t:1")
    assert docker("cp", "box:/d", str(tmp_path / "out")).code == 0
    assert (tmp_path / "out").stat().st_mtime == 5 and (tmp_path / "out/a").read_text() == "word\n"


@pytest.mark.parametrize("words", [["export", "-o", "f.tar", "box"], ["cp", "box:/d", "-"]])
def test_an_archive_holds_the_bytes_of_a_linked_file_once(docker: Docker, words: list[str]) -> None:
    build(docker, LINKED)
    docker("create", "--name", "box", "t:1")
    shown = docker(*words).out.encode()
    with tarfile.open(fileobj=io.BytesIO(shown or Path("f.tar").read_bytes())) as tar:
        assert (tar.getmember("d/b").linkname, tar.getmember("d/a").size, tar.getmember("d/p").isfifo()) == ("d/a", 5, True)


def test_a_pipe_is_copied_in_as_a_pipe(docker: Docker, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    docker("run", "-d", "--name", "box", "busybox", "sleep", "100")
    assert docker("cp", str(tmp_path / "p"), "box:/tmp/p").code == 0
    assert docker("exec", "box", "stat", "-c", "%F", "/tmp/p").out == "fifo\n"


def test_copy_from_another_stage_keeps_what_a_program_may_do(docker: Docker, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "base.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("tool")
        may_bind = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0).decode("latin1")
        member.pax_headers = {"SCHILY.xattr.security.capability": may_bind, "SCHILY.xattr.user.word": "x"}
        tar.addfile(member)
    docker("import", str(tmp_path / "base.tar"), "caps")
    assert build(docker, "FROM busybox\nCOPY --from=caps /tool /bin/\n").code == 0
    docker("save", "-o", "t.tar", "t:1")
    found = []
    with tarfile.open("t.tar") as whole:
        for name in whole.getnames():
            if name.startswith("blobs/"):
                blob = whole.extractfile(name)
                assert blob is not None
                data = blob.read()
                if data[:1] != b"{":
                    with tarfile.open(fileobj=io.BytesIO(data)) as layer:
                        found += [set(member.pax_headers) for member in layer if member.name == "bin/tool"]
    assert found == [{"SCHILY.xattr.security.capability"}]


def test_commit_keeps_what_nobody_may_read(docker: Docker) -> None:
    docker("run", "--name", "box", "busybox", "sh", "-c", "mkdir /d && echo word > /d/f && ln /d/f /d/g && chmod 000 /d/f /d")
    assert docker("commit", "box", "kept").code == 0
    shown = docker("run", "--rm", "kept", "sh", "-c", "stat -c '%a %h' /d /d/f; cat /d/g")
    assert shown.out == "0 2\n0 2\nword\n"


def test_links_count_where_docker_counts_them(docker: Docker) -> None:
    build(docker, "FROM busybox\nRUN ln -s 1234567890 /l; echo 12345 > /f\n")
    assert docker("history", "--format", "{{.Size}}", "t:1").out.splitlines()[0] == "6B"
    docker("run", "--name", "box", "busybox", "sh", "-c", "ln -s 1234567891 /l; echo 12345 > /f")
    docker("commit", "box", "kept")
    assert docker("history", "--format", "{{.Size}}", "kept").out.splitlines()[0] == "16B"


def test_an_images_config_is_whole_as_json_and_bare_in_a_template(docker: Docker) -> None:
    build(docker, 'FROM busybox\nCMD ["x"]\n')
    whole = docker("image", "inspect", "--format", "json", "t:1").out
    assert (
        '"Config":{"ArgsEscaped":true,"Cmd":["x"],"Entrypoint":null,"Env":[' in whole and '"Labels":null,"OnBuild":null,"User":""' in whole
    )
    assert '"Cmd":["x"],"ArgsEscaped":true}' in docker("image", "inspect", "--format", "{{json .Config}}", "t:1").out


def test_volumes_have_labels_that_filters_find(docker: Docker) -> None:
    docker("volume", "create", "--label", "a=b", "--label", "c", "labelled")
    docker("volume", "create", "--name", "plain")
    assert json.loads(docker("volume", "inspect", "labelled").out)[0]["Labels"] == {"a": "b", "c": ""}
    assert json.loads(docker("volume", "inspect", "plain").out)[0]["Labels"] is None
    form = "{{.Name}} {{.Labels}}"
    assert docker("volume", "ls", "--filter", "label=a=b", "--format", form).out == "labelled a=b,c=\n"
    assert docker("volume", "ls", "--filter", "label=a=x", "-q").out == ""
    assert docker("volume", "ls", "--filter", "name=lai", "-q").out == "plain\n"
    assert docker("volume", "ls", "--filter", "driver=other", "-q").out == ""
    docker("create", "-v", "plain:/p", "busybox")
    assert docker("volume", "ls", "--filter", "dangling=true", "-q").out == "labelled\n"
    assert docker("volume", "ls", "--filter", "dangling=false", "-q").out == "plain\n"
    assert docker("volume", "prune", "-a", "-f", "--filter", "label!=a").out == "Total reclaimed space: 0B\n"
    assert "labelled\n" in docker("volume", "prune", "-a", "-f", "--filter", "label=a").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a",), "volume name is too short, names should be at least two alphanumeric characters"),
        (("bad name",), 'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed'),
        (("-d", "nosuch", "data"), 'create data: error looking up volume plugin nosuch: plugin "nosuch" not found'),
        (("--name", "one", "two"), "conflicting options"),
        (("-o", "type=tmpfs", "data"), "mounting needs root"),
    ],
)
def test_a_volume_that_can_not_be_made(docker: Docker, words: tuple[str, ...], said: str) -> None:
    answer = docker("volume", "create", *words)
    assert answer.code == 1 and said in answer.err and docker("volume", "ls", "-q").out == ""

"""Images and files on both engines: names, layers, archives, docker cp."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from dockerlab.engine import Engine
from dockerlab.errors import DockerlabError, InvalidReferenceError, NotFoundError
from tests.contract.conftest import BASE, Docker


def built(docker: Docker, name: str, *lines: str) -> None:
    answer = docker("build", "-q", "-t", name, "-", stdin="\n".join([f"FROM {BASE}", *lines, ""]).encode())
    assert answer.code == 0, answer.err


def test_a_name_is_given_found_and_taken_away(docker: Docker, engine: Engine) -> None:
    engine.tag(BASE, "contract-other:2")
    assert engine.image_inspect("contract-other:2")["Id"] == engine.image_inspect(BASE)["Id"]
    assert engine.resolve_name("contract-other:2") == engine.image_inspect(BASE)["Id"]
    assert engine.image_remove("contract-other:2") == [{"Untagged": "contract-other:2"}]
    with pytest.raises(NotFoundError) as raised:
        engine.image_inspect("contract-other:2")
    assert raised.value.message == "No such image: contract-other:2"
    with pytest.raises(InvalidReferenceError):
        engine.tag(BASE, "Not A Name")


def test_images_are_told_newest_first_with_names_and_sizes(docker: Docker, engine: Engine) -> None:
    built(docker, "contract-built:1", "RUN echo 12345 > /file")
    mine = [one for one in engine.images() if any(name.startswith("contract-") for name in one["RepoTags"])]
    sizes = {one["RepoTags"][0]: one["Size"] for one in mine}
    assert sizes["contract-built:1"] - sizes[BASE] == 6
    times = [one["Created"] for one in engine.images()]
    assert times == sorted(times, reverse=True)


def test_a_layer_shows_what_it_adds_changes_and_deletes(docker: Docker, engine: Engine) -> None:
    built(docker, "contract-built:1", "RUN echo 1 > /new; echo 2 >> /etc/motd; rm /etc/group", "RUN rm -r /tmp")
    number = len(engine.image_inspect("contract-built:1")["RootFS"]["Layers"])
    inside = engine.layer_inside("contract-built:1", number - 1)
    assert {(one.path, one.change) for one in inside.folder("/etc")} >= {("/etc/motd", "C"), ("/etc/group", "D")}
    assert ("/new", "A") in {(one.path, one.change) for one in inside.folder("/")}
    assert ("/tmp", "D") in {(one.path, one.change) for one in engine.layer_inside("contract-built:1", number).folder("/")}
    files = engine.image_files("contract-built:1")
    assert files.read("/etc/motd") == b"hello\n2\n" and files.lookup("/etc/group") is None and files.lookup("/tmp") is None
    with pytest.raises(NotFoundError):
        engine.layer_inside("contract-built:1", number + 1)


def test_an_image_that_is_saved_is_loaded_with_the_same_id(docker: Docker, engine: Engine) -> None:
    built(docker, "contract-built:1", "RUN echo 1 > /new")
    identifier = engine.image_inspect("contract-built:1")["Id"]
    archive = io.BytesIO()
    engine.save(["contract-built:1"], archive)
    engine.image_remove("contract-built:1")
    archive.seek(0)
    assert engine.load(archive) == ["contract-built:1"]
    assert engine.image_inspect("contract-built:1")["Id"] == identifier
    with pytest.raises(NotFoundError):
        engine.save(["contract-nothing:1"], io.BytesIO())
    with pytest.raises(DockerlabError):
        engine.load(io.BytesIO(b"no archive"))


def test_a_file_system_goes_out_and_comes_in(docker: Docker, engine: Engine) -> None:
    docker("create", "--name", "contract-one", BASE)
    out = io.BytesIO()
    engine.export("contract-one", out)
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert {"bin/busybox", "etc/motd"} <= {name.removeprefix("./").rstrip("/") for name in tar.getnames()}
    out.seek(0)
    identifier = engine.import_(out, "contract-imported:1", changes=['CMD ["cat", "/etc/motd"]', "ENV PATH=/bin"], message="from outside")
    assert engine.image_inspect("contract-imported:1")["Id"] == identifier
    assert engine.history("contract-imported:1")[0]["Comment"] == "from outside"
    assert docker("run", "--rm", "contract-imported:1").out == "hello\n"


def test_an_images_files_are_exported(docker: Docker, engine: Engine, tmp_path: Path) -> None:
    built(docker, "contract-built:1", "RUN echo 1 > /new; rm /etc/group")
    engine.export_image("contract-built:1", str(tmp_path / "out"))
    assert (tmp_path / "out/new").read_text() == "1\n" and not (tmp_path / "out/etc/group").exists()


def test_cp_follows_dockers_rules(docker: Docker, engine: Engine, tmp_path: Path) -> None:
    docker("create", "--name", "contract-one", BASE)
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "file").write_text("file\n")
    (source / "sub/deep").write_text("deep\n")
    engine.copy_in("contract-one", str(source / "file"), "/etc/")
    engine.copy_in("contract-one", str(source / "file"), "/etc/renamed")
    engine.copy_in("contract-one", str(source), "/whole")
    engine.copy_in("contract-one", str(source) + "/.", "/tmp")
    target = tmp_path / "target"
    target.mkdir()
    for path in ("/etc/file", "/etc/renamed", "/whole/sub/deep", "/tmp/sub/deep"):
        engine.copy_out("contract-one", path, str(target / "one"))
        assert (target / "one").read_text() in ("file\n", "deep\n")
    engine.copy_out("contract-one", "/whole", str(target))
    assert (target / "whole/sub/deep").read_text() == "deep\n"
    engine.copy_out("contract-one", "/whole/.", str(target / "contents"))
    assert sorted(os.listdir(target / "contents")) == ["file", "sub"]
    for wrong, path in ((str(source / "file"), "/nowhere/x"), (str(source), "/etc/motd"), (str(tmp_path / "nothing"), "/etc")):
        with pytest.raises(DockerlabError):
            engine.copy_in("contract-one", wrong, path)
    with pytest.raises(NotFoundError) as raised:
        engine.copy_out("contract-one", "/nothing", str(target))
    assert raised.value.message == "Could not find the file /nothing in container contract-one"


def test_cp_reads_and_writes_a_tar(docker: Docker, engine: Engine) -> None:
    docker("create", "--name", "contract-one", BASE)
    out = io.BytesIO()
    engine.archive_out("contract-one", "/etc/motd", out)
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert tar.getnames() == ["motd"]
    out.seek(0)
    engine.unpack_in("contract-one", out, "/tmp")
    again = io.BytesIO()
    engine.archive_out("contract-one", "/tmp/motd", again)
    assert b"hello" in again.getvalue()
    with pytest.raises(DockerlabError):
        engine.unpack_in("contract-one", io.BytesIO(out.getvalue()), "/etc/motd")


def test_the_disk_is_told(docker: Docker, engine: Engine) -> None:
    built(docker, "contract-built:1", "RUN echo 1 > /new")
    docker("create", "--name", "contract-one", "contract-built:1")
    found = engine.disk_usage()
    assert any("contract-built:1" in one["RepoTags"] for one in found["Images"]) and found["LayersSize"] > 0
    assert any(one["Name"] == "/contract-one" for one in found["Containers"])
    assert docker("system", "df").out.splitlines()[0].startswith("TYPE")
    own, whole = engine.container_sizes("contract-one")
    assert own < whole


def test_images_without_a_name_are_pruned(docker: Docker, engine: Engine) -> None:
    built(docker, "contract-built:1", "RUN echo first > /new")
    first = engine.image_inspect("contract-built:1")["Id"]
    built(docker, "contract-built:1", "RUN echo second > /new")
    done, _ = engine.image_prune(keep=lambda item: item["Id"] != first)
    assert {"Deleted": first} in done


def test_the_engine_says_which_it_is(engine: Engine) -> None:
    assert engine.info()["Engine"].startswith(("dockerlab, embedded", "Docker daemon at "))
    assert {one["Name"] for one in engine.networks()} >= {"bridge", "host", "none"}


def test_blame_names_the_line_of_the_dockerfile_that_wrote_a_path(docker: Docker, engine: Engine) -> None:
    built(docker, "contract-below:1", "ONBUILD RUN echo left > /left", "RUN echo 1 > /first", "ARG A=1")
    text = "FROM contract-below:1 AS one\nRUN echo 2 > /second\n\nFROM one\nENV B=2\nRUN \\\n  echo 3 >> /first\n"
    answer = docker("build", "-q", "-t", "contract-built:1", "-", stdin=text.encode())
    assert answer.code == 0, answer.err

    def places(path: str) -> list[tuple[str, str]]:
        touched = [touch.layer.origin for touch in engine.image_inside("contract-built:1").touched_by(path)]
        return [(one.image, one.place) if one is not None else ("", "") for one in touched]

    assert places("/first") == [("", "Dockerfile:6"), ("contract-below:1", "Dockerfile:3")]
    assert places("/second") == [("", "Dockerfile:2")]
    assert places("/left") in ([("", "")], [("", "Dockerfile:1")])
    engine.tag("contract-built:1", "contract-other:1")
    assert docker("blame", "contract-other:1", "/second").out.splitlines()[1].split()[3] == "Dockerfile:2"


def test_cp_of_a_container_that_is_not_there_says_so(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="No such container: contract-nobody"):
        engine.copy_out("contract-nobody", "/etc", str(tmp_path))
    with pytest.raises(NotFoundError, match="No such container: contract-nobody"):
        engine.copy_in("contract-nobody", str(tmp_path), "/etc")


def test_an_images_configuration_is_told_as_dockers_client_tells_it(docker: Docker) -> None:
    lines = ("EXPOSE 80", "LABEL b=2 a=1", "HEALTHCHECK --interval=3s --retries=2 CMD true", "STOPSIGNAL 9", "USER ada", "WORKDIR /tmp")
    built(docker, "contract-built:1", *lines)
    said = docker("image", "inspect", "--format", "{{json .Config}}", "contract-built:1").out
    assert said == (
        '{"User":"ada","ExposedPorts":{"80/tcp":{}},"Env":["PATH=/bin"],"Cmd":["sh"],"WorkingDir":"/tmp","Labels":{"a":"1","b":"2"},'
        '"StopSignal":"9","Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":3000000000,"Retries":2}}\n'
    )
    whole = docker("image", "inspect", "--format", "{{json .}}", "contract-built:1").out
    assert f'"Author":"","Config":{said.strip()},"Architecture":' in whole


def test_a_repositorys_name_alone_saves_every_tag_of_it(docker: Docker, engine: Engine) -> None:
    names = ("contract-many:1", "contract-many:2", "localhost:5000/contract-many:3")
    for name in names:
        engine.tag(BASE, name)
    for repository, tags in (("contract-many", list(names[:2])), ("localhost:5000/contract-many", [names[2]])):
        archive = io.BytesIO()
        engine.save([repository], archive)
        archive.seek(0)
        for name in tags:
            engine.image_remove(name)
        assert sorted(engine.load(archive)) == tags

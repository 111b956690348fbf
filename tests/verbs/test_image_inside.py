"""`dockerlab layers`, `compare`, `cat` and `blame`: the inside of an image as its Dockerfile made it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store.fsck import LEFT, examine, repair
from tests.conftest import Docker, build
from tests.parts import ROOT

pytestmark = pytest.mark.usefixtures("containers_run_here")
SITE = """\
FROM busybox AS site
COPY a.txt /srv/a.txt
ENV X=1

RUN echo two > /srv/a.txt; \\
    ln -s a.txt /srv/link; mkdir /srv/d; echo 1 > /srv/d/deep
COPY secret /secret
RUN rm -r /secret /srv/d
"""


@pytest.fixture
def site(docker: Docker) -> Docker:
    assert build(docker, SITE, tag="site:1", a__txt="one", secret="s3cret").code == 0
    return docker


def answered(docker: Docker, *words: str) -> Any:
    answer = docker(*words, "--json")
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


# --- layers


def test_each_layer_is_told_with_its_dockerfile_line_and_every_path(site: Docker) -> None:
    found = answered(site, "layers", "site:1")
    own = found["layers"][-4:]
    assert [one["dockerfile"]["first"] for one in own] == [2, 5, 7, 8] and own[1]["dockerfile"]["last"] == 6
    assert own[1]["dockerfile"]["instruction"].startswith("RUN echo two > /srv/a.txt;") and own[1]["created_by"].startswith(
        "RUN /bin/sh -c"
    )
    paths = [{one["path"]: one["change"] for one in layer["paths"]} for layer in own]
    assert paths[0] == {"/srv": "A", "/srv/a.txt": "A"} and paths[2] == {"/secret": "A"}
    assert paths[3]["/secret"] == paths[3]["/srv/d"] == "D" and paths[1]["/srv/a.txt"] == "C"
    assert [one["removed"] for one in own] == [0, 0, 0, 2]
    wasted = {one["path"]: one for one in found["wasted"]}
    number = own[2]["layer"]
    assert wasted["/secret"] == {"path": "/secret", "bytes": 6, "layers": {str(number): 6}, "hidden_by": [number + 1]}
    assert found["hidden_bytes"] == 6 + len("one") + len("1\n") == sum(one["hidden"] for one in found["layers"])
    assert found["image"] == site("image", "inspect", "-f", "{{.Id}}", "site:1").out.strip()


def test_the_summary_shows_what_is_hidden_and_where_it_lies(site: Docker) -> None:
    said = site("layers", "site:1").out
    assert "Dockerfile:5" in said and "RUN rm -r /secret /srv/d" in said
    assert "Later layers hide 11B of it" in said and "/secret" in said.split("HIDDEN    IN LAYER")[1]
    listed = site("layers", "--files", "site:1").out
    assert "\nA       6B /secret\n" in listed and "\nD       6B /secret\n" in listed and "/srv/link -> a.txt\n" in listed


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        ((), 1, "FAIL: highestUserWastedPercent"),
        (("--highestUserWastedPercent", "disabled"), 0, "SKIP: highestUserWastedPercent"),
        (("--highestUserWastedPercent=1", "--highestWastedBytes=1B"), 1, "FAIL: highestWastedBytes"),
        (("--highestUserWastedPercent=1", "--highestWastedBytes=1kB"), 0, "PASS: highestWastedBytes"),
        (("--highestUserWastedPercent=1", "--lowestEfficiency=1"), 1, "FAIL: lowestEfficiency"),
    ],
)
def test_thresholds_decide_the_exit_code(site: Docker, flags: tuple[str, ...], code: int, says: str) -> None:
    answer = site("layers", "--ci", *flags, "site:1")
    assert answer.code == code and says in answer.out and answer.out.endswith("Result: FAIL\n" if code else "Result: PASS\n")
    as_json = site("layers", "--ci", "--json", *flags, "site:1")
    assert as_json.code == code and json.loads(as_json.out)["ci"]["passed"] is not bool(code)


@pytest.mark.parametrize("flag", ["--lowestEfficiency=2", "--highestWastedBytes=lots", "--highestUserWastedPercent=x"])
def test_a_threshold_that_is_none_is_refused(site: Docker, flag: str) -> None:
    answer = site("layers", "--ci", flag, "site:1")
    assert answer.code == 125 and "invalid value" in answer.err


def test_an_image_without_layers_has_nothing_to_waste(docker: Docker) -> None:
    build(docker, "FROM scratch\nLABEL a=b\n", tag="empty:1")
    found = answered(docker, "layers", "empty:1")
    assert (found["layers"], found["efficiency"], found["wasted"]) == ([], 1.0, [])
    assert docker("cat", "empty:1", "/a").code == docker("blame", "empty:1", "/a").code == 1


def test_a_second_look_reads_what_the_first_kept_and_a_damaged_index_is_made_again(site: Docker, engine: EmbeddedEngine) -> None:
    first = site("layers", "--json", "site:1").out
    kept = engine.store.indices.all()
    assert len(kept) == len(json.loads(first)["layers"]) + 1
    for path in kept:
        path.write_bytes(path.read_bytes()[:-3])
    assert {problem.kind for problem in examine(engine.store).problems} == {LEFT} and examine(engine.store).sound
    assert site("layers", "--json", "site:1").out == first and examine(engine.store).problems == ()
    kept[0].write_bytes(b"x")
    assert len(repair(engine.store)) == 1 and examine(engine.store).problems == ()


def test_what_is_kept_goes_with_the_image(site: Docker, engine: EmbeddedEngine) -> None:
    site("layers", "site:1")
    site("rmi", "site:1")
    site("builder", "prune", "-af")
    left = {path.name[:64] for path in engine.store.indices.all()}
    assert left <= {diff_id[7:] for diff_id in engine.image_inspect("busybox")["RootFS"]["Layers"]}
    assert not list((engine.store.home / "images").glob("*.origins")) or examine(engine.store).problems == ()


def test_layers_in_common_are_told_for_all_images_and_containers(site: Docker) -> None:
    build(site, "FROM site:1\nRUN echo > /more\n", tag="more:1")
    site("create", "--name", "box", "more:1", "true")
    found = answered(site, "layers", "--shared")
    users = {one["diff_id"]: set(one["users"]) for one in found["layers"]}
    base = answered(site, "layers", "site:1")["layers"]
    assert users[base[-1]["diff_id"]] == {"site:1", "more:1", "box"} and users[base[0]["diff_id"]] == {
        "busybox:latest",
        "site:1",
        "more:1",
        "box",
    }
    assert found["saved"] == sum(one["size"] * (len(one["users"]) - 1) for one in found["layers"])
    some = answered(site, "layers", "--shared", "site:1", "box")
    assert all(set(one["users"]) == {"site:1", "box"} for one in some["layers"])


# --- compare


def test_two_images_are_compared_by_layers_configuration_and_files(site: Docker) -> None:
    build(
        site,
        "FROM site:1\nENV X=2\nLABEL a=b\nRUN echo three > /srv/a.txt; chmod 600 /srv/link; rm /srv/link; echo n > /new\n",
        tag="site:2",
    )
    found = answered(site, "compare", "site:1", "site:2")
    assert found["only_first"] == [] and len(found["only_second"]) == 1 and found["shared"]["count"] == len(found["shared"]["layers"])
    config = {one["key"]: (one["first"], one["second"]) for one in found["config"]}
    assert config["Env.X"] == ("1", "2") and config["Labels.a"] == (None, "b")
    files = {one["path"]: (one["change"], one["what"]) for one in found["files"]}
    assert files == {"/new": ("A", []), "/srv/a.txt": ("C", ["content", "mode"]), "/srv/link": ("D", [])}
    said = site("compare", "site:1", "site:2").out
    assert "1 path only in the second, 1 only in the first, 1 differ" in said and "Env.X" in said


def test_the_same_files_built_at_another_time_do_not_differ(docker: Docker) -> None:
    for name, time in (("a", 1), ("b", 2)):
        build(docker, f"FROM busybox\nRUN mkdir /d; echo 1 > /d/1; echo 22 > /d/2; touch -d @{time} /d/1\n", tag=f"{name}:1")
    found = answered(docker, "compare", "a:1", "b:1")
    assert found["files"] == [] and len(found["only_first"]) == len(found["only_second"]) == 1


def test_a_folder_that_became_a_file_is_told_with_what_lay_in_it(docker: Docker) -> None:
    build(docker, "FROM busybox\nRUN mkdir /d; echo 1 > /d/1\n", tag="a:1")
    build(docker, "FROM busybox\nRUN echo > /d\n", tag="b:1")
    found = [(one["change"], one["path"]) for one in answered(docker, "compare", "a:1", "b:1")["files"]]
    assert found == [("C", "/d"), ("D", "/d/1")]
    assert [(one["change"], one["path"]) for one in answered(docker, "compare", "b:1", "a:1")["files"]] == [("C", "/d"), ("A", "/d/1")]


def test_containers_share_the_layers_of_their_images_and_have_one_of_their_own(site: Docker) -> None:
    site("run", "--name", "one", "site:1", "sh", "-c", "echo 12345 > /x")
    site("create", "--name", "two", "site:1", "true")
    found = answered(site, "compare", "one", "two")
    assert [(one["name"], one["own"]) for one in found["images"]] == [("one", 6), ("two", 0)]
    assert found["shared"]["saved"] == sum(one["size"] for one in answered(site, "layers", "site:1")["layers"]) and found["files"] == []


def test_an_image_that_is_neither_is_not_found(site: Docker) -> None:
    assert "No such image: nothing:latest" in site("compare", "site:1", "nothing").err


# --- cat


def test_cat_writes_the_bytes_as_a_container_would_see_them(docker: Docker, home: Path) -> None:
    Path("raw").write_bytes(bytes(range(256)) * 9000)
    build(docker, "FROM busybox\nCOPY raw /d/raw\nRUN ln -s /d/raw /link\n", tag="raw:1")
    for path in ("/d/raw", "d/raw", "/link", "/../d/./raw"):
        words = [sys.executable, "-m", "dockerlab", "cat", "raw:1", path]
        done = subprocess.run(words, capture_output=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert done.stdout == Path("raw").read_bytes(), path
    assert docker("cat", "raw:1", "/d").err.startswith("Error: /d is a folder")


def test_a_file_that_was_removed_is_still_in_its_layer(site: Docker) -> None:
    answer = site("cat", "site:1", "/secret")
    number = answered(site, "layers", "site:1")["layers"][-2]["layer"]
    assert answer.code == 1 and f"layer {number + 1} removes it; layer {number} still holds it: --layer {number}" in answer.err
    for words in (
        ("--layer", str(number), "site:1"),
        (f"site:1:{number}",),
        (f"{answered(site, 'layers', 'site:1')['image'][7:19]}:{number}",),
    ):
        assert site("cat", *words, "/secret").out == "s3cret", words
    assert f"layers that do: {number}" in site("cat", "--layer", "1", "site:1", "/secret").err
    assert "is a link to a.txt" in site("cat", "--layer", str(number - 1), "site:1", "/srv/link").err
    assert "there is no layer 99" in site("cat", "site:1:99", "/secret").err


def test_a_number_after_a_name_is_always_a_tag(site: Docker) -> None:
    assert "No such image: site:2" in site("cat", "site:2", "/srv/a.txt").err
    site("tag", "site:1", "site:2")
    assert site("cat", "site:2", "/srv/a.txt").out == "two\n"


# --- blame


def test_blame_names_layer_instruction_and_line_and_who_wrote_it_before(site: Docker) -> None:
    found = answered(site, "blame", "site:1", "/srv/a.txt")["layers"]
    assert [(one["change"], one["dockerfile"]["first"]) for one in found] == [("C", 5), ("A", 2)]
    assert [(one["change"], one["dockerfile"]["first"]) for one in answered(site, "blame", "site:1", "/secret")["layers"]] == [
        ("D", 8),
        ("A", 7),
    ]
    assert [(one["change"], one["dockerfile"]["first"]) for one in answered(site, "blame", "site:1", "/srv/d/deep")["layers"]] == [
        ("D", 8),
        ("A", 5),
    ]
    said = site("blame", "site:1", "/srv/a.txt").out.splitlines()
    assert "Dockerfile:5" in said[1] and "RUN echo two" in said[1]


def test_blame_follows_links_of_folders_on_the_way(docker: Docker) -> None:
    build(docker, "FROM busybox\nRUN mkdir /real; ln -s real /alias\nRUN echo > /real/file\n", tag="l:1")
    assert answered(docker, "blame", "l:1", "/alias/file")["path"] == "/real/file"
    assert "/alias/file is /real/file" in docker("blame", "l:1", "/alias/file").out


def test_blame_knows_the_dockerfile_of_a_base_image_and_of_a_commit(site: Docker) -> None:
    Path("Other").write_text("FROM site:1\n\nRUN echo more >> /srv/a.txt\n")
    assert site("build", "-f", "Other", "-t", "more:1", ".").code == 0
    found = [one["dockerfile"] for one in answered(site, "blame", "more:1", "/srv/a.txt")["layers"]]
    assert [(one["file"], one["first"], one["image"]) for one in found] == [
        ("Other", 3, ""),
        ("Dockerfile", 5, "site:1"),
        ("Dockerfile", 2, "site:1"),
    ]
    site("run", "--name", "box", "more:1", "sh", "-c", "echo by hand >> /srv/a.txt")
    site("commit", "box", "by:hand")
    found = [one["dockerfile"] for one in answered(site, "blame", "by:hand", "/srv/a.txt")["layers"]]
    assert found[0] is None and [one["first"] for one in found[1:]] == [3, 5, 2]


@pytest.mark.parametrize("builder", ["buildkit", "classic"])
def test_both_builders_note_the_line_and_the_stage_and_the_id_stays_dockers(docker: Docker, engine: EmbeddedEngine, builder: str) -> None:
    text = "FROM busybox AS one\n\nRUN echo > /a\nFROM one\nRUN echo > /b\n"
    env = {"DOCKER_BUILDKIT": "0" if builder == "classic" else "1"}
    for _ in range(2):  # the second time from the cache
        Path("Dockerfile").write_text(text)
        assert docker("build", "-t", "t:1", ".", env=env).code == 0
        found = [answered(docker, "blame", "t:1", path)["layers"][0]["dockerfile"] for path in ("/a", "/b")]
        assert [(one["first"], one["stage"]) for one in found] == [(3, "one"), (5, "stage-1")]
    assert b"Dockerfile" not in engine.store.images.raw(engine.image_inspect("t:1")["Id"])


def test_an_image_from_elsewhere_names_the_instruction_alone(site: Docker, engine: EmbeddedEngine) -> None:
    site("save", "-o", "site.tar", "site:1")
    site("rmi", "site:1")
    site("builder", "prune", "-af")
    assert site("load", "-i", "site.tar").code == 0
    (last, *_) = answered(site, "blame", "site:1", "/srv/a.txt")["layers"]
    assert last["dockerfile"] is None and "echo two" in last["created_by"]
    assert "  -  " in site("blame", "site:1", "/srv/a.txt").out
    with pytest.raises(AssertionError):
        answered(site, "blame", "site:1", "/nothing")


@pytest.mark.parametrize("damage", [b"", b"x", b"[1]", b'[{"file":"a"}]', b"[" * 100_000])
def test_a_note_of_lines_that_can_not_be_read_is_none(site: Docker, engine: EmbeddedEngine, damage: bytes) -> None:
    identifier = engine.image_inspect("site:1")["Id"]
    (engine.store.home / "images" / f"{identifier[7:]}.origins").write_bytes(damage)
    assert answered(site, "blame", "site:1", "/srv/a.txt")["layers"][0]["dockerfile"] is None

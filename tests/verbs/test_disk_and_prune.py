"""`docker system df` and what the prunes take: sizes of what is there, filters, and nothing that was not asked for."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.oci import Reference
from dockerlab.store.fsck import examine
from tests.conftest import Docker, build


def df(docker: Docker) -> dict[str, list[str]]:
    """Type → total, active, size, reclaimable."""
    lines = docker("system", "df", "--format", "{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}|{{.Reclaimable}}").out.splitlines()
    return {line.split("|")[0]: line.split("|")[1:] for line in lines}


@pytest.mark.usefixtures("containers_run_here")
def test_what_containers_and_volumes_hold(docker: Docker) -> None:
    docker("run", "-d", "--name", "on", "-v", "data:/v", "busybox", "sh", "-c", "echo 12345 > /f; echo 1234567890 > /v/g; exec sleep 300")
    docker("run", "--name", "off", "busybox", "sh", "-c", "echo 123 > /f")
    docker("exec", "on", "sh", "-c", "until [ -s /v/g ]; do sleep 0.1; done")
    docker("volume", "create", "free")
    found = df(docker)
    assert found["Containers"] == ["2", "1", "10B", "4B (40%)"]
    assert found["Local Volumes"] == ["2", "1", "11B", "0B (0%)"]
    assert found["Images"][:2] == ["1", "1"] and found["Images"][3] == "0B (0%)"


def test_shared_layers_count_once(docker: Docker) -> None:
    build(docker, "FROM busybox\nCOPY one /one\n", tag="one", one="1" * 1000)
    build(docker, "FROM busybox\nCOPY two /two\n", tag="two", two="2" * 500)
    found = json.loads(docker("system", "df", "-v", "--format", "json").out)
    sizes = {image["Repository"]: (image["SharedSize"], image["UniqueSize"]) for image in found["Images"]}
    assert sizes["one"][1] == "1kB" and sizes["two"][1] == "500B" and sizes["busybox"][1] == "0B"
    assert sizes["one"][0] == sizes["two"][0] == sizes["busybox"][0] != "0B"
    assert {one["Shared"] for one in found["BuildCache"]} == {"true"} and df(docker)["Build Cache"][2:] == ["0B", "0B"]
    docker("rmi", "one")
    assert df(docker)["Build Cache"][2:] == ["1kB", "1kB"]


def test_the_long_form_has_four_tables(docker: Docker) -> None:
    docker("volume", "create", "data")
    heads = [re.split("  +", line) for line in docker("system", "df", "-v").out.splitlines() if line[:1].isupper()]
    assert heads == [
        ["Images space usage:"],
        ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"],
        ["Containers space usage:"],
        ["CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES"],
        ["Local Volumes space usage:"],
        ["VOLUME NAME", "LINKS", "SIZE"],
        ["Build cache usage: 0B"],
        ["CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "USAGE", "SHARED"],
    ]
    assert docker("system", "df", "-v", "--format", "{{range .Volumes}}{{.Name}} {{.Links}}{{end}}").out == "data 0\n"


@pytest.mark.parametrize(("more", "go_type"), [((), "*formatter.diskUsageImagesContext"), (("-v",), "*formatter.diskUsageContext")])
def test_a_field_that_there_is_not(docker: Docker, more: tuple[str, ...], go_type: str) -> None:
    answer = docker("system", "df", *more, "--format", "{{.Nosuch}}")
    assert answer.code == 1 and f"can't evaluate field Nosuch in type {go_type}" in answer.err


def test_the_big_broom_keeps_what_is_used_or_named(docker: Docker) -> None:
    for text in ("1", "2"):
        build(docker, "FROM busybox\nCOPY f /f\n", tag="app", f=text)
    build(docker, "FROM busybox\nCOPY g /g\n", tag="used", g="1")
    ended = docker("create", "--name", "off", "app").out.strip()
    docker("volume", "create", "named")
    asked = docker("system", "prune", stdin=b"n\n")
    assert asked.code == 0 and "  - all dangling images\n  - unused build cache\n" in asked.out and docker("ps", "-aq").out
    said = docker("system", "prune", "-f", "--volumes").out
    assert (
        said.startswith(f"Deleted Containers:\n{ended}\n\nDeleted Images:\ndeleted: sha256:")
        and "\n\nDeleted build cache objects:\n" in said
    )
    assert "\n\nTotal reclaimed space: " in said
    assert docker("images", "--format", "{{.Repository}}").out.split() == ["used", "app", "busybox"]
    assert docker("volume", "ls", "-q").out == "named\n"
    docker("create", "--name", "holds", "--label", "x", "used")
    said = docker("system", "prune", "-a", "-f", "--filter", "label!=x").out
    assert "untagged: app:latest" in said and "used" not in said and docker("ps", "-aq").out
    assert docker("volume", "ls", "-q").out == "named\n"


def test_all_takes_every_image_without_a_container(docker: Docker) -> None:
    build(docker, "FROM busybox\nLABEL keep=yes\n", tag="kept")
    build(docker, "FROM busybox\nLABEL keep=no\n", tag="gone")
    said = docker("image", "prune", "-a", "-f", "--filter", "label!=keep=yes", "--filter", "label=keep").out
    assert "untagged: gone:latest" in said and "kept" not in said
    assert docker("images", "-q", "kept").out and docker("images", "-q", "busybox").out
    assert docker("image", "prune", "-a", "-f", "--filter", "until=1h").out == "Total reclaimed space: 0B\n"
    assert "untagged: kept:latest" in docker("image", "prune", "-f", "--filter", "dangling=false").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("system", "prune", "-f", "--filter", "nosuch=1"), "invalid filter 'nosuch'"),
        (("system", "prune", "-f", "--volumes", "--filter", "until=1h"), 'The "until" filter is not supported with "--volumes"'),
        (("image", "prune", "-f", "--filter", "nosuch=1"), "invalid filter 'nosuch'"),
        (("container", "prune", "-f", "--filter", "until=nonsense"), "nonsense"),
        (("volume", "prune", "-f", "--filter", "until=1h"), "invalid filter 'until'"),
        (("network", "prune", "-f", "--filter", "nosuch=1"), "invalid filter 'nosuch'"),
    ],
)  # fmt: skip
def test_a_wrong_filter_removes_nothing(docker: Docker, words: tuple[str, ...], said: str) -> None:
    docker("create", "--name", "ended", "busybox")
    answer = docker(*words)
    assert answer.code == 1 and said in answer.err and docker("ps", "-aq").out


def test_a_prune_is_an_event_with_the_bytes_that_it_set_free(docker: Docker) -> None:
    Path("f").write_text("12345")
    docker("create", "--name", "off", "busybox")
    docker("cp", "f", "off:/f")
    assert docker("container", "prune", "-f").out.endswith("Total reclaimed space: 5B\n")
    docker("volume", "prune", "-f")
    docker("image", "prune", "-f")
    form = '{{.Type}} {{index .Actor.Attributes "reclaimed"}}'
    assert (
        docker("events", "--since", "1m", "--until", "0s", "--filter", "event=prune", "--format", form).out
        == "container 5\nvolume 0\nimage 0\n"
    )


def test_what_is_asked_before_is_told_with_its_filters(docker: Docker) -> None:
    said = docker("system", "prune", "-a", "--filter", "until=1h", "--filter", "label=x", stdin=b"n\n").out
    assert "  - all build cache\n\n  Items to be pruned will be filtered with:\n  - label=x\n  - until=1h\n\nAre you sure" in said


@pytest.mark.usefixtures("containers_run_here")
def test_what_an_image_holds_stays_in_the_cache_until_all_of_it_is_asked_for(docker: Docker) -> None:
    text = "FROM busybox AS side\nRUN echo side > /side\nFROM busybox\nRUN echo 1 > /1\nENV A=1\nCOPY --from=side /side /\nCOPY f /f\n"
    build(docker, text, f="1")
    said = docker("builder", "prune", "-f").out.splitlines()
    assert said[0].split() == ["ID", "RECLAIMABLE", "SIZE", "LAST", "ACCESSED"] and len(said) == 3, "the step of the other stage alone goes"
    assert said[1].split()[1:3] == ["true", "5B"] and said[2] == "Total:\t5B"
    time.sleep(1.1)  # the side's file has another time then, which is no other content
    again = build(docker, text, f="1").err
    assert again.count("CACHED") == 3 and "[side 2/2] RUN echo side > /side\n" in again
    assert "Deleted build cache objects:" in docker("system", "prune", "-f").out
    assert build(docker, text, f="1").err.count("CACHED") == 3
    assert docker("builder", "prune", "-a", "-f").out.count("\ttrue \t") == 4
    assert "CACHED" not in build(docker, text, f="1").err
    docker("rmi", "t:1")
    docker("image", "prune", "-f")
    assert docker("builder", "prune", "-f").out.count("\ttrue \t") == 4


def test_an_image_that_gets_a_name_while_it_is_removed_for_having_none_stays(docker: Docker, engine: EmbeddedEngine) -> None:
    build(docker, "FROM busybox\nCOPY Dockerfile /a\n")
    identifier = engine.image_inspect("t:1")["Id"]
    engine.store.images.remove(identifier)  # by somebody who looked before it was named
    assert engine.image_inspect("t:1")["Id"] == identifier and docker("create", "t:1", "true").code == 0


def test_an_image_that_is_removed_before_it_gets_its_name_is_back_with_it(docker: Docker, engine: EmbeddedEngine) -> None:
    build(docker, "FROM busybox\nCOPY Dockerfile /a\n")
    identifier = engine.image_inspect("t:1")["Id"]
    engine.store.images.untag(Reference.parse("t:1"))
    engine.store.images.remove(identifier)  # as a prune does between the making of an image and its naming
    engine.store.images.tag(identifier, Reference.parse("t:2"))
    assert engine.image_inspect("t:2")["Id"] == identifier and examine(engine.store).sound

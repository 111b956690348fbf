"""A step is made of all that it reads: sources of one name, mounts, and what is kept between builds."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.conftest import Docker, build

pytestmark = pytest.mark.usefixtures("containers_run_here")


def cached(docker: Docker, dockerfile: str, **files: str) -> bool:
    """Build; whether the last step came from the cache."""
    answer = build(docker, dockerfile, "--progress", "plain", **files)
    assert answer.code == 0, answer.err
    return "CACHED" in answer.err.rsplit("] RUN ", 1)[-1].rsplit("] ADD ", 1)[-1]


TWO_MOUNTS = """FROM busybox
RUN --mount=type=bind,source=a/x,target=/m1 --mount=type=bind,source=b/x,target=/m2 cat /m1 /m2 > /out
"""


@pytest.mark.parametrize("changed", ["a/x", "b/x"])
def test_a_change_in_either_of_two_mounts_of_one_name_is_noticed(docker: Docker, changed: str) -> None:
    files = {"a/x": "1", "b/x": "2"}
    assert not cached(docker, TWO_MOUNTS, **files)
    assert cached(docker, TWO_MOUNTS, **files)
    assert not cached(docker, TWO_MOUNTS, **{**files, changed: "3"})


@pytest.mark.parametrize("changed", ["a/x.tar", "b/x.tar"])
def test_a_change_in_either_of_two_sources_of_one_name_is_noticed(docker: Docker, changed: str) -> None:
    files = {"a/x.tar": "1", "b/x.tar": "2"}
    text = "FROM busybox\nADD a/x.tar b/x.tar /d/\n"
    assert not cached(docker, text, **files)
    assert cached(docker, text, **files)
    assert not cached(docker, text, **{**files, changed: "3"})


def test_a_cached_step_does_not_copy_what_it_mounts(docker: Docker, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dockerlab.build import mounts

    text = "FROM busybox\nRUN --mount=type=bind,target=/c ls /c > /out\n"
    assert not cached(docker, text, a="1")
    monkeypatch.setattr(mounts, "_put", lambda *_: pytest.fail("the context was copied"))
    assert cached(docker, text, a="1")


def test_a_cache_whose_filling_fails_is_not_there_afterwards(docker: Docker, home: Path) -> None:
    text = "FROM busybox AS s\nRUN mkdir /full && echo word > /full/a\nFROM busybox\nRUN --mount=type=cache,target=/c,from=s,{} cat /c/a\n"
    assert build(docker, text.format("source=/nope")).code == 1
    answer = build(docker, text.format("src=/full"), "--progress", "plain")
    assert answer.code == 0 and " word\n" in answer.err


def test_builder_prune_forgets_cache_mounts_too(docker: Docker) -> None:
    assert counts(docker, "first") == [1]
    assert counts(docker, "second") == [2]
    assert docker("builder", "prune", "-af").code == 0
    assert counts(docker, "third") == [1]


def counts(docker: Docker, *words: str, flags: tuple[str, ...] = (), mount: str = "") -> list[int]:
    """How many lines a cache has after each RUN that adds one."""
    runs = "".join(f"RUN --mount=type=cache,target=/c{mount} echo {word} >> /c/a && wc -l < /c/a\n" for word in words)
    told = build(docker, f"FROM busybox AS s\n{runs}", "--progress", "plain", *flags).err
    return [int(number) for number in re.findall(r"^#\d+ \d+\.\d+ (\d+)$", told, re.M)]


def test_a_build_without_the_cache_begins_its_cache_mounts_afresh_once(docker: Docker) -> None:
    """As Docker 28.5: what --no-cache runs again finds nothing of earlier builds, and what it leaves is there for later ones."""
    assert counts(docker, "one") == [1]
    assert counts(docker, "one", "two", flags=("--no-cache",)) == [1, 2]
    assert counts(docker, "three") == [3]
    assert counts(docker, "three", flags=("--no-cache-filter", "s")) == [1]
    assert counts(docker, "four") == [2]


def test_a_cache_mount_with_a_mode_of_its_own_is_another_one(docker: Docker) -> None:
    assert counts(docker, "one") == [1]
    assert counts(docker, "two", mount=",mode=0777") == [1]
    assert counts(docker, "three", mount=",uid=5") == [1]
    assert counts(docker, "four", mount=",mode=0777") == [2]
    assert counts(docker, "five") == [2]


def test_the_umask_is_nobody_elses_business(docker: Docker) -> None:
    before = os.umask(0o077)
    try:
        text = 'FROM scratch\nCOPY --from=busybox /bin /bin\nUSER 1000\nRUN ["/bin/busybox", "id", "-u"]\n'
        assert build(docker, text).code == 0
    finally:
        os.umask(before)


def test_the_last_lines_of_a_talkative_step_are_shown(docker: Docker) -> None:
    answer = build(docker, "FROM busybox\nRUN seq 200000; false\n")
    assert answer.code == 1 and "\n200000\n------" in answer.err and "\n1000\n" not in answer.err.split("------")[1]


def test_an_argument_that_names_the_target_stage_may_be_required(docker: Docker) -> None:
    assert build(docker, "FROM busybox AS final\nARG TARGETSTAGE\nUSER ${TARGETSTAGE:?no}\n").code == 0


def test_the_stages_of_no_cache_filter_are_those_that_have_the_name(docker: Docker) -> None:
    """As Docker 28.5: in whatever case; what BuildKit shows of a stage without a name is none."""
    text = "FROM busybox AS Named\nRUN echo one > /a\nFROM busybox\nRUN echo two > /b\nCOPY --from=named /a /a\n"

    def steps(*flags: str) -> int:
        return build(docker, text, "--progress", "plain", *flags).err.count(" CACHED\n")

    assert (steps(), steps()) == (0, 3)
    assert [steps("--no-cache-filter", name) for name in ("named", "NAMED", "stage-1", "1", "other")] == [2, 2, 3, 3, 3]


def test_a_cache_that_begins_as_something_is_one_for_each_of_its_beginnings(docker: Docker) -> None:
    """As Docker 28.5: what the mount begins with is a source of the step, and a cache of its own."""

    def lines(word: str) -> list[str]:
        run = "RUN --mount=type=cache,id=c,target=/c,from=s,source=/full cat /c/a; echo more >> /c/b; cat /c/b"
        told = build(
            docker, f"FROM busybox AS s\nRUN mkdir /full && echo {word} > /full/a\nFROM busybox\n{run}\n", "--progress", "plain"
        ).err
        return re.findall(r"^#\d+ \d+\.\d+ (\w+)$", told, re.M)

    assert lines("one") == ["one", "more"]
    assert lines("two") == ["two", "more"]
    assert lines("one") == []

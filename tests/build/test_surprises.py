"""What surprises people is told once, where it happens, and can be switched off."""

from __future__ import annotations

import pytest

from tests.conftest import Docker, build

pytestmark = pytest.mark.usefixtures("containers_run_here")

BIG = "FROM busybox\nRUN head -c 20000 /dev/zero > /big && mkdir /d && head -c 5000 /dev/zero > /d/f\n"


def notes(docker: Docker, text: str, *flags: str) -> list[str]:
    answer = build(docker, text, "--no-cache", *flags)
    assert answer.code == 0, answer.err
    return [line for line in answer.err.splitlines() if line.startswith("note on line")]


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("RUN chmod 600 /big", "note on line 3: changing only the owner or mode of 1 file(s), such as /big, copied their 20kB"),
        ("RUN chown -R 7 /big /d", "such as /big, copied their 25kB"),
        ("RUN rm -r /d", "note on line 3: deleting /d frees nothing: 5kB stay in a layer below"),
        ("ENV API_TOKEN=1", "the value of API_TOKEN can be read in the image's history"),
        ('ENTRYPOINT ["echo"]', "the new ENTRYPOINT drops the base image's CMD (sh)"),
    ],
)
def test_a_surprise_is_told_with_its_line(docker: Docker, step: str, told: str) -> None:
    (note,) = notes(docker, BIG + step + "\n")
    assert told in note


@pytest.mark.parametrize(
    "step",
    ["RUN echo 1 >> /big && chmod 600 /big", "RUN echo 1 > /n && rm /n", "RUN touch /d/new", 'CMD ["a"]\nENTRYPOINT ["b"]', "ENV A=1"],
)
def test_what_is_meant_is_not_remarked(docker: Docker, step: str) -> None:
    assert notes(docker, BIG + step + "\n") == []


def test_each_kind_is_told_once_a_build_and_nothing_where_it_is_switched_off(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    text = BIG + "RUN chmod 600 /big\nRUN chmod 644 /big\nRUN rm /d/f\nRUN rm /big\n"
    assert [note.split(":")[0] for note in notes(docker, text)] == ["note on line 3", "note on line 5"]
    assert len(notes(docker, text, "--trace")) == 2
    monkeypatch.setenv("DOCKERLAB_HINTS", "off")
    assert notes(docker, text) == []

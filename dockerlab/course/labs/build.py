"""Lab "build": a Dockerfile is a recipe; each step makes its layer, and the cache decides which steps run again."""

from __future__ import annotations

from dockerlab.course.checks import Check, exercise
from dockerlab.course.predictions import Measure
from dockerlab.course.saying import say
from dockerlab.course.vocabulary import Look

WORDS = ("pear", "apple", "fig")
SHOUTED, SORTED = "PEAR\nAPPLE\nFIG", "apple\nfig\npear"
CHECKS: list[Check] = []
"""The exercises, in their order."""


@exercise(
    CHECKS, "build-1", 3,
    hint=say("RUN works on files that are in the image already; CMD only says what starts later", "RUN은 이미 이미지에 있는 파일로 일합니다. CMD는 나중에 무엇을 시작할지만 정합니다"),
    question=say("which of your lines puts words.txt into the image, and does it stand above the RUN?", "words.txt를 이미지에 넣는 줄은 어느 것이고, RUN보다 위에 있습니까?"),
)  # fmt: skip
def shout(look: Look) -> None:
    """Files from the folder, files made in the build, and what a container starts with."""
    image = look.image("shout:1")
    if not look.need(image.exists, weight=0.5):
        return
    look.expect(image.built_on("busybox"), weight=0.5)
    look.expect(image.file("/words.txt").text == "\n".join(WORDS))
    made = (image.file("/shout.txt").text == SHOUTED) & (image.history.count("RUN") >= 1)
    look.expect(
        made.called(
            "/shout.txt has the words in capital letters, and a RUN made it", "/shout.txt에 단어가 대문자로 있고, RUN이 만들었습니다"
        ),
        weight=2,
    )
    look.expect(
        (image.run().output == SHOUTED)
        .called("a container without a command prints /shout.txt", "명령 없이 시작한 컨테이너가 /shout.txt를 출력합니다")
        .at("the CMD of your Dockerfile: %docker run --rm shout:1", "Dockerfile의 CMD: %docker run --rm shout:1"),
        weight=2,
    )


@exercise(
    CHECKS, "build-2", 2,
    hint=say("each RUN begins in the WORKDIR of the image, wherever the one before was", "RUN은 앞의 RUN이 어디에 있었든 이미지의 WORKDIR에서 시작합니다"),
    question=say("in which folder does the last RUN look for words.txt?", "마지막 RUN은 어느 폴더에서 words.txt를 찾습니까?"),
)  # fmt: skip
def repaired(look: Look) -> None:
    """The folder of a shell does not last from one RUN to the next."""
    image = look.image("sorted:1")
    if not look.need(image.exists, weight=0.5):
        return
    look.expect(image.built_on("busybox"), weight=0.5)
    look.expect(image.file("/data/words.txt").text == "\n".join(WORDS), weight=0.5)
    look.expect(
        (image.file("/data/sorted.txt").text == SORTED)
        .called("/data/sorted.txt has the words in order", "/data/sorted.txt에 단어가 순서대로 있습니다")
        .at(
            "%docker run --rm sorted:1 ls -l / /data: where did the file land?",
            "%docker run --rm sorted:1 ls -l / /data: 파일이 어디에 생겼습니까?",
        ),
        weight=2,
    )
    look.expect(
        (image.history.count("RUN") >= 1).called("it was sorted while the image was built", "이미지를 빌드하는 동안 정렬했습니다"),
        weight=0.5,
    )


@exercise(
    CHECKS, "build-3", 2,
    hint=say("-f takes a path as you see it from here, COPY one as you see it from the folder", "-f에는 지금 위치에서 본 경로를, COPY에는 폴더에서 본 경로를 씁니다"),
    question=say("what are the two paths in your docker build line for?", "docker build 줄에 있는 두 경로는 각각 무엇을 가리킵니까?"),
)  # fmt: skip
def second_recipe(look: Look) -> None:
    """Two recipes in one folder."""
    recipe, image = look.dockerfile("shout/Dockerfile.list"), look.image("list:1")
    look.expect(recipe.exists)
    if not look.need(image.exists):
        return
    look.expect(
        (image.run().output == SORTED).called(
            "a container prints the words in alphabetical order", "컨테이너가 단어를 알파벳 순서로 출력합니다"
        ),
        weight=2,
    )
    other = look.dockerfile("shout/Dockerfile")
    look.expect(
        (other.exists & (other.all("RUN") != "")).called(
            "the first recipe, shout/Dockerfile, is as it was", "첫 번째 레시피 shout/Dockerfile은 그대로입니다"
        )
    )


@exercise(
    CHECKS, "build-4", 3,
    hint=say("a step stays cached as long as nothing below it has changed", "아래에 있는 것이 바뀌지 않은 단계는 캐시에서 나옵니다"),
    question=say("which file does the installation need? which one does it not need?", "설치에 필요한 파일은 무엇이고, 필요 없는 파일은 무엇입니까?"),
)  # fmt: skip
def cached(look: Look) -> None:
    """What seldom changes lies below what often does."""
    image = look.image("web:1")
    if not look.need(image.exists, weight=0.5):
        return
    look.expect(image.built_on("busybox"), weight=0.5)
    packages, installed, page, site = (image.file(f"/app/{name}.txt") for name in ("packages", "installed", "page", "site"))
    whole = packages.exists & (installed.text == str(packages.text.value)) & page.exists & site.contains("library", "Monday")
    look.expect(
        whole.called("/app holds the four files, and site.txt both texts", "/app에 파일 네 개가 있고 site.txt에 두 글이 모두 있습니다"),
        weight=1.5,
    )
    order = (
        "%layers web:1: which layer holds page.txt, which one installed.txt?",
        "%layers web:1: page.txt와 installed.txt는 어느 레이어에 있습니까?",
    )
    look.expect(
        (installed.layer < page.layer)
        .called("installed.txt lies in a layer below page.txt", "installed.txt가 page.txt보다 아래 레이어에 있습니다")
        .at(*order),
        weight=3,
    )


@exercise(
    CHECKS, "build-5", 2,
    hint=say("docker run [OPTIONS] IMAGE [COMMAND]: the order matters", "docker run [옵션] 이미지 [명령]: 순서가 중요합니다"),
    question=say("which program prints a file, and where does its name stand in the line?", "파일을 출력하는 프로그램은 무엇이고, 그 이름은 줄의 어디에 씁니까?"),
)  # fmt: skip
def other_command(look: Look) -> None:
    """A container may start with something else; the image keeps its CMD."""
    other, image = look.container("other"), look.image("shout:1")
    if not look.need(other.exists, weight=0.5):
        return
    look.expect(other.of("shout:1"))
    look.expect(
        (other.logs == "\n".join(WORDS)).called(
            "it has printed the words in small letters, and nothing else", "단어를 소문자로 출력했고, 그 밖에는 출력하지 않았습니다"
        ),
        weight=2,
    )
    look.expect(
        (image.exists & (image.run().output == SHOUTED)).called(
            "the image still starts with its own CMD", "이미지는 여전히 자기 CMD로 시작합니다"
        ),
        weight=0.5,
    )


def _when_cmd_runs(look: Look) -> str:
    loud = look.image("loud:1")
    if loud.missing:
        return ""
    return "c" if loud.file("/started").is_missing else "a"


def _layers_of_the_classic_builder(look: Look) -> str:
    above = look.image("loud:classic").layers.above("busybox")
    return {2: "a", 3: "b", 1: "c"}.get(len(above.values), "")


def _where_the_second_is(look: Look) -> str:
    where = look.image("where:1").file("/where")
    return {"/": "a", "/tmp": "b"}.get(str(where.text.value).strip(), "")


def _the_second_time(look: Look) -> str:
    first, second = (look.image(f"stamp:{number}").file("/built").text.value for number in (1, 2))
    return "" if not first or not second else "b" if first == second else "a"


def _which_cmd(look: Look) -> str:
    ran = look.image("twice:1").run()
    said = str(ran.output.value).split()
    return {("first", "second"): "a", ("first",): "b", ("second",): "c"}.get(tuple(said), "")


def _where_it_is_installed_again(look: Look) -> str:
    again = {}
    for name in ("single", "apart"):
        first, second = (look.image(f"{name}:{day}").file("/installed").text.value for day in ("monday", "tuesday"))
        if not first or not second:
            return ""
        again[name] = first != second
    return {(False, False): "a", (True, False): "b", (True, True): "c"}.get((again["single"], again["apart"]), "")


def _what_of_a_cache_mount(look: Look) -> str:
    image = look.image("mount:2")
    log = image.file("/cache/log")
    return "" if image.missing else "c" if log.is_missing else "a" if log.contains("monday") else "b"


PREDICTIONS: dict[str, Measure] = {
    "build-cmd": _when_cmd_runs,
    "build-cmds": _which_cmd,
    "build-classic": _layers_of_the_classic_builder,
    "build-cd": _where_the_second_is,
    "build-stamp": _the_second_time,
    "build-fewer": _where_it_is_installed_again,
    "build-mount": _what_of_a_cache_mount,
}
"""What each prediction of the lab is compared with."""

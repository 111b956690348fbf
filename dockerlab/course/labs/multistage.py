"""Lab "multistage": a stage that builds, a stage that runs; only what is carried across is in the image."""

from __future__ import annotations

import re
from functools import reduce
from operator import and_

from dockerlab.course.checks import Check, exercise
from dockerlab.course.expectations import About, Expectation, Number
from dockerlab.course.images import ImageSubject
from dockerlab.course.predictions import Measure
from dockerlab.course.saying import same, say
from dockerlab.course.vocabulary import Look
from dockerlab.data import replace

JRE = "openjdk:17-jre"
PAGE = "/usr/share/nginx/html/index.html"
CHECKS: list[Check] = []
"""The exercises, in their order."""


@exercise(
    CHECKS, "multistage-1", 2,
    hint=say("a second FROM begins the stage that becomes the image; COPY --from names the first one", "두 번째 FROM에서 이미지가 될 스테이지가 시작됩니다. COPY --from에는 첫 번째 스테이지의 이름을 씁니다"),
    question=say("what is the build stage called, and where does its RUN put the program?", "빌드 스테이지의 이름은 무엇이고, RUN은 프로그램을 어디에 만듭니까?"),
)  # fmt: skip
def add(look: Look) -> None:
    """The run stage to a given build stage."""
    image = look.image("add:1")
    if not look.need(image.exists, weight=0.5):
        return
    look.expect(image.built_on("busybox"), weight=0.5)
    for words, sum_ in ((("2", "3"), "5"), (("40", "-2", "4"), "42")):
        line = " ".join(["%docker run --rm add:1", *words])
        look.expect(
            (image.run(*words).output == sum_)
            .called(f"{line} prints {sum_}", f"{line}의 출력: {sum_}")
            .at(f"%process add:1 {' '.join(words)}", f"%process add:1 {' '.join(words)}")
        )
    look.expect(_no_compiler(image), image.files_above("busybox").ending(".c", ".h").is_empty, weight=0.5)


@exercise(
    CHECKS, "multistage-2", 2,
    hint=say("COPY --from=IMAGE PATH-IN-THE-IMAGE PATH-HERE; FROM stays busybox", "COPY --from=이미지 그-이미지-안의-경로 여기의-경로. FROM은 그대로 busybox입니다"),
    question=say("which of the two images is below page:1, and which is only read from?", "page:1의 아래에 있는 이미지는 어느 것이고, 읽기만 하는 이미지는 어느 것입니까?"),
)  # fmt: skip
def page(look: Look) -> None:
    """A file straight from another image."""
    image, nginx = look.image("page:1"), look.image("nginx")
    if not look.need(image.exists, weight=0.5):
        return
    look.expect(image.built_on("busybox"), weight=0.5)
    original = str(nginx.file(PAGE).text.value)
    look.expect(
        (nginx.exists & (image.file("/www/index.html").text == original)).called(
            "/www/index.html is the page of the image nginx", "/www/index.html은 이미지 nginx의 페이지입니다"
        ),
        weight=1.5,
    )
    look.expect(
        (image.built_on("busybox") & (image.answers().text == original)).called(
            "a container without a command serves it", "명령 없이 시작한 컨테이너가 페이지를 보여 줍니다"
        ),
        weight=1.5,
    )


@exercise(
    CHECKS, "multistage-3", 2,
    hint=say("scratch has no shell and no library: the program must bring everything, and CMD must be a JSON list", "scratch에는 셸도 라이브러리도 없습니다. 프로그램이 모든 것을 가져와야 하고, CMD는 JSON 목록이어야 합니다"),
    question=say("what does the option -static do?", "옵션 -static은 무엇을 합니까?"),
)  # fmt: skip
def tiny(look: Look) -> None:
    """Nothing but the program."""
    image = look.image("tiny:1")
    if not look.need(image.exists, weight=0.5):
        return
    look.expect((image.files_above().count == 1).called("tiny:1 consists of one file", "tiny:1의 파일은 하나입니다"))
    look.expect(image.size < 100_000, weight=0.5)
    look.expect(
        (image.run().output == "hello from C").called(
            "a container without a command prints the line", "명령 없이 시작한 컨테이너가 그 줄을 출력합니다"
        ),
        weight=2,
    )


@exercise(
    CHECKS, "multistage-4", 3,
    hint=say("test begins FROM build; the last stage takes the program from build", "test는 FROM build로 시작합니다. 마지막 스테이지는 build에서 프로그램을 가져옵니다"),
    question=say("which of your three stages does --target test build, and which does it leave alone?", "--target test는 세 스테이지 가운데 어느 것을 빌드하고, 어느 것을 건드리지 않습니까?"),
)  # fmt: skip
def calc(look: Look) -> None:
    """A stage that compiles, one that tests, one that runs."""
    recipe, image, tested = look.dockerfile("calc/Dockerfile"), look.image("calc:1"), look.image("calc:test")
    if not look.need(recipe.exists, weight=0.5):
        return
    look.expect(recipe.stages.has("build", "test"))
    look.expect(
        (tested.file("/passed").text == "passed")
        .called("the stage test can be built, and its tests were run", "스테이지 test가 빌드되고, 테스트가 실행되었습니다")
        .at("%docker build --target test -t calc:test calc", "%docker build --target test -t calc:test calc"),
        weight=2,
    )
    look.expect(image.built_on("busybox"), weight=0.5)
    look.expect(
        (image.run().output == "six times seven is 42").called("calc:1 runs the program", "calc:1은 프로그램을 실행합니다"), weight=1.5
    )
    tests = image.files_above("busybox").ending("test.sh", "/passed", ".c")
    look.expect(_no_compiler(image), tests.is_empty)


@exercise(
    CHECKS, "multistage-5", 3,
    hint=say("compile and pack in a stage FROM the JDK; the stage FROM the JRE copies the jar alone", "JDK에서 시작하는 스테이지에서 컴파일하고 묶으십시오. JRE에서 시작하는 스테이지는 jar만 복사합니다"),
    question=say("which files does the build stage make, and which one of them does a container need?", "빌드 스테이지가 만드는 파일은 무엇이고, 컨테이너에 필요한 것은 그중 무엇입니까?"),
)  # fmt: skip
def shop(look: Look) -> None:
    """A Java program without its compiler."""
    image = look.image("shop:1")
    if not look.need(image.exists, weight=0.5):
        return
    look.expect(image.built_on(JRE), weight=0.5)
    look.expect(_no_compiler(image), weight=1.5)
    own = image.files_above(JRE)
    look.expect((own.ending(".jar").count == 1).called("one jar file lies above the JRE", "JRE 위에 jar 파일이 하나 있습니다"), weight=0.5)
    look.expect(own.ending(".java", ".class").is_empty, weight=1.5)
    look.expect(
        (image.run().output == "tea and soup: 7")
        .called("a container without a command prints the bill", "명령 없이 시작한 컨테이너가 계산서를 출력합니다")
        .at("%docker run --rm shop:1, %process shop:1", "%docker run --rm shop:1, %process shop:1"),
        weight=2.5,
    )


@exercise(
    CHECKS, "multistage-6", 3,
    hint=say("what seldom changes is copied and compiled first; what changes every day is copied after that", "거의 바뀌지 않는 것을 먼저 복사하고 컴파일합니다. 날마다 바뀌는 것은 그 뒤에 복사합니다"),
    question=say("which file does RUN gcc -c verse.c read, and which one need not be there yet?", "RUN gcc -c verse.c는 어떤 파일을 읽고, 그때 아직 없어도 되는 파일은 무엇입니까?"),
)  # fmt: skip
def song(look: Look) -> None:
    """The cache of a build stage, kept warm."""
    recipe, image, stage = look.dockerfile("song/Dockerfile"), look.image("song:1"), look.image("song:build")
    if not look.need(recipe.exists & image.exists, weight=0.5):
        return
    look.expect(image.built_on("busybox"))
    look.expect(
        (image.run().output == "layer upon layer, every day")
        .called("a container without a command runs the program", "명령 없이 시작한 컨테이너가 프로그램을 실행합니다")
        .at("%docker run --rm song:1, %process song:1", "%docker run --rm song:1, %process song:1"),
        weight=1.5,
    )
    look.expect(_no_compiler(image) & image.files_above("busybox").ending(".c", ".o").is_empty, weight=1.5)
    compiled, main = (stage.file(f"/src/{name}").layer for name in ("verse.o", "main.c"))
    look.expect(
        (stage.built_on("gcc") & (compiled < main))
        .called("in song:build verse.o lies in a layer below main.c", "song:build에서 verse.o가 main.c보다 아래 레이어에 있습니다")
        .at("%layers song:build: which layer holds each of the two?", "%layers song:build: 두 파일은 각각 어느 레이어에 있습니까?"),
        weight=2.5,
    )


@exercise(
    CHECKS, "multistage-7", 2,
    hint=say("docker build --target STAGE -t NAME FOLDER; %docker images shows the sizes of what is here", "docker build --target 스테이지 -t 이름 폴더. %docker images에 이미지의 크기가 나옵니다"),
    question=say("what does %docker images --filter reference=calc show?", "%docker images --filter reference=calc는 무엇을 보여 줍니까?"),
)  # fmt: skip
def sizes(look: Look) -> None:
    """Before and after, measured."""
    text = look.text("sizes.txt")
    told = _sizes(str(text.value))
    for program, base in (("calc", "gcc"), ("shop", "openjdk:17-jdk")):
        look.expect(
            look.image(f"{program}:build")
            .built_on(base)
            .called(f"{program}:build is the build stage of {program}", f"{program}:build는 {program}의 빌드 스테이지입니다")
            .at(f"%docker build --target …, {program}/Dockerfile", f"%docker build --target …, {program}/Dockerfile")
        )
        for name in (f"{program}:build", f"{program}:1"):
            size = look.image(name).size
            about = About(
                say(f"size of {name} in sizes.txt", f"sizes.txt에 적은 {name}의 크기"),
                same(f"%docker images {name}"),
                size.about.missing or text.about.missing or (None if name in told else say("no line for it", "그 줄이 없습니다")),
            )
            noted = Number.bytes(about, told.get(name, 0))
            near = (noted > size.value * 0.94) & (noted < size.value * 1.06)
            measured = f"the size of {name} in sizes.txt is what was measured", f"sizes.txt에 적은 {name}의 크기가 측정한 값과 같습니다"
            look.expect(replace(near.called(*measured), expected=say("what %docker images shows", "%docker images에 나오는 크기")))


def _sizes(text: str) -> dict[str, float]:
    """Bytes of each image by lines such as `calc:1 2.05MB`; units as docker writes them."""
    out = {}
    for line in text.splitlines():
        found = re.fullmatch(r"\W*(\w+:\w+)\W+([\d.,]+)\s*([kMG]?)i?B?(?:ytes?)?\W*", line.strip(), re.IGNORECASE)
        if found and (digits := re.sub(r",(?=\d{3}\b)", "", found[2]).replace(",", ".").strip(".")).count(".") < 2 and digits:
            out[found[1]] = float(digits) * {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}[found[3].lower()]
    return out


def _no_compiler(image: ImageSubject) -> Expectation:
    tools = [image.file(f"/usr/bin/{name}").is_missing for name in ("gcc", "cc", "tcc", "javac")]
    return reduce(and_, tools).called(f"there is no compiler in {image.name}", f"{image.name}에 컴파일러가 없습니다")


def _share_of_the_program(look: Look) -> str:
    image = look.image("fat:1")
    program = image.file("/hello").size
    if program.about.missing:
        return ""
    share = program.value / image.size.value
    return "c" if share < 0.001 else "b" if share < 0.8 else "a"


def _after_deleting(look: Look) -> str:
    more = look.image("fat:2").size_above("fat:1")
    if more.about.missing:
        return ""
    return "b" if abs(more.value) < 1000 else "a" if more.value < 0 else "c"


def _what_is_left(look: Look) -> str:
    image = look.image("slim:1")
    if image.missing:
        return ""
    if image.layers.above("gcc").about.missing is None:
        return "b"
    return "a" if image.files_above().ending("hello.c").is_empty else "c"


def _alone(look: Look) -> str:
    output = look.image("alone:1").run().output
    if look.image("alone:1").missing:
        return ""
    told = str(output.value) + " ".join((output.about.missing or {}).values())
    return next((letter for letter, said in (("a", "hello from C"), ("b", "ermission denied"), ("c", "o such file")) if said in told), "")


def _untested(look: Look) -> str:
    return "b" if look.image("untested:1").run().output == "hello from C" else ""


def _argument_of_a_stage(look: Look) -> str:
    image = look.image("release:1")
    if image.missing:
        return ""
    return "a" if image.file("/runs").contains("version 7") else "b"


def _on_the_disk(look: Look) -> str:
    image = look.image("java:1")
    if image.missing:
        return ""
    if image.layers.above(JRE).about.missing:
        return "b"
    return "a" if image.size_above(JRE).value < 1_000_000 else "c"


PREDICTIONS: dict[str, Measure] = {
    "multistage-compiler": _share_of_the_program,
    "multistage-removed": _after_deleting,
    "multistage-left": _what_is_left,
    "multistage-alone": _alone,
    "multistage-tests": _untested,
    "multistage-disk": _on_the_disk,
    "multistage-argument": _argument_of_a_stage,
}
"""What each prediction of the lab is compared with."""

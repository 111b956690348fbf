"""Lab "capstone": one small service, from a bad Dockerfile to a good one; what is sent, the secret, the cache, the user, the tests."""

from __future__ import annotations

import hmac

from dockerlab.course.checks import Check, exercise
from dockerlab.course.expectations import Expectation
from dockerlab.course.images import ImageSubject
from dockerlab.course.predictions import Measure
from dockerlab.course.saying import say
from dockerlab.course.vocabulary import Look

TOKEN = "heliotrope-31"
PORT = 8000
CHECKS: list[Check] = []
"""The exercises, in their order."""


@exercise(
    CHECKS, "capstone-1", 2,
    hint=say("one pattern a line, as seen from the folder service; ** stands for any number of folders", "한 줄에 패턴 하나, 폴더 service에서 본 경로로 씁니다. **는 몇 개의 폴더든 뜻합니다"),
    question=say("which of the files in %context service does no step of a build need?", "%context service의 파일 가운데 빌드의 어느 단계에도 필요 없는 것은 무엇입니까?"),
)  # fmt: skip
def sent(look: Look) -> None:
    """What the build may have."""
    service = look.context("service")
    secret, waste = service.lacks("token.txt"), service.lacks("recordings/monday.wav", "recordings/tuesday.wav")
    git, log = service.lacks(".git/HEAD", ".git/objects/pack"), service.lacks("debug.log", "tests/last.log")
    some = look.text("service/.dockerignore").exists & (secret | waste | git | log)
    if not look.need(some.called("service/.dockerignore leaves something out", "service/.dockerignore가 무언가를 제외합니다"), weight=0.5):
        return
    look.expect(service.has("app.py", "prepare.py", "quotes.txt", "tests/check.py"), secret)
    look.expect(waste, git, log, weight=0.5)
    look.expect(service.size < 100_000, weight=0.5)


@exercise(
    CHECKS, "capstone-2", 3,
    hint=say("only the RUN with --mount=type=secret sees the token; no ARG, no ENV, no COPY of it", "토큰은 --mount=type=secret이 있는 RUN에만 보입니다. ARG도 ENV도 COPY도 쓰지 않습니다"),
    question=say("which line of your recipe runs prepare.py, and what does that RUN see?", "레시피의 어느 줄이 prepare.py를 실행하고, 그 RUN에는 무엇이 보입니까?"),
)  # fmt: skip
def secret(look: Look) -> None:
    """A token that is used and leaves no trace."""
    image = look.image("quotes:2")
    if not look.need(image.exists, weight=0.5):
        return
    look.expect(_signed(look, image), weight=2)
    look.expect(image.hides(TOKEN), weight=2)
    look.expect(_serves(image), weight=1.5)


@exercise(
    CHECKS, "capstone-3", 2,
    hint=say("copy what prepare.py needs, run it, and copy app.py afterwards", "prepare.py에 필요한 것을 복사하고 실행한 다음에 app.py를 복사하십시오"),
    question=say("which files does prepare.py read?", "prepare.py는 어떤 파일을 읽습니까?"),
)  # fmt: skip
def order(look: Look) -> None:
    """What takes long lies below what changes often."""
    image = look.image("quotes:3")
    if not look.need(image.exists, weight=0.5):
        return
    look.expect(_signed(look, image) & image.hides(TOKEN))
    look.expect(_serves(image))
    look.expect(_in_order(image), weight=2)


@exercise(
    CHECKS, "capstone-4", 2,
    hint=say("USER stands below the COPY lines, so that the files stay root's", "USER를 COPY 줄보다 아래에 두면 파일은 root의 것으로 남습니다"),
    question=say("what does %docker run --rm quotes:4 ls -ln /app show, and what does id -u?", "%docker run --rm quotes:4 ls -ln /app은 무엇을 보여 주고, id -u는 무엇을 보여 줍니까?"),
)  # fmt: skip
def user(look: Look) -> None:
    """An ordinary user, and no shell in between."""
    image = look.image("quotes:4")
    if not look.need(image.exists, weight=0.5):
        return
    good = _signed(look, image) & image.hides(TOKEN) & _in_order(image)
    look.expect(good.called("it is as good as quotes:3", "quotes:3만큼 좋습니다"))
    look.expect(_ordinary(image), weight=1.5)
    look.expect(_locked(image), _exec_form(image), weight=0.5)


@exercise(
    CHECKS, "capstone-5", 5,
    hint=say("three times FROM: python AS prepare, prepare AS test, python; the last one copies --from=prepare", "FROM은 세 번입니다. python AS prepare, prepare AS test, python. 마지막 것은 --from=prepare로 복사합니다"),
    question=say("which two files does the service need when it runs, and where does each come from?", "서비스가 실행될 때 필요한 두 파일은 무엇이고, 각각 어디에서 옵니까?"),
)  # fmt: skip
def whole(look: Look) -> None:
    """All of it in one recipe."""
    image, tested, recipe = look.image("quotes:1"), look.image("quotes:test"), look.dockerfile("service/Dockerfile")
    if not look.need(recipe.exists & image.exists, weight=0.5):
        return
    look.expect(_signed(look, image) & image.hides(TOKEN), _serves(image), _ordinary(image), _locked(image) & _exec_form(image))
    look.expect(
        (recipe.stages.has("test") & (tested.file("/passed").text == "passed"))
        .called("the stage test can be built, and its tests were run", "스테이지 test가 빌드되고, 테스트가 실행되었습니다")
        .at("%docker build --target test … service", "%docker build --target test … service"),
        weight=2.5,
    )
    look.expect(image.config.ports.has(f"{PORT}/tcp"), weight=0.5)
    own = image.files_above("python")
    look.expect(own.ending("prepare.py", "quotes.txt", "check.py", "/passed").is_empty, weight=2)
    kept = (image.file("/app/index.json").layer < image.file("/app/app.py").layer) | recipe.in_order(r"RUN .*prepare\.py", r"COPY.*app\.py")
    look.expect(kept.called("a change of app.py prepares nothing anew", "app.py가 바뀌어도 다시 준비하지 않습니다"))
    look.expect(
        look.context("service").warnings.is_empty.called(
            "docker build --check finds nothing", "docker build --check가 찾아낸 것이 없습니다"
        )
    )


def _signed(look: Look, image: ImageSubject) -> Expectation:
    quotes = str(look.text("service/quotes.txt").value).splitlines()
    signature = hmac.new(TOKEN.encode(), "\n".join(quotes).encode(), "sha256").hexdigest()
    return (
        image.file("/app/index.json")
        .contains(signature)
        .called("/app/index.json is signed with the token", "/app/index.json은 토큰으로 서명되어 있습니다")
    )


def _serves(image: ImageSubject) -> Expectation:
    return (
        image.answers("/", PORT)
        .contains("A picture is worth")
        .called(
            "a container without a command serves the quotes on port 8000",
            "명령 없이 시작한 컨테이너가 8000번 포트에서 인용문을 보여 줍니다",
        )
    )


def _in_order(image: ImageSubject) -> Expectation:
    return (
        (image.file("/app/index.json").layer < image.file("/app/app.py").layer)
        .called("index.json lies in a layer below app.py", "index.json이 app.py보다 아래 레이어에 있습니다")
        .at(f"%layers {image.name}: which layer holds each of the two?", f"%layers {image.name}: 두 파일은 각각 어느 레이어에 있습니까?")
    )


def _ordinary(image: ImageSubject) -> Expectation:
    return (image.answers("/user", PORT).text == "1000").called("the service runs as user 1000", "서비스는 1000번 사용자로 실행됩니다")


def _locked(image: ImageSubject) -> Expectation:
    tried = image.run("-c", "echo >> /app/app.py || mv /app/app.py /app/old.py", entrypoint="sh")
    return (tried.code != 0).called("that user cannot change /app/app.py", "그 사용자는 /app/app.py를 바꿀 수 없습니다")


def _exec_form(image: ImageSubject) -> Expectation:
    direct = image.config.cmd.lacks("/bin/sh") & image.config.entrypoint.lacks("/bin/sh")
    return direct.called("the service itself is process 1: CMD is in exec form", "서비스 자신이 1번 프로세스입니다. CMD가 exec 형식입니다")


def _where_the_token_is(look: Look) -> str:
    image = look.image("bad:1")
    if image.missing:
        return ""
    places = (
        image.files_above("python").has("/app/token.txt").holds,
        bool(image.history.mentions(TOKEN)),
        image.config.env("TOKEN") == TOKEN,
    )
    found = sum(bool(one) for one in places)
    return "a" if not found else "b" if found == 1 else "c"


def _prepared_again(look: Look) -> str:
    first, second = (look.image(f"again:{number}").file("/prepared").text.value for number in (1, 2))
    return "" if not first or not second else "a" if first == second else "b"


def _who_runs_it(look: Look) -> str:
    image = look.image("bad:1")
    return "" if image.missing else "a" if image.run("id", "-u").output == "0" else "c"


def _who_hears_the_signal(look: Look) -> str:
    direct, behind = look.container("direct"), look.container("behind")
    if direct.missing or behind.missing or direct.running or behind.running:
        return ""
    saved = direct.logs.contains("saved").holds, behind.logs.contains("saved").holds
    return {(True, True): "a", (True, False): "b", (False, False): "c"}.get(saved, "")


PREDICTIONS: dict[str, Measure] = {
    "capstone-token": _where_the_token_is,
    "capstone-again": _prepared_again,
    "capstone-user": _who_runs_it,
    "capstone-stop": _who_hears_the_signal,
}
"""What each prediction of the lab is compared with."""

"""Lab "directives": which instructions make a layer and which change a setting, and who sees it."""

from __future__ import annotations

import hashlib

from dockerlab.course.checks import Check, exercise
from dockerlab.course.expectations import About, Number, Words
from dockerlab.course.predictions import NOT_HERE, Measure
from dockerlab.course.saying import same, say
from dockerlab.course.vocabulary import Look

ADDED = {"WORKDIR": 1, "USER": 0, "EXPOSE": 0, "ARG": 0, "ENV": 0, "ENTRYPOINT": 0, "CMD": 0, "LABEL": 0, "VOLUME": 0}
"""Layers that BuildKit adds for one of each."""
CHECKS: list[Check] = []
"""The exercises, in their order."""


@exercise(
    CHECKS, "directives-1", 3,
    hint=say("added(\"…\") takes one line of a Dockerfile, with everything that the instruction needs", "added(\"…\")에는 지시어에 필요한 것을 모두 갖춘 Dockerfile 한 줄을 넣습니다"),
    question=say("what does added() say for the first instruction that is marked?", "표시된 첫 번째 지시어에 대해 added()는 무엇을 돌려줍니까?"),
)  # fmt: skip
def measured(look: Look) -> None:
    """What was measured, instruction by instruction."""
    text = look.text("measured.txt")
    if not look.need(text.exists, weight=0.5):
        return
    told = {words[0].upper(): words[1] for line in str(text.value).splitlines() if len(words := line.replace(":", " ").split()) == 2}
    for name, layers in ADDED.items():
        about = About(say(f"layers that {name} adds", f"{name}이(가) 더하는 레이어 수"), same(f'added("{name} …")'))
        look.expect(Words(about, told.get(name, "")) == str(layers))


@exercise(
    CHECKS, "directives-2", 2,
    hint=say("BuildKit keeps what each RUN leaves, even if that is nothing", "BuildKit은 RUN이 남긴 것을, 아무것도 없더라도, 보관합니다"),
    question=say("which shell command does nothing at all?", "아무 일도 하지 않는 셸 명령은 무엇입니까?"),
)  # fmt: skip
def nothing(look: Look) -> None:
    """A layer in one builder, none in the other."""
    buildkit, classic = look.image("nothing:buildkit"), look.image("nothing:classic")
    if not look.need(buildkit.exists & classic.exists, weight=0.5):
        return
    look.expect(buildkit.layers.above("busybox").count == 1, classic.layers.above("busybox").count == 0)
    base = len(look.image("busybox").history.lines)
    runs = sum(line.startswith("RUN") for line in buildkit.history.lines[base:])
    old = sum("#(nop)" not in line for line in classic.history.lines[base:])
    about = About(
        say("RUN lines of nothing:classic, by the classic builder", "클래식 빌더가 만든 nothing:classic의 RUN 줄 수"),
        same("%history nothing:classic"),
    )
    by_the_old_one = classic.history.text.lacks("# buildkit")
    look.expect(by_the_old_one & (Number(about, old) == runs) & (buildkit.history.count("WORKDIR") == 0), weight=0.5)


@exercise(
    CHECKS, "directives-3", 2,
    hint=say("ARG name=default; ENV takes the value of the argument with $name", "ARG 이름=기본값. ENV는 $이름으로 인자의 값을 받습니다"),
    question=say("which of the two lines is seen in the container, and where does its value come from?", "두 줄 가운데 컨테이너에서 보이는 것은 무엇이고, 그 값은 어디에서 옵니까?"),
)  # fmt: skip
def versions(look: Look) -> None:
    """An argument of the build becomes a variable of the container."""
    for name, value in (("app:default", "1.0"), ("app:2.5", "2.5")):
        image = look.image(name)
        look.expect(image.exists, weight=0.5)
        look.expect(
            (image.config.env("APP_VERSION") == value).called(
                f"a container of {name} has APP_VERSION={value}", f"{name}의 컨테이너에 APP_VERSION={value}이(가) 있습니다"
            )
        )
    recipe, other = look.dockerfile("Dockerfile.app"), look.image("app:2.5")
    look.expect(
        (recipe.has("ARG") & recipe.has("ENV") & recipe.all("ENV").lacks("2.5") & other.history.mentions("2.5")).called(
            "both come from Dockerfile.app: an ARG with a default, and an ENV",
            "둘 다 Dockerfile.app에서 나왔습니다: 기본값이 있는 ARG와 ENV",
        )
    )


@exercise(
    CHECKS, "directives-4", 2,
    hint=say("the file is there while the RUN with the mount runs; use it there and nowhere else", "파일은 마운트가 있는 RUN이 실행되는 동안에만 있습니다. 그곳에서만 사용하십시오"),
    question=say("does any line copy the password, or echo it?", "비밀번호를 복사하거나 출력하는 줄이 있습니까?"),
)  # fmt: skip
def safe(look: Look) -> None:
    """A secret that leaves no trace."""
    image, secret = look.image("safe:1"), look.text("password.txt")
    if not look.need(image.exists, weight=0.5):
        return
    word = str(secret.value).strip()
    sums = {hashlib.sha256(text.encode()).hexdigest() for text in (word, word + "\n")}
    proof = image.file("/proof").text
    right = proof.matches("|".join(sorted(sums)), "the checksum of the password's file", "비밀번호 파일의 체크섬")
    look.expect(right & secret.exists & image.built_on("busybox"), weight=1.5)
    look.expect(image.hides(word or "?"), weight=2)


@exercise(
    CHECKS, "directives-5", 2,
    hint=say("what always stays belongs in ENTRYPOINT, what may be replaced in CMD; both as JSON lists", "늘 남는 것은 ENTRYPOINT에, 바꿀 수 있는 것은 CMD에 둡니다. 둘 다 JSON 목록으로 씁니다"),
    question=say("which word is there in both runs?", "두 실행에 모두 나오는 단어는 무엇입니까?"),
)  # fmt: skip
def greet(look: Look) -> None:
    """ENTRYPOINT stays, CMD can be replaced."""
    image = look.image("greet:1")
    if not look.need(image.exists, weight=0.5):
        return
    for words, said in (((), "hello world"), (("you",), "hello you"), (("all", "of", "you"), "hello all of you")):
        line = " ".join(["%docker run --rm greet:1", *words])
        look.expect(
            (image.run(*words).output == said)
            .called(f"{line} prints {said}", f"{line}의 출력: {said}")
            .at(f"%process greet:1 {' '.join(words)}".strip(), f"%process greet:1 {' '.join(words)}".strip())
        )
    own = (image.config.entrypoint != []).called("it has an ENTRYPOINT", "ENTRYPOINT가 있습니다")
    look.expect(image.built_on("busybox") & own, weight=0.5)


@exercise(
    CHECKS, "directives-6", 2,
    hint=say("publishing is done by whoever starts the container, not by the image", "포트를 게시하는 것은 이미지가 아니라 컨테이너를 시작하는 사람입니다"),
    question=say("what does %docker port reached print?", "%docker port reached는 무엇을 출력합니까?"),
)  # fmt: skip
def reached(look: Look) -> None:
    """A port is reached once it is published."""
    container = look.container("reached")
    if not look.need(container.exists, weight=0.5):
        return
    look.expect(container.of("nginx"), container.running, weight=0.5)
    look.expect(container.published.has("80/tcp").at("-p 80, or -P: %docker run --help", "-p 80 또는 -P: %docker run --help"), weight=2)


def _settings(look: Look) -> str:
    above = look.image("settings:1").layers.above("busybox")
    return "" if above.about.missing else {0: "c", 1: "b", 2: "a"}.get(len(above.values), "")


def _workdir(look: Look) -> str:
    image = look.image("workdir:1")
    above = image.layers.above("busybox")
    if above.about.missing:
        return ""
    return "a" if not above.values else "b" if image.size_above("busybox").value == 0 else "c"


def _seen_in_the_container(look: Look) -> str:
    image = look.image("pair:1")
    if image.missing:
        return ""
    seen = [name for name in ("FLAVOUR", "COLOUR") if image.run("sh", "-c", f'test -n "${name}"').exits(0)]
    return {("FLAVOUR", "COLOUR"): "a", ("COLOUR",): "b", ("FLAVOUR",): "c"}.get(tuple(seen), "d")


def _argument_without_a_sign(look: Look) -> str:
    image = look.image("two:1")
    if image.missing:
        return ""
    return "b" if image.file("/seen").contains("<>") else "a" if image.file("/seen").contains("<value>") else ""


def _where_an_argument_holds(look: Look) -> str:
    seen = str(look.image("scope:1").file("/seen").text.value)
    return next((letter for letter, said in (("a", "first: <sweet>"), ("b", "first: <sour>"), ("c", "first: <>")) if said in seen), "")


def _who_reads_the_password(look: Look) -> str:
    image = look.image("leaky:1")
    return "" if image.missing else "c" if image.history.mentions("swordfish-7") else "a"


def _what_stands_behind_the_name(look: Look) -> str:
    ran = look.image("words:1").run("night")
    return next((letter for letter, said in (("a", "good morning night"), ("b", "good night"), ("c", "night")) if ran.output == said), "")


def _shell_form(look: Look) -> str:
    ran = look.image("shellform:1").run()
    return next((letter for letter, said in (("a", "good morning"), ("b", "good"), ("c", "morning")) if ran.output == said), "")


def _dropped(look: Look) -> str:
    image = look.image("dropped:1")
    if image.missing:
        return ""
    ran = image.run()
    return "a" if ran.prints("daemon off") else "b" if ran.prints("words:") else "c"


def _exposed(look: Look) -> str:
    container = look.container("exposed")
    if container.missing:
        return ""
    if look.stands_in("own_network"):  # reached without any port that is published
        return NOT_HERE
    ports = (container.json.get("NetworkSettings") or {}).get("Ports") or {}
    bound = [one["HostPort"] for found in ports.values() for one in found or []]
    return "c" if not bound else "a" if "80" in bound else "b"


def _below_a_volume(look: Look) -> str:
    buildkit, classic = look.image("volume:buildkit"), look.image("volume:classic")
    if buildkit.missing or classic.missing:
        return ""
    kept = buildkit.file("/data/note").exists.holds, classic.file("/data/note").exists.holds
    return {(True, True): "a", (False, False): "b", (True, False): "c"}.get(kept, "")


def _after_another_value(look: Look) -> str:
    first, second = look.image("late:1"), look.image("late:2")
    if first.missing or second.missing:
        return ""
    above, below = (first.file(path).text.value != second.file(path).text.value for path in ("/above", "/below"))
    return {(False, False): "a", (False, True): "b", (True, True): "c"}.get((above, below), "")


def _variable_in_exec_form(look: Look) -> str:
    image = look.image("exec:1")
    if image.missing:
        return ""
    return {"blue": "a", "": "b", "$COLOUR": "c"}.get(str(image.run().output.value).strip(), "")


PREDICTIONS: dict[str, Measure] = {
    "directives-settings": _settings,
    "directives-workdir": _workdir,
    "directives-volume": _below_a_volume,
    "directives-arg": _seen_in_the_container,
    "directives-two": _argument_without_a_sign,
    "directives-scope": _where_an_argument_holds,
    "directives-again": _after_another_value,
    "directives-secret": _who_reads_the_password,
    "directives-words": _what_stands_behind_the_name,
    "directives-shell": _shell_form,
    "directives-exec": _variable_in_exec_form,
    "directives-dropped": _dropped,
    "directives-expose": _exposed,
}
"""What each prediction of the lab is compared with."""

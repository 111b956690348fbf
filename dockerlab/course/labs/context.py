"""Lab "context": a build takes its files from one folder, without what an ignore file leaves out."""

from __future__ import annotations

from dockerlab.course.checks import Check, exercise
from dockerlab.course.images import ImageSubject
from dockerlab.course.predictions import Measure
from dockerlab.course.saying import say
from dockerlab.course.vocabulary import Look

CHECKS: list[Check] = []
"""The exercises, in their order."""


@exercise(
    CHECKS, "context-1", 3,
    hint=say("%context kiosk says for each file that is left out which line did it", "%context kiosk는 제외된 파일마다 어느 줄이 제외했는지 보여 줍니다"),
    question=say(
        "jobs/night.log has one / in its path: which of your patterns can go past a /?", "jobs/night.log의 경로에는 /가 하나 있습니다. 나의 패턴 중 /를 넘을 수 있는 것은 무엇입니까?"
    ),
)  # fmt: skip
def kiosk(look: Look) -> None:
    """Secrets, size and logs at any depth are left out; the program is not."""
    kiosk, image = look.context("kiosk"), look.image("kiosk:1")
    password, key, log = kiosk.lacks(".env"), kiosk.lacks("keys/deploy.pem"), kiosk.lacks("debug.log")
    some = look.text("kiosk/.dockerignore").exists & (password | key | log)
    if not look.need(some.called("kiosk/.dockerignore leaves something out", "kiosk/.dockerignore가 무언가를 제외합니다"), weight=0.5):
        return
    look.expect(kiosk.has("serve.sh", "page.html", "jobs/night.sh"))
    look.expect(password, key, log, kiosk.lacks(".git/HEAD", ".git/objects/pack"), weight=0.5)
    look.expect(kiosk.lacks("jobs/night.log", "desk/till/new.log"))
    look.expect(
        (image.file("/srv/jobs/night.sh").exists & image.hides("violet-44") & image.hides("magnolia-9")).called(
            "kiosk:1 holds the program, and no secret", "kiosk:1에 프로그램은 있고 비밀 값은 없습니다"
        )
    )


@exercise(
    CHECKS, "context-2", 2,
    hint=say(
        "the hint of the message says which pattern leaves menu.txt out", "메시지의 힌트가 어느 패턴이 menu.txt를 제외하는지 알려 줍니다"
    ),
    question=say("which other files does that pattern match, and which of them shall stay out?", "그 패턴에 맞는 다른 파일은 무엇이고, 그중 계속 제외해야 하는 것은 무엇입니까?"),
)  # fmt: skip
def bakery(look: Look) -> None:
    """A pattern that was too wide is made narrower, not thrown away."""
    bakery, image = look.context("bakery"), look.image("bakery:1")
    menu = bakery.has("menu.txt", "serve.sh")
    if not look.need(menu, weight=0.5):
        return
    secret = bakery.lacks("passwords.txt").called("passwords.txt is still left out", "passwords.txt는 계속 제외됩니다")
    look.expect(secret, weight=2)
    look.expect(bakery.lacks("README.md").called("README.md is still left out", "README.md는 계속 제외됩니다"), weight=0.5)
    look.expect(
        (secret & image.run().prints("rye bread")).called("bakery:1 is built, and shows the menu", "bakery:1을 빌드했고 메뉴를 보여 줍니다")
    )


@exercise(
    CHECKS, "context-3", 2,
    hint=say("the last line that matches a file decides", "파일에 맞는 마지막 줄이 결정합니다"),
    question=say(
        "which line leaves out everything? what becomes of the lines above it?", "모든 것을 제외하는 줄은 무엇입니까? 그 위에 있는 줄은 어떻게 됩니까?"
    ),
)  # fmt: skip
def gallery(look: Look) -> None:
    """Everything out, a folder in, some of it out, one file in."""
    gallery = look.context("gallery")
    pages, drafts = gallery.has("docs/index.html", "docs/second.html"), gallery.lacks("docs/draft.tmp", "docs/other.tmp")
    rest = gallery.lacks(".env", "photos/raw.img", "customers.csv")
    if not look.need(rest.called("nothing but docs is in the context", "컨텍스트에 docs 말고는 아무것도 없습니다")):
        return
    look.expect(pages)
    look.expect((pages & drafts).called("docs is there without its other .tmp files", "docs는 있고 그 안의 다른 .tmp 파일은 없습니다"))
    look.expect(
        (gallery.has("docs/keep.tmp") & drafts).called(
            "of the .tmp files only docs/keep.tmp is there", ".tmp 파일 중 docs/keep.tmp만 있습니다"
        )
    )


@exercise(
    CHECKS, "context-4", 2,
    hint=say("%context museum again after each change: what is the largest now?", "고칠 때마다 %context museum을 다시 실행하십시오. 지금 가장 큰 것은 무엇입니까?"),
    question=say(
        "in which two folders do the three largest files lie? what else lies in the folders above them?",
        "가장 큰 파일 세 개는 어느 두 폴더에 있습니까? 그 위의 폴더에는 또 무엇이 있습니까?",
    ),
)  # fmt: skip
def museum(look: Look) -> None:
    """The large files are left out, not the folders that hold small ones too."""
    museum, image = look.context("museum"), look.image("museum:1")
    small = (museum.size < 100_000).at("%context museum: the largest files", "%context museum: 가장 큰 파일")
    here = [look.text(f"museum/{name}").exists for name in ("photos/old/scan.img", "src/vendor/cache/a.bin", "src/vendor/cache/deep/b.bin")]
    if not look.need(small, weight=1):
        return
    look.expect(
        (here[0] & here[1] & here[2]).called("the large files still lie on the disk", "큰 파일은 디스크에 그대로 있습니다"), weight=0.5
    )
    needed = museum.has("serve.sh", "src/list.txt", "src/vendor/lib.sh", "photos/door.img")
    look.expect(needed)
    copied = (image.size_above("busybox") < 100_000) & (image.history.count("COPY") == 3)
    look.expect(
        (needed & image.run().prints("vase") & copied).called(
            "museum:1 is built of these files by its own Dockerfile", "museum:1은 이 파일들로 자기 Dockerfile에서 빌드했습니다"
        ),
        weight=1.5,
    )


@exercise(
    CHECKS, "context-5", 2,
    hint=say("PATH is where COPY's sources begin; -f is where the Dockerfile lies", "PATH는 COPY의 원본 경로가 시작하는 곳이고, -f는 Dockerfile이 있는 곳입니다"),
    question=say(
        "in which folder is there both app/serve.sh and shared/sign.txt of the harbour?", "harbour의 app/serve.sh와 shared/sign.txt가 둘 다 있는 폴더는 무엇입니까?"
    ),
)  # fmt: skip
def harbour(look: Look) -> None:
    """PATH above the Dockerfile's folder."""
    image = look.image("harbour:1")
    if not look.need(image.exists, weight=0.5):
        return
    command = say(
        "the last word of your command (PATH): there COPY's sources begin",
        "명령의 마지막 단어(PATH). COPY의 원본 경로는 그곳에서 시작합니다",
    )
    look.expect(image.file("/srv/sign.txt").contains("harbour: ferries").at(**command), weight=1)
    look.expect(image.file("/srv/serve.sh").contains("cat /srv/sign.txt").at(**command), weight=0.5)
    as_it_was = look.text("harbour/app/Dockerfile").contains("COPY app/serve.sh /srv/", "COPY shared/sign.txt /srv/")
    own = (image.config.label("lab") == "context") & (image.layers.above("busybox").count == 2) & as_it_was
    look.expect(
        own.called("it was built from harbour/app/Dockerfile, as it was", "harbour/app/Dockerfile을 고치지 않고 빌드했습니다").at(
            "!cat harbour/app/Dockerfile, %history harbour:1", "!cat harbour/app/Dockerfile, %history harbour:1"
        )
    )


@exercise(
    CHECKS, "context-6", 3,
    hint=say("the file beside a Dockerfile replaces .dockerignore", "Dockerfile 옆의 제외 파일은 .dockerignore를 대신합니다"),
    question=say(
        "what does %context -f library/test.Dockerfile library list as left out, and by which file?",
        "%context -f library/test.Dockerfile library는 무엇이 어느 파일 때문에 제외되었다고 보여 줍니까?",
    ),
)  # fmt: skip
def library(look: Look) -> None:
    """Tests for one Dockerfile; secrets for none."""
    own, test, web = look.context("library", "library/test.Dockerfile"), look.image("library:test"), look.image("library:web")
    tests = own.has("tests/all.sh", "serve.sh")
    if not look.need(tests):
        return
    look.expect((tests & own.lacks(".env", "keys/deploy.pem")).called("no secret is sent for test.Dockerfile", "test.Dockerfile에는 비밀 값을 보내지 않습니다"))  # fmt: skip
    look.expect(
        (test.run().prints("tested") & test.hides("crocus-8") & test.hides("peony-1")).called(
            "library:test runs its tests, and has no secret", "library:test는 테스트를 실행하고, 비밀 값은 없습니다"
        )
    )
    look.expect(
        (web.exists & web.file("/srv/tests").is_missing & web.hides("crocus-8") & web.hides("peony-1")).called(
            "library:web has neither tests nor secrets", "library:web에는 테스트도 비밀 값도 없습니다"
        )
    )


def _here(image: ImageSubject, one: str, other: str) -> tuple[bool, bool]:
    """Whether the image has each of two paths below /srv."""
    return image.file(f"/srv/{one}").exists.holds, image.file(f"/srv/{other}").exists.holds


def _text(image: ImageSubject, path: str) -> str:
    return str(image.file(path).text.value)


def _copied_by_a_dot(look: Look) -> str:
    image = look.image("dot:1")
    if image.missing:
        return ""
    return "c" if image.file("/srv/.env").exists else "b" if image.file("/srv/photos/raw.img").exists else "a"


def _sent(look: Look) -> str:
    seen = look.context("shop", "one.Dockerfile")
    if look.image("one:1").missing or seen.missing or not seen.size.value:
        return ""
    return "c" if not seen.taken.value else "b" if seen.taken.value < seen.size.value / 2 else "a"


def _logs_below(look: Look) -> str:
    image = look.image("dot:2")
    logs = _here(image, "debug.log", "parts/trace.log")
    return "" if image.missing else {(False, False): "a", (False, True): "b", (True, True): "c"}.get(logs, "")


def _ignored_by_name(look: Look) -> str:
    image = look.image("named:1")
    if image.missing:
        return "c" if look.dockerfile("named.Dockerfile").exists else ""
    return "a" if image.file("/srv/.env").exists else "b"


def _ignored_by_a_wildcard(look: Look) -> str:
    image = look.image("wild:1")
    if image.missing:
        return ""
    return "c" if image.file("/srv/.env").exists else "b" if image.file("/srv/serve.sh").exists else "a"


def _exception_first(look: Look) -> str:
    image = look.image("order:1")
    logs = _here(image, "a.log", "keep.log")
    return "" if image.missing else {(False, True): "a", (False, False): "b", (True, True): "c"}.get(logs, "")


def _of_which_folder(look: Look) -> str:
    return {"in hotel/deploy\n": "a", "in hotel\n": "b", "beside the notebook\n": "c"}.get(_text(look.image("path:1"), "/where.txt"), "")


def _above_the_context(look: Look) -> str:
    image = look.image("parent:1")
    if image.missing:
        return ""
    return {"in hotel\n": "a", "in hotel/deploy\n": "b"}.get(_text(image, "/where.txt"), "")


def _two_ignore_files(look: Look) -> str:
    image = look.image("own:1")
    here = _here(image, ".env", "tests")
    return "" if image.missing else {(False, False): "a", (False, True): "b", (True, False): "c"}.get(here, "")


def _its_own_dockerfile(look: Look) -> str:
    image = look.image("itself:1")
    return "" if image.missing else "b" if image.file("/srv/Dockerfile").exists else "c"


def _an_archive(look: Look) -> str:
    image = look.image("crate:1")
    here = image.file("/added/parts.tar").exists.holds, image.file("/added/list.txt").exists.holds
    return {(True, False): "a", (False, True): "b", (True, True): "c"}.get(here, "")


PREDICTIONS: dict[str, Measure] = {
    "context-dot": _copied_by_a_dot,
    "context-sent": _sent,
    "context-depth": _logs_below,
    "context-named": _ignored_by_name,
    "context-wildcard": _ignored_by_a_wildcard,
    "context-order": _exception_first,
    "context-path": _of_which_folder,
    "context-parent": _above_the_context,
    "context-own": _two_ignore_files,
    "context-itself": _its_own_dockerfile,
    "context-add": _an_archive,
}
"""What each prediction of the lab is compared with."""

"""Lab "commit": a container's writable layer becomes one more read-only layer; how it came to be is written down nowhere."""

from __future__ import annotations

from dockerlab.course.checks import Check, exercise
from dockerlab.course.predictions import NOT_HERE, Measure
from dockerlab.course.saying import say
from dockerlab.course.vocabulary import Look

PAGE = "/usr/share/nginx/html/index.html"
CHECKS: list[Check] = []
"""The exercises, in their order."""


@exercise(
    CHECKS, "commit-1", 2,
    hint=say("A is a path that the image does not have, C one that it has otherwise, D one that only the image has", "A는 이미지에 없는 경로, C는 이미지와 내용이 다른 경로, D는 이미지에만 있는 경로입니다"),
    question=say("what does %docker diff draft print, and which of the three lines is not there?", "%docker diff draft는 무엇을 출력하고, 세 줄 가운데 무엇이 없습니까?"),
)  # fmt: skip
def changes(look: Look) -> None:
    """One path added, one changed, one deleted."""
    draft = look.container("draft")
    if not look.need(draft.of("nginx"), weight=0):
        return
    look.expect(
        (draft.change("/menu.txt") == "A").called("/menu.txt is new in draft", "/menu.txt는 draft에 새로 생겼습니다"),
        (draft.change("/etc/issue") == "C").called("/etc/issue is changed in draft", "/etc/issue는 draft에서 바뀌었습니다"),
        (draft.change("/etc/issue.net") == "D").called("/etc/issue.net is deleted in draft", "/etc/issue.net은 draft에서 지워졌습니다"),
    )


@exercise(
    CHECKS, "commit-2", 2,
    hint=say("first the container, then the name of the new image; the message stands in quotation marks after -m", "컨테이너를 먼저 쓰고, 새 이미지의 이름을 그다음에 씁니다. 메시지는 -m 뒤에 따옴표로 묶습니다"),
    question=say("what does %docker run --rm menu:1 ls / show, and what does %history menu:1 say in its last column?", "%docker run --rm menu:1 ls /는 무엇을 보여 주고, %history menu:1의 마지막 열에는 무엇이 있습니까?"),
)  # fmt: skip
def committed(look: Look) -> None:
    """A container's change as a new image, with a message."""
    menu = look.image("menu:1")
    if not look.need(menu.exists, weight=0.5):
        return
    look.expect(
        (menu.layers.above("busybox").count == 1).at(
            "%layers busybox menu:1: what lies above busybox?", "%layers busybox menu:1: busybox 위에 무엇이 있습니까?"
        ),
        weight=0.5,
    )
    look.expect(menu.file("/menu.txt").text == "soup", weight=2)
    look.expect((menu.message != "").called("menu:1 was committed with a message", "menu:1을 메시지와 함께 커밋했습니다"))


@exercise(
    CHECKS, "commit-3", 3,
    hint=say("commit --change takes one line of a Dockerfile that changes a setting", "commit --change에는 설정을 바꾸는 Dockerfile의 한 줄을 씁니다"),
    question=say("what is the CMD of served:1, and what is that of nginx?", "served:1의 CMD는 무엇이고, nginx의 CMD는 무엇입니까?"),
)  # fmt: skip
def served(look: Look) -> None:
    """The page by hand, and a server that starts by itself."""
    served = look.image("served:1")
    if not look.need(served.exists, weight=0.5):
        return
    look.expect(served.built_on("nginx"), weight=0.5)
    look.expect(served.file(PAGE).contains("by hand"))
    look.expect(
        served.answers()
        .contains("by hand")
        .called("a container without a command serves the page", "명령 없이 시작한 컨테이너가 페이지를 보여 줍니다")
        .at("%docker inspect --format '{{json .Config.Cmd}}' served:1", "%docker inspect --format '{{json .Config.Cmd}}' served:1"),
        weight=2,
    )


@exercise(
    CHECKS, "commit-4", 2,
    hint=say("commit takes what lies in the writable layer at that moment; a volume lies elsewhere", "commit은 그 순간 쓰기 가능한 레이어에 있는 것만 담습니다. 볼륨은 다른 곳에 있습니다"),
    question=say("which paths does %docker diff shop list? is a file with the orders among them?", "%docker diff shop에는 어떤 경로가 나옵니까? 주문이 든 파일이 그중에 있습니까?"),
)  # fmt: skip
def beside_the_volume(look: Look) -> None:
    """What is to be in the image has to lie in the writable layer."""
    if look.cannot_be_shown("mounts"):
        return
    shop = look.image("shop:1")
    if not look.need(shop.exists, weight=0.5):
        return
    look.expect(shop.built_on("busybox"), weight=0.5)
    backup = shop.file("/backup.txt")
    look.expect(backup.exists)
    look.expect(
        (backup.text == "two teas\none soup").called(
            "/backup.txt in shop:1 has both orders", "shop:1의 /backup.txt에 두 주문이 모두 있습니다"
        ),
        weight=2,
    )


@exercise(
    CHECKS, "commit-5", 2,
    hint=say("a commit takes the layer as it is then; what comes later is not in it", "커밋은 그 순간의 레이어를 담습니다. 나중에 한 일은 들어 있지 않습니다"),
    question=say("what stands in /drinks.txt at the moment of the first commit?", "첫 번째 커밋을 하는 순간 /drinks.txt에는 무엇이 들어 있습니까?"),
)  # fmt: skip
def in_order(look: Look) -> None:
    """Two commits of one container at two moments."""
    tea, both, bar = look.image("tea:1"), look.image("coffee:1"), look.container("bar")
    for image, text in ((tea, "tea"), (both, "tea\ncoffee")):
        look.expect(image.exists, weight=0.5)
        look.expect(image.file("/drinks.txt").text == text)
    look.expect(
        (tea.exists & both.exists & bar.is_gone).called(
            "the container bar is gone, after both commits", "두 번의 커밋이 끝난 뒤 컨테이너 bar가 없습니다"
        ),
        weight=0.5,
    )


@exercise(
    CHECKS, "commit-6", 3,
    hint=say("write down what the files are in the end, not each step that led there", "거쳐 온 과정이 아니라 마지막에 남은 파일을 적으십시오"),
    question=say("what does %docker diff colleague list, and which line of your recipe makes each file?", "%docker diff colleague에는 무엇이 나오고, 레시피의 어느 줄이 각 파일을 만듭니까?"),
)  # fmt: skip
def recipe(look: Look) -> None:
    """The same image from a recipe that can be read."""
    app = look.image("app:1")
    if not look.need(app.exists, weight=0.5):
        return
    look.expect(
        (app.built_on("busybox") & (app.history.count("sleep") == 0)).called(
            "app:1 comes from busybox, with nothing below it that was committed by hand",
            "app:1은 busybox에서 시작하고, 그 사이에 손으로 커밋한 레이어가 없습니다",
        )
    )
    written = (app.history.count("RUN") >= 1) | (app.history.count("COPY") >= 1) | (app.history.count("ADD") >= 1)
    look.expect(written.called("the history of app:1 says what was done", "app:1의 히스토리에 무엇을 했는지 나옵니다"))
    look.expect(app.file("/app/settings").text == "colour = blue")
    tried = app.run("-c", "echo 'colour = green' > /app/settings; /app/start", entrypoint="sh")
    look.expect(
        (tried.output == "colour = green")
        .called(
            "/app/start is a program that prints whatever the settings are", "/app/start는 설정이 무엇이든 그대로 출력하는 프로그램입니다"
        )
        .at("%docker run --rm app:1 ls -l /app", "%docker run --rm app:1 ls -l /app")
    )
    settings = str(app.file("/app/settings").text.value)
    look.expect(
        (app.file("/app/settings").exists & (app.run().output == settings))
        .called("a container without a command prints the settings", "명령 없이 시작한 컨테이너가 설정을 출력합니다")
        .at("the CMD of your Dockerfile", "Dockerfile의 CMD")
    )


def _undone(look: Look) -> str:
    desk = look.container("desk")
    if desk.change(PAGE) != "C":
        return ""
    return {"": "c", "D": "a"}.get(str(desk.change("/usr/share/nginx/html/draft.html").value), "b")


def _program_by_a_path(look: Look) -> str:
    luck, unlucky = look.container("luck"), look.container("unlucky")
    if luck.missing or unlucky.missing:
        return ""
    return "c" if unlucky.exit_code != 0 else "a"


def _the_old_image(look: Look) -> str:
    page, nginx = look.image("page:1"), look.image("nginx")
    if page.missing or nginx.missing:
        return ""
    if nginx.file(PAGE).contains("by hand"):
        return "b"
    return "a" if page.layers.above("nginx").count == 1 else "c"


def _what_starts(look: Look) -> str:
    page, nginx = look.image("page:1"), look.image("nginx")
    if page.missing:
        return ""
    command = page.config.cmd.value
    return "a" if command == nginx.config.cmd.value else "b" if command == ["bash"] else "c"


def _volume_in_image(look: Look) -> str:
    image = look.image("accounts:1")
    if image.missing:
        return NOT_HERE if look.stands_in("mounts") else ""
    kept = (image.file("/data/order.txt").exists.holds, image.file("/note.txt").exists.holds)
    return {(True, True): "a", (False, False): "b", (False, True): "c"}.get(kept, "")


def _what_history_says(look: Look) -> str:
    image = look.image("app:hand")
    if image.missing:
        return ""
    told = image.history.lines[-1]
    return "a" if "settings" in told else "b" if "sleep" in told else "c"


def _what_latest_means(look: Look) -> str:
    image = look.image("note:latest")
    if look.image("note:2").missing:
        return ""
    return "c" if image.missing else {"second": "a", "first": "b"}.get(str(image.file("/note").text.value).strip(), "")


PREDICTIONS: dict[str, Measure] = {
    "commit-undone": _undone,
    "commit-path": _program_by_a_path,
    "commit-old": _the_old_image,
    "commit-starts": _what_starts,
    "commit-volume": _volume_in_image,
    "commit-latest": _what_latest_means,
    "commit-history": _what_history_says,
}
"""What each prediction of the lab is compared with."""

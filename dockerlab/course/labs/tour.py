"""Lab "tour": each tool once, and a small exercise to each."""

from __future__ import annotations

from dockerlab.course.checks import Check, exercise
from dockerlab.course.predictions import Measure
from dockerlab.course.saying import say
from dockerlab.course.vocabulary import Look

CHECKS: list[Check] = []
"""The exercises, in their order."""


@exercise(
    CHECKS, "tour-1", 1,
    hint=say("%docker run, then the options, then the image, then the command", "%docker run 다음에 옵션, 이미지, 명령의 순서로 씁니다"),
    question=say("what does %docker ps -a show?", "%docker ps -a에는 무엇이 나옵니까?"),
)  # fmt: skip
def first(look: Look) -> None:
    """A container with a name."""
    container = look.container("first")
    if not look.need(container.exists):
        return
    look.expect(container.of("busybox"))
    look.expect((container.logs == "hi").called("it has printed hi", "hi를 출력했습니다"), weight=2)


@exercise(
    CHECKS, "tour-2", 2,
    hint=say("copy the recipe of greet:0 and change one word", "greet:0의 레시피를 복사해서 단어 하나를 바꾸십시오"),
    question=say("what does %docker run --rm greet:1 print?", "%docker run --rm greet:1은 무엇을 출력합니까?"),
)  # fmt: skip
def evening(look: Look) -> None:
    """A first recipe."""
    image = look.image("greet:1")
    if not look.need(image.exists):
        return
    look.expect(image.built_on("busybox"))
    look.expect(
        (image.run().output == "good evening").called("a container prints good evening", "컨테이너가 good evening을 출력합니다"), weight=2
    )


@exercise(
    CHECKS, "tour-3", 1,
    hint=say("%layers numbers the layers and shows the instruction beside each", "%layers는 레이어마다 번호와 지시어를 보여 줍니다"),
    question=say("which lines of %history greet:0 have a size, and which say 0B?", "%history greet:0에서 크기가 있는 줄과 0B인 줄은 각각 무엇입니까?"),
)  # fmt: skip
def counted(look: Look) -> None:
    """Layers, read off a picture."""
    image, answer = look.image("greet:0"), look.text("tour-3.txt")
    number, _, instruction = str(answer.value).strip().partition(" ")
    there = answer.exists & image.exists
    counted = there & (image.layers.count == (int(number) if number.isdecimal() and len(number) < 9 else -1))
    made = there & (image.history.count(instruction or "?") == 1) & answer.matches(r"(?i)\bRUN$", "RUN", "RUN")
    look.expect(counted.called("the number of layers", "레이어의 수").at("%layers greet:0", "%layers greet:0"))
    look.expect(made.called("what made the topmost layer", "맨 위 레이어를 만든 지시어").at("%layers greet:0", "%layers greet:0"))


@exercise(
    CHECKS, "tour-4", 1,
    hint=say("%%exec box, and below it the line that writes the file", "%%exec box 아래에 파일을 쓰는 줄을 쓰십시오"),
    question=say("what does %docker exec box cat /greeting.txt print?", "%docker exec box cat /greeting.txt는 무엇을 출력합니까?"),
)  # fmt: skip
def night(look: Look) -> None:
    """A file written in a container."""
    box = look.container("box")
    if not look.need(box.of("greet:0"), weight=0):
        return
    look.expect(
        (box.text("/greeting.txt") == "good night").called(
            "/greeting.txt in box says good night", "box의 /greeting.txt에 good night이라고 적혀 있습니다"
        )
    )


@exercise(
    CHECKS, "tour-5", 1,
    hint=say("first the message, then the container, then the name of the new image", "메시지, 컨테이너, 새 이미지의 이름 순서로 씁니다"),
    question=say("what does %history greet:2 say in its last column?", "%history greet:2의 마지막 열에는 무엇이 있습니까?"),
)  # fmt: skip
def kept(look: Look) -> None:
    """A container's layer as an image."""
    image = look.image("greet:2")
    if not look.need(image.exists):
        return
    look.expect(
        (image.file("/greeting.txt").text == "good night").called(
            "greet:2 greets with good night", "greet:2는 good night이라고 인사합니다"
        ),
        weight=2,
    )
    look.expect((image.message != "").called("it was committed with a message", "메시지와 함께 커밋했습니다"))


def _inside(look: Look) -> str:
    busybox = look.image("busybox")
    if busybox.missing:
        return ""
    top = [f"/{name}" for name in busybox.view.listdir("/")] if busybox.view is not None else []
    return "c" if busybox.run("ls", "-d", *top).exits(0) else "a"


PREDICTIONS: dict[str, Measure] = {"tour-inside": _inside}
"""What each prediction of the lab is compared with."""

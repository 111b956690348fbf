"""Lab "layers": an image is a stack of read-only layers; a container adds a writable one."""

from __future__ import annotations

from dockerlab.course.checks import Check, exercise
from dockerlab.course.predictions import NOT_HERE, Measure
from dockerlab.course.saying import say
from dockerlab.course.vocabulary import Look

CONF, PAGE = "/etc/nginx/conf.d/default.conf", "/usr/share/nginx/html/index.html"
CHECKS: list[Check] = []
"""The exercises, in their order."""


@exercise(
    CHECKS, "layers-1", 2,
    hint=say("one COPY makes one layer; the first one lies lowest", "COPY 하나가 레이어 하나를 만듭니다. 먼저 쓴 것이 아래에 놓입니다"),
    question=say("how many COPY lines does your Dockerfile have, and which comes first?", "Dockerfile에 COPY 줄이 몇 개이고, 어느 것이 먼저입니까?"),
)  # fmt: skip
def site(look: Look) -> None:
    """nginx → configuration → page, two layers above nginx."""
    site, nginx = look.image("site:1"), look.image("nginx")
    if not look.need(site.exists):
        return
    look.expect(
        site.built_on("nginx"),
        (site.layers.above("nginx").count == 2).at(
            "%layers site:1: which instructions made a layer?", "%layers site:1: 어떤 지시어가 레이어를 만들었습니까?"
        ),
    )
    page, conf = site.file(PAGE), site.file(CONF)
    own = page.contains("<h1>") & (page.text != str(nginx.file(PAGE).text.value))
    look.expect(own.called(f"{PAGE} is a page of your own with a heading, <h1>", f"{PAGE}는 제목 <h1>이 있는 나의 페이지입니다"))
    below = (conf.layer > nginx.layers.count.value) & (conf.layer < page.layer.value)
    look.expect(
        below.called("the configuration has a layer of its own, below the page's", "설정이 페이지보다 아래의 레이어에 따로 있습니다").at(
            "the order of your COPY instructions", "COPY 지시어의 순서"
        )
    )


@exercise(
    CHECKS, "layers-2", 2,
    hint=say("docker exec runs a command inside a running container", "docker exec는 실행 중인 컨테이너 안에서 명령을 실행합니다"),
    question=say("what does %docker diff one print before and after you write the file?", "파일을 쓰기 전과 쓴 뒤에 %docker diff one은 무엇을 출력합니까?"),
)  # fmt: skip
def containers(look: Look) -> None:
    """A change in one container is not in the other, nor in the image."""
    one, two = look.container("one"), look.container("two")
    look.expect(one.of("site:1"), two.of("site:1"), weight=0.5)
    changed = one.change(PAGE) == "C"
    look.expect(
        changed.called("container one has its own version of the page", "컨테이너 one에는 자기만의 페이지가 있습니다"),
        (two.exists & (two.change(PAGE) == "") & changed).called(
            "container two still shows the image's page", "컨테이너 two는 여전히 이미지의 페이지를 보여 줍니다"
        ),
    )


@exercise(
    CHECKS, "layers-3", 3,
    hint=say("a layer is what a RUN left behind when it ended", "레이어는 RUN이 끝났을 때 남은 것입니다"),
    question=say(
        "if one RUN makes a file and removes it again, what is left for its layer?", "RUN 하나가 파일을 만들고 다시 지우면, 그 레이어에는 무엇이 남습니까?"
    ),
)  # fmt: skip
def small(look: Look) -> None:
    """What is deleted in the same RUN costs nothing."""
    small = look.image("small:1")
    if not look.need(small.exists, weight=0.5):
        return
    look.expect(
        small.file("/result")
        .contains("5242880")
        .called("/result is there and says how large the download was", "/result가 있고 내려받은 크기가 적혀 있습니다")
    )
    look.expect(small.file("/download").is_missing, weight=0.5)
    look.expect(
        (small.size_above("busybox") < 100_000)
        .called("the image is hardly larger than busybox", "이미지 크기가 busybox와 거의 같습니다")
        .at("%layers small:1: which layer holds the bytes?", "%layers small:1: 어느 레이어가 그 크기를 차지합니까?"),
        weight=2,
    )


@exercise(
    CHECKS, "layers-4", 2,
    hint=say("a step stays cached as long as nothing below it has changed", "아래에 있는 것이 바뀌지 않은 단계는 캐시에서 나옵니다"),
    question=say(
        "which files does the installation read? which of them changes every day?", "설치는 어떤 파일을 읽습니까? 그중 날마다 바뀌는 파일은 무엇입니까?"
    ),
)  # fmt: skip
def ordered(look: Look) -> None:
    """The installation lies below what changes often."""
    ordered = look.image("ordered:1")
    if not look.need(ordered.exists, weight=0.5):
        return
    rare, installed, often, sum_ = (ordered.file(f"/{name}.txt") for name in ("rare", "installed", "often", "sum"))
    look.expect(
        (sum_.contains("once a year") & sum_.contains("every day")).called("/sum.txt holds both texts", "/sum.txt에 두 글이 모두 있습니다")
    )
    look.expect(ordered.config.cmd == ["cat", "/sum.txt"], weight=0.5)
    order = "the order of your lines: %layers ordered:1", "줄의 순서: %layers ordered:1"
    look.expect(
        ((rare.layer < installed.layer) & (installed.layer < often.layer))
        .called("the installation lies above rare.txt and below often.txt", "설치는 rare.txt보다 위, often.txt보다 아래에 있습니다")
        .at(*order),
        weight=2,
    )
    apart = (often.layer < sum_.layer) & (ordered.layers.above("busybox").count == 4)
    look.expect(
        apart.called(
            "the four steps each have a layer, /sum.txt the highest", "네 단계에 레이어가 하나씩 있고 /sum.txt가 가장 위에 있습니다"
        ).at(*order)
    )


@exercise(
    CHECKS, "layers-5", 2,
    hint=say(
        "a layer is shared if it was made by the same instruction from the same files on the same layers",
        "같은 레이어 위에서 같은 지시어로 같은 파일을 넣으면 같은 레이어가 됩니다",
    ),
    question=say("which line of the Dockerfile of site:1 has to do something new?", "site:1의 Dockerfile에서 새로 실행되어야 하는 줄은 어느 것입니까?"),
)  # fmt: skip
def new_version(look: Look) -> None:
    """A new version differs from the old one by its topmost layer."""
    new, old = look.image("site:2"), look.image("site:1")
    if not look.need(new.exists):
        return
    page = new.file(PAGE)
    look.expect(
        page.contains("second line").called("site:2 shows the new page", "site:2는 새 페이지를 보여 줍니다"),
        old.exists & old.file(PAGE).lacks("second line").called("site:1 still has the old one", "site:1에는 예전 페이지가 그대로 있습니다"),
    )
    look.expect(
        (new.layers.shared_with("site:1").count == old.layers.count.value - 1)
        & (new.layers.count == old.layers.count.value).called(
            "site:2 has as many layers as site:1", "site:2와 site:1의 레이어 수가 같습니다"
        ),
        weight=2,
    )


def _inside_nginx(look: Look) -> str:
    nginx = look.image("nginx")
    kernel = nginx.file("/boot").exists and any(name.startswith("vmlinu") for name in nginx.view.listdir("/boot")) if nginx.view else False
    return "c" if kernel else "b" if nginx.file("/etc/os-release").exists else "a" if nginx.exists else ""


def _added_by_instructions(look: Look) -> str:
    above = look.image("conf:1").layers.above("nginx")
    return {3: "a", 2: "b", 1: "c"}.get(len(above.values), "")


def _disk_of_containers(look: Look) -> str:
    size = look.image("site:1").size.value
    found = [look.container(name) for name in ("one", "two")]
    if not size or any(one.missing for one in found):
        return ""
    if look.stands_in("overlay_roots"):  # each has a copy of the image
        return NOT_HERE
    taken = sum(change["Size"] for one in found for change in look.engine.changes(one.name)) / size
    return "c" if taken < 0.1 else "b" if taken < 1.5 else "a"


def _page_of_a_third(look: Look) -> str:
    ran = look.image("site:1").run("cat", PAGE)
    return "a" if ran.prints("changed") else "b" if ran.exits(0) else ""


def _size_after_deleting(look: Look) -> str:
    big = look.image("big:1")
    more = big.size_above("busybox").value / 5_000_000
    return "" if big.missing else "b" if more < 0.5 else "a" if more < 1.5 else "c"


def _what_ran_again(look: Look) -> str:
    first, second = look.image("cached:1"), look.image("cached:2")
    if first.missing or second.missing or len(first.layers.values) != len(second.layers.values):
        return ""
    again = tuple(one != other for one, other in zip(first.layers.values, second.layers.values, strict=True))[-3:]
    return {"111": "a", "010": "b", "011": "c", "000": "d"}.get("".join("01"[one] for one in again), "")


def _size_after_new_permissions(look: Look) -> str:
    mode = look.image("mode:1")
    more = mode.size_above("busybox").value - 5_242_880
    return "" if mode.missing else "a" if more <= 0 else "b" if more < 1_000_000 else "c"


PREDICTIONS: dict[str, Measure] = {
    "layers-base": _inside_nginx,
    "layers-instructions": _added_by_instructions,
    "layers-containers": _disk_of_containers,
    "layers-third": _page_of_a_third,
    "layers-deleted": _size_after_deleting,
    "layers-chmod": _size_after_new_permissions,
    "layers-cache": _what_ran_again,
}
"""What each prediction of the lab is compared with."""

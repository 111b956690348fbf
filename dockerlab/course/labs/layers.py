"""Lab "layers": an image is a stack of read-only layers; a container adds a writable one."""

from __future__ import annotations

from dockerlab.course.checks import Check
from dockerlab.course.vocabulary import FileSubject, Look

CONF, PAGE = "/etc/nginx/conf.d/default.conf", "/usr/share/nginx/html/index.html"
_MISSING = {"en": "no image of that name", "ko": "그런 이름의 이미지가 없습니다"}
_NO_FILE = {"en": "no such file", "ko": "파일 없음"}
_UNCHANGED = {"en": "unchanged", "ko": "바뀌지 않음"}
_NO_CONTAINER = {"en": "no container of that name", "ko": "그런 이름의 컨테이너가 없습니다"}


def _begin(file: FileSubject) -> str | dict[str, str]:
    """The file's first letters, or that there is none."""
    return file.data[:60].decode("utf-8", "replace") if file.data is not None else _NO_FILE


def _site(look: Look) -> None:
    """layers-1: nginx → configuration → page, two layers above nginx."""
    site, nginx = look.image("site:1"), look.image("nginx")
    if not look.expect(
        {"en": "there is an image site:1", "ko": "이미지 site:1이 있습니다"}, site is not None, seen=_MISSING, expected="site:1",
        look={"en": "%docker images lists what is here; -t gives a name", "ko": "%docker images가 이미지 목록을 보여 줍니다. 이름은 -t로 붙입니다"},
    ) or site is None:  # fmt: skip
        return
    above = site.above(nginx) if nginx is not None else None
    look.expect(
        {"en": "it is built on nginx: all of nginx's layers are its lowest", "ko": "nginx 위에 만들었습니다. nginx의 레이어가 모두 맨 아래에 있습니다"},
        above is not None, seen={"en": f"{len(site.layers)} layers", "ko": f"레이어 {len(site.layers)}개"}, expected={"en": "nginx's layers at the bottom", "ko": "맨 아래에 nginx의 레이어"},
        look={"en": "the FROM of your Dockerfile", "ko": "Dockerfile의 FROM"},
    )  # fmt: skip
    look.expect(
        {"en": "there are exactly two layers above nginx", "ko": "nginx 위에 레이어가 정확히 두 개 있습니다"},
        above is not None and len(above) == 2, seen=len(above) if above is not None else "?", expected=2,
        look={"en": "%layers site:1: which instructions made a layer?", "ko": "%layers site:1: 어떤 지시어가 레이어를 만들었습니까?"},
    )  # fmt: skip
    page = site.file(PAGE)
    look.expect(
        {"en": f"{PAGE} is a page of your own with a heading, <h1>", "ko": f"{PAGE}는 제목 <h1>이 있는 나의 페이지입니다"},
        page.contains("<h1>") and (nginx is None or page.data != nginx.file(PAGE).data),
        seen=_begin(page), expected="<h1>…</h1>", look="COPY index.html …",
    )  # fmt: skip
    conf, html = site.layer_of(CONF), site.layer_of(PAGE)
    base = len(nginx.layers) if nginx is not None else 0
    look.expect(
        {"en": "the configuration has a layer of its own, below the page's", "ko": "설정이 페이지보다 아래의 레이어에 따로 있습니다"},
        conf is not None and html is not None and base < conf < html, seen=f"default.conf {conf}, index.html {html}",
        expected={"en": f"both above {base}, default.conf lower", "ko": f"둘 다 {base}보다 위, default.conf가 더 아래"},
        look={"en": "the order of your COPY instructions", "ko": "COPY 지시어의 순서"},
    )  # fmt: skip


def _containers(look: Look) -> None:
    """layers-2: a change in one container is not in the other, nor in the image."""
    one, two, site = look.container("one"), look.container("two"), look.image("site:1")
    for name, found in (("one", one), ("two", two)):
        look.expect(
            {"en": f"there is a container {name} of site:1", "ko": f"site:1의 컨테이너 {name}이(가) 있습니다"},
            found is not None and site is not None and found.image == site.json["Id"],
            seen=_NO_CONTAINER if found is None else found.json["Config"]["Image"], expected="site:1", look="%docker ps -a", weight=0.5,
        )  # fmt: skip
    kind = one.changes.get(PAGE) if one is not None else None
    look.expect(
        {"en": "container one has its own version of the page", "ko": "컨테이너 one에는 자기만의 페이지가 있습니다"}, kind == "C",
        seen=kind or _UNCHANGED, expected=f"C {PAGE}", look="%docker diff one, %cow one",
    )  # fmt: skip
    look.expect(
        {"en": "container two still shows the image's page", "ko": "컨테이너 two는 여전히 이미지의 페이지를 보여 줍니다"},
        kind == "C" and two is not None and PAGE not in two.changes, seen=two.changes.get(PAGE, _UNCHANGED) if two is not None else _NO_CONTAINER, expected=_UNCHANGED,
        look="%docker diff two, %cow two",
    )  # fmt: skip


def _small(look: Look) -> None:
    """layers-3: what is deleted in the same RUN costs nothing."""
    small, busybox = look.image("small:1"), look.image("busybox")
    if not look.expect(
        {"en": "there is an image small:1", "ko": "이미지 small:1이 있습니다"}, small is not None, seen=_MISSING, expected="small:1", look="%docker images", weight=0.5
    ) or small is None:  # fmt: skip
        return
    result = small.file("/result")
    look.expect(
        {"en": "/result is there and says how large the download was", "ko": "/result가 있고 내려받은 크기가 적혀 있습니다"}, result.contains("5242880"),
        seen=_begin(result), expected="5242880", look="%docker run --rm small:1 cat /result",
    )  # fmt: skip
    look.expect(
        {"en": "/download is not there", "ko": "/download가 없습니다"}, not small.file("/download").exists, seen="/download",
        expected=_NO_FILE, look="%docker run --rm small:1 ls /", weight=0.5,
    )  # fmt: skip
    extra = small.size - (busybox.size if busybox is not None else 0)
    look.expect(
        {"en": "the image is hardly larger than busybox", "ko": "이미지 크기가 busybox와 거의 같습니다"}, busybox is not None and extra < 100_000,
        seen={"en": f"+{extra} bytes", "ko": f"+{extra}바이트"}, expected={"en": "< 100000 bytes", "ko": "100000바이트 미만"}, look={"en": "%layers small:1: which layer holds the bytes?", "ko": "%layers small:1: 어느 레이어가 그 크기를 차지합니까?"},
        weight=2,
    )  # fmt: skip


CHECKS = (
    Check(
        "layers-1", 2, _site,
        {"en": "one COPY makes one layer; the first one lies lowest", "ko": "COPY 하나가 레이어 하나를 만듭니다. 먼저 쓴 것이 아래에 놓입니다"},
        {"en": "how many COPY lines does your Dockerfile have, and which comes first?", "ko": "Dockerfile에 COPY 줄이 몇 개이고, 어느 것이 먼저입니까?"},
    ),
    Check(
        "layers-2", 2, _containers,
        {"en": "docker exec runs a command inside a running container", "ko": "docker exec는 실행 중인 컨테이너 안에서 명령을 실행합니다"},
        {"en": "what does %docker diff one print before and after you write the file?", "ko": "파일을 쓰기 전과 쓴 뒤에 %docker diff one은 무엇을 출력합니까?"},
    ),
    Check(
        "layers-3", 3, _small,
        {"en": "a layer is what a RUN left behind when it ended", "ko": "레이어는 RUN이 끝났을 때 남은 것입니다"},
        {"en": "if one RUN makes a file and removes it again, what is left for its layer?", "ko": "RUN 하나가 파일을 만들고 다시 지우면, 그 레이어에는 무엇이 남습니까?"},
    ),
)  # fmt: skip
"""The exercises, in their order."""

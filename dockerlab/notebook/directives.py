"""What an instruction does, in two sentences: for Shift-Tab on it. (Docker: Dockerfile reference; what adds a layer was measured, see docs/conformance.md)"""

from __future__ import annotations

from html import escape

from dockerlab.notebook.words import language

_REFERENCE = "https://docs.docker.com/reference/dockerfile/#"
_LAYER = {"en": "adds a layer", "ko": "레이어를 추가합니다"}
_METADATA = {"en": "changes only metadata, adds no layer", "ko": "메타데이터만 바꾸며 레이어는 추가하지 않습니다"}
_MAKES_LAYERS = {"ADD", "COPY", "RUN", "WORKDIR"}

_DOES: dict[str, dict[str, str]] = {
    "ADD": {
        "en": "Copies files of the build context, an archive's contents, or what lies behind a URL into the image.",
        "ko": "빌드 컨텍스트의 파일, 압축 파일의 내용, URL이 가리키는 파일을 이미지에 복사합니다.",
    },
    "ARG": {
        "en": "Declares a build argument, `ARG name=default`, visible from this line to the end of its stage. It is not there when the container runs, but its value stays in history.",
        "ko": "빌드 인자를 선언합니다(`ARG 이름=기본값`). 이 줄부터 스테이지 끝까지 보입니다. 컨테이너가 실행될 때는 없지만 값은 히스토리에 남습니다.",
    },
    "CMD": {
        "en": "Sets what a container starts if `docker run` names nothing else; after an ENTRYPOINT, its arguments. The last one counts.",
        "ko": "`docker run`에서 따로 지정하지 않을 때 시작할 명령을 정합니다. ENTRYPOINT가 있으면 그 인자가 됩니다. 마지막 것만 유효합니다.",
    },
    "COPY": {
        "en": "Copies files of the build context, or of another stage (`--from`), into the image.",
        "ko": "빌드 컨텍스트나 다른 스테이지(`--from`)의 파일을 이미지에 복사합니다.",
    },
    "ENTRYPOINT": {
        "en": "Sets the program that a container starts. A new one drops the base image's CMD.",
        "ko": "컨테이너가 시작할 프로그램을 정합니다. 새로 정하면 베이스 이미지의 CMD는 사라집니다.",
    },
    "ENV": {
        "en": "Sets an environment variable for the following steps and for containers.",
        "ko": "다음 단계들과 컨테이너에서 쓸 환경 변수를 정합니다.",
    },
    "EXPOSE": {
        "en": "Notes a port that the program listens on. It publishes nothing: `docker run -p` does.",
        "ko": "프로그램이 사용하는 포트를 적어 둡니다. 게시하는 것은 아닙니다. 게시는 `docker run -p`가 합니다.",
    },
    "FROM": {
        "en": "Begins a stage on a base image, whose layers it takes as they are. Each further FROM begins another stage.",
        "ko": "베이스 이미지의 레이어를 그대로 이어받아 스테이지를 시작합니다. FROM이 또 나오면 새 스테이지가 시작됩니다.",
    },
    "HEALTHCHECK": {
        "en": "Sets the command that tells whether a running container is healthy.",
        "ko": "실행 중인 컨테이너가 정상인지 확인할 명령을 정합니다.",
    },
    "LABEL": {"en": "Puts a label on the image: a name and a value.", "ko": "이미지에 이름과 값으로 된 레이블을 붙입니다."},
    "MAINTAINER": {
        "en": "Names the author. Deprecated: use LABEL.",
        "ko": "작성자를 적습니다. 더 이상 권장하지 않으며 LABEL을 사용합니다.",
    },
    "ONBUILD": {
        "en": "Notes an instruction that is done when another image is built FROM this one.",
        "ko": "이 이미지를 베이스로 다른 이미지를 빌드할 때 실행할 지시어를 적어 둡니다.",
    },
    "RUN": {
        "en": "Runs a command in a container above the layers so far; what it changes becomes a layer.",
        "ko": "지금까지의 레이어 위에서 명령을 실행하고, 바뀐 것을 레이어로 만듭니다.",
    },
    "SHELL": {
        "en": "Sets the shell of the shell forms of RUN, CMD and ENTRYPOINT.",
        "ko": "RUN, CMD, ENTRYPOINT의 셸 형식에 쓸 셸을 정합니다.",
    },
    "STOPSIGNAL": {"en": "Sets the signal that `docker stop` sends.", "ko": "`docker stop`이 보낼 시그널을 정합니다."},
    "USER": {
        "en": "Sets the user, and group, of the following RUNs and of containers. COPY still makes root's files.",
        "ko": "다음 RUN과 컨테이너에서 사용할 사용자와 그룹을 정합니다. COPY로 만든 파일은 여전히 root의 것입니다.",
    },
    "VOLUME": {
        "en": "Marks a folder whose files lie outside the container's layer, so that commit does not hold them.",
        "ko": "컨테이너 레이어 밖에 파일을 둘 폴더를 지정합니다. 그 파일은 커밋에 들어가지 않습니다.",
    },
    "WORKDIR": {
        "en": "Sets the working folder of the following instructions and of containers, and makes it where it is missing.",
        "ko": "다음 지시어와 컨테이너의 작업 폴더를 정하고, 없으면 만듭니다.",
    },
}


def explained(keyword: str) -> dict[str, str] | None:
    """A bundle for the help of an editor; None for what is no instruction."""
    does = _DOES.get(keyword)
    if does is None:
        return None
    tongue = language()
    makes = (_LAYER if keyword in _MAKES_LAYERS else _METADATA)[tongue]
    link = _REFERENCE + keyword.lower()
    html = f"<p><b>{keyword}</b> {escape(makes)}</p><p>{escape(does[tongue])}</p><p><a href='{link}' target='_blank'>{link}</a></p>"
    return {"text/plain": f"{keyword}: {makes}\n{does[tongue]}\n{link}", "text/html": html}

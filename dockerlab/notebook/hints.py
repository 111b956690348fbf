"""The hints of errors in the learner's language. What Docker says stays as Docker says it; what to do next is ours to say, and a learner's to understand.

Hints are written in English where the facts are; here is the Korean of those that a learner of the labs can meet. One that is not here is shown as it is.
"""

from __future__ import annotations

import re

from dockerlab.language import language, particles

_KOREAN = (
    (r"did you mean the stage (.+)\?", r"스테이지 \1을(를) 쓰려고 하셨습니까?"),
    (r"did you mean (.+?)\?", r"\1을(를) 쓰려고 하셨습니까?"),
    (r"did you mean (.+?)\? The catalogue has (\S+) with the tags (.+)", r"\1을(를) 쓰려고 하셨습니까? 카탈로그에 있는 \2의 태그는 다음과 같습니다: \3"),
    (r"(COPY|ADD) takes paths from the build context, here (.+); (.+) is not in it", r"\1의 원본 경로는 빌드 컨텍스트에서 찾습니다. 여기서는 \2이고, 그 안에 \3이(가) 없습니다"),
    (r'(.+) is there, but the pattern "(.+)" in (.+) leaves it out of the build context', r'\1은(는) 폴더에 있지만, \3의 패턴 "\2" 때문에 빌드 컨텍스트에서 제외됩니다'),
    (r"(.+) is a link to (.+), which is not in the build context, or left out of it", r"\1은(는) \2을(를) 가리키는 링크인데, \2이(가) 빌드 컨텍스트에 없거나 제외되었습니다"),
    (r"this build has no context: name a folder instead of -", r"이 빌드에는 컨텍스트가 없습니다. - 대신 폴더를 쓰십시오"),
    (r"a build takes files from its context alone: .+", r"빌드는 컨텍스트에 있는 파일만 가져올 수 있습니다. 위의 폴더를 PATH로 쓰고, Dockerfile은 -f로 지정하십시오"),
    (r"PATH is the folder that COPY takes from, often \.", r"PATH는 COPY가 파일을 가져오는 폴더입니다. 흔히 . 을 씁니다"),
    (r"-f names a file", r"-f에는 파일을 씁니다"),
    (r"--force (?:writes the cell over it|writes over it)", r"--force를 쓰면 셀의 내용으로 덮어씁니다"),
    (r"begin with FROM and the name of a base image", r"FROM과 베이스 이미지의 이름으로 시작하십시오"),
    (r"a Dockerfile needs FROM and the name of a base image", r"Dockerfile에는 FROM과 베이스 이미지의 이름이 필요합니다"),
    (r"an instruction is one of (.+)", r"사용할 수 있는 지시어는 다음과 같습니다: \1"),
    (r"write NAME=value, and quotes around a value with spaces", r"이름=값으로 쓰십시오. 값에 공백이 있으면 따옴표로 묶습니다"),
    (r"write quotes around each word", r"단어마다 따옴표로 묶으십시오"),
    (r"a line with only the delimiter must end it", r"끝을 알리는 단어만 있는 줄로 끝내야 합니다"),
    (r"stages: (.*)", r"스테이지는 다음과 같습니다: \1"),
    (r"(.+) is a file in the image; a folder can't take its place", r"이미지의 \1은(는) 파일입니다. 그 자리에 폴더를 놓을 수 없습니다"),
    (r"(.+) is a file in the image", r"이미지의 \1은(는) 파일입니다"),
    (r"choose another destination, or remove the folder in an earlier RUN", r"다른 경로를 쓰거나, 앞의 RUN에서 그 폴더를 지우십시오"),
    (r"FROM scratch needs at least one more instruction", r"FROM scratch 뒤에는 지시어가 하나 더 필요합니다"),
    (r"ADD downloads a URL", r"URL에서 내려받으려면 ADD를 쓰십시오"),
    (r"build without DOCKER_BUILDKIT=0 and --builder classic", r"DOCKER_BUILDKIT=0과 --builder classic 없이 빌드하십시오"),
    (r"the classic builder has not this flag: (.+)", r"클래식 빌더에는 이 옵션이 없습니다. DOCKER_BUILDKIT=0과 --builder classic 없이 빌드하십시오"),
    (r'write "(.+)"', r'"\1"(으)로 쓰십시오'),
    (r'"(.+)" should look like name or name:tag, lower case', r'"\1"은(는) 이름이나 이름:태그 형태여야 합니다. 영어 소문자로 쓰십시오'),
    (r"%docker images lists what is here", r"%docker images로 지금 있는 이미지를 볼 수 있습니다"),
    (r"%docker ps -a lists all containers", r"%docker ps -a로 모든 컨테이너를 볼 수 있습니다"),
    (r"%docker volume ls lists all volumes", r"%docker volume ls로 모든 볼륨을 볼 수 있습니다"),
    (r"%docker rm -f (.+), or choose another --name", r"%docker rm -f \1 을 실행하거나, --name에 다른 이름을 쓰십시오"),
    (r"%docker start (\S+)", r"%docker start \1 로 시작하십시오"),
    (r"%docker unpause (\S+)", r"%docker unpause \1 로 다시 움직이게 하십시오"),
    (r"%docker stop (\S+), or %docker rm -f (\S+)", r"%docker stop \1 로 멈추거나 %docker rm -f \2 로 지우십시오"),
    (r"%docker rm (?:-f )?(\S+) first(?:, or use -f)?", r"먼저 컨테이너를 지우십시오: %docker rm -f \1"),
    (r"remove its names one by one, or use -f", r"이름을 하나씩 지우거나 -f를 쓰십시오"),
    (r"remove the container first: %docker rm (\S+)", r"먼저 컨테이너를 지우십시오: %docker rm \1"),
    (r"it was removed meanwhile", r"그 사이에 지워졌습니다"),
    (r"use at least two letters, digits, dots, dashes or underscores", r"이름은 영어 글자, 숫자, 점, 붙임표(-), 밑줄(_)로 두 글자 이상 쓰십시오"),
    (r"write more of the ID", r"ID를 더 길게 쓰십시오"),
    (r"the image has no CMD and no ENTRYPOINT: write the command after the image's name", r"이미지에 CMD도 ENTRYPOINT도 없습니다. 이미지 이름 뒤에 명령을 쓰십시오"),
    (r"write HOST-FOLDER:/path, VOLUME-NAME:/path or /path(, with :ro at the end for read-only)?", r"폴더:/경로, 볼륨이름:/경로, /경로 가운데 하나로 쓰십시오"),
    (r"write HOST-PORT:CONTAINER-PORT, for example -p 8080:80", r"호스트포트:컨테이너포트로 쓰십시오. 예: -p 8080:80"),
    (r"write NAME=value \((.+)\)", r"이름=값으로 쓰십시오 (\1)"),
    (r"publish it when the container starts: run -p 8080:80", r"포트는 컨테이너를 시작할 때 게시합니다: run -p 8080:80"),
    (r"its layers are 1 to (\d+)", r"레이어는 1부터 \1까지 있습니다"),
    (r"close the quote", r"따옴표를 닫으십시오"),
    (r"choose one of (.+)", r"다음 가운데 하나를 고르십시오: \1"),
    (r"exercises: (.+)", r"연습 문제는 다음과 같습니다: \1"),
    (r"%predict NAME b answers it", r"%predict 이름 b 로 답합니다"),
    (r"write the question above them", r"그 위에 질문을 쓰십시오"),
    (r"in a cell of your own: %%compare NAME, below it a Python expression for the letter", r"자신의 셀에서는 %%compare 이름 아래에, 글자를 정하는 Python 식을 쓰십시오"),
    (r"leave it away", r"빼고 쓰십시오"),
    (r"copy files in with `(%?docker cp)` or COPY, and out with `%?docker cp`", r"파일은 `\1`나 COPY로 넣고, `\1`로 꺼내십시오"),
    (r"start it; DOCKERLAB_ENGINE=embedded needs no daemon", r"데몬을 시작하십시오. DOCKERLAB_ENGINE=embedded에는 데몬이 필요 없습니다"),
    (r"let yourself use it: (.+), then log in again; DOCKERLAB_ENGINE=embedded needs no daemon", r"권한을 얻으십시오: \1 을 실행하고 다시 로그인합니다. DOCKERLAB_ENGINE=embedded에는 데몬이 필요 없습니다"),
    (r"(?:look at the network)(?: and at the registry's name)?; .+", r"네트워크와 레지스트리의 이름을 살펴보십시오. 여기에 있는 이미지와 카탈로그의 이미지는 그대로 쓸 수 있고, %docker load로 다른 이미지를 가져올 수 있습니다"),
    (r"there is no folder (.+) either", r"\1 폴더도 없습니다"),
    (r"%docker layers --files lists what each layer did", r"%docker layers --files로 레이어마다 무엇을 했는지 볼 수 있습니다"),
    (r"%docker layers --files lists what is in it", r"%docker layers --files로 그 안에 무엇이 있는지 볼 수 있습니다"),
    (r"the image has the layers 1 to (\d+)", r"이 이미지의 레이어는 1부터 \1까지 있습니다"),
    (r"layer (\d+) removes it", r"레이어 \1에서 지웁니다"),
    (r"layer (\d+) removes it; layer (\d+) still holds it: --layer \d+", r"레이어 \1에서 지웁니다. 레이어 \2에는 아직 있습니다: --layer \2"),
    (r"a shell in the state before this step: (.+)", r"이 단계 직전의 상태에서 셸을 시작할 수 있습니다: \1"),
    (r"there is no file (.+) in (.+); name it with -f", r"\2에 \1 파일이 없습니다. -f로 지정하십시오"),
    (r"write CONTAINER:/path on one side", r"한쪽은 컨테이너:/경로로 쓰십시오"),
    (r"ports go from 1 to 65535", r"포트는 1에서 65535까지 쓸 수 있습니다"),
    (r"no stage has a name", r"이름이 있는 스테이지가 없습니다. FROM 줄 끝에 AS 이름 을 쓰십시오"),
    (r"give it with (--secret id=\S+)", r"빌드할 때 \1 로 건네주십시오"),
    (r"look into image (.+) with %docker run", r"%docker run으로 이미지 \1의 안을 살펴보십시오"),
    (r"look into stage (.+) with .+", r"스테이지 \1의 안을 살펴보십시오"),
    (r"nothing lies above the context, so \.\. was left away; .+", r"컨텍스트 위에는 아무것도 없어서 ..은 무시했습니다. 위의 폴더를 PATH로 쓰고, Dockerfile은 -f로 지정하십시오"),
    (r"create it first, for example RUN useradd or adduser, or use a number", r"먼저 RUN useradd나 adduser로 사용자를 만들거나, 번호를 쓰십시오"),
)  # fmt: skip
_PATTERNS: list[tuple[re.Pattern[str], str]] = []
_LABELLED = re.compile(r"(?m)^hint: (.*)$")
LABEL = {"en": "hint", "ko": "힌트"}


def in_language(hint: str) -> str:
    """A hint, whose commands are magics already, as this learner reads it."""
    if not hint or language() == "en":
        return hint
    if not _PATTERNS:
        _PATTERNS.extend((re.compile(english, re.DOTALL), korean) for english, korean in _KOREAN)
    for pattern, korean in _PATTERNS:
        if found := pattern.fullmatch(hint):
            return particles(found.expand(korean))
    return hint


def label() -> str:
    """What stands before a hint."""
    return LABEL[language()]


def told_in_language(text: str) -> str:
    """What a verb says, with the hints in it in the learner's language."""
    return _LABELLED.sub(lambda found: f"{label()}: {in_language(found[1])}", text)

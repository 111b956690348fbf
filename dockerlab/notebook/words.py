"""The words of pictures and notices, in the learner's language (`dockerlab.language`)."""

from __future__ import annotations

import re

from dockerlab.language import language as language
from dockerlab.language import particles
from dockerlab.language import speak_as as speak_as
from dockerlab.verbs.phrases import ENGLISH

_WORDS: dict[str, dict[str, str]] = {
    "image": {"en": "image", "ko": "이미지"},
    "container": {"en": "container", "ko": "컨테이너"},
    "one layer": {"en": "1 layer", "ko": "레이어 1개"},
    "layers": {"en": "{n} layers", "ko": "레이어 {n}개"},
    "read-only": {"en": "read-only image layers", "ko": "읽기 전용 이미지 레이어"},
    "writable": {"en": "writable container layer", "ko": "쓰기 가능한 컨테이너 레이어"},
    "metadata": {"en": "metadata only, no layer", "ko": "메타데이터만, 레이어 없음"},
    "context": {"en": "build context", "ko": "빌드 컨텍스트"},
    "context sum": {"en": "{n} files, {size} that COPY and ADD can take", "ko": "COPY와 ADD가 가져올 수 있는 파일 {n}개, {size}"},
    "left out by": {"en": "left out by {pattern} ({where})", "ko": "{pattern} 때문에 제외됨 ({where})"},
    "left out by us": {
        "en": "left out by dockerlab itself: the running notebook, the store",
        "ko": "dockerlab이 제외함: 실행 중인 노트북, 저장소",
    },
    "word": {"en": "WORD", "ko": "단어"},
    "from": {"en": "FROM WHERE", "ko": "출처"},
    "source ENTRYPOINT": {"en": "ENTRYPOINT", "ko": "ENTRYPOINT"},
    "source CMD": {"en": "CMD", "ko": "CMD"},
    "source --entrypoint": {"en": "--entrypoint of run", "ko": "run의 --entrypoint"},
    "source argument": {"en": "argument of run", "ko": "run의 인자"},
    "source shell": {"en": "the shell", "ko": "셸"},
    "shell form": {"en": "added by the shell form", "ko": "셸 형식이 붙임"},
    "of image": {"en": "of {image}", "ko": "{image}에서 옴"},
    "unheard": {"en": "goes to the shell, the program does not see it", "ko": "셸에 전달될 뿐, 프로그램은 받지 못합니다"},
    "no process": {
        "en": "no process: the image has neither ENTRYPOINT nor CMD",
        "ko": "시작할 프로세스가 없습니다: 이미지에 ENTRYPOINT도 CMD도 없습니다",
    },
    "cmd dropped": {
        "en": "the new ENTRYPOINT has dropped the CMD of {image}: {cmd}",
        "ko": "새 ENTRYPOINT 때문에 {image}의 CMD가 사라졌습니다: {cmd}",
    },
    "cmd replaced": {"en": "the arguments stand in the place of CMD: {cmd}", "ko": "인자가 CMD를 대신합니다: {cmd}"},
    "cmd without entrypoint": {
        "en": "--entrypoint drops the image's CMD: {cmd}",
        "ko": "--entrypoint를 쓰면 이미지의 CMD는 쓰이지 않습니다: {cmd}",
    },
    "variables": {"en": "ARG and ENV, line by line", "ko": "줄마다 보이는 ARG와 ENV"},
    "line": {"en": "LINE", "ko": "줄"},
    "instruction": {"en": "INSTRUCTION", "ko": "지시어"},
    "at run": {"en": "in the container", "ko": "컨테이너 안"},
    "in history": {"en": "in the image's history", "ko": "이미지 히스토리"},
    "readable": {"en": "{n} × there", "ko": "{n}줄에 보임"},
    "no value": {"en": "(no value)", "ko": "(값 없음)"},
    "unseen": {
        "en": "line {line}: ${name} is empty here. Line {declared} declares it for its own stage",
        "ko": "{line}번째 줄: 여기서 ${name}의 값은 비어 있습니다. {declared}번째 줄의 선언은 그 스테이지에서만 보입니다",
    },
    "unseen global": {
        "en": "line {line}: ${name} is empty here. Line {declared} declares it for FROM lines; ARG {name} in this stage brings it in",
        "ko": "{line}번째 줄: 여기서 ${name}의 값은 비어 있습니다. {declared}번째 줄의 선언은 FROM 줄에서만 보입니다. 이 스테이지에 ARG {name}을(를) 쓰면 보입니다",
    },
    "unseen at run": {
        "en": "line {line}: ${name} is empty in the container. The ARG of line {declared} ends with the build; ENV {name}=${name} keeps it",
        "ko": "{line}번째 줄: 컨테이너 안에서 ${name}의 값은 비어 있습니다. {declared}번째 줄의 ARG는 빌드가 끝나면 사라집니다. ENV {name}=${name} 로 남길 수 있습니다",
    },
    "unseen at run elsewhere": {
        "en": "line {line}: ${name} is empty in the container. Only ENV reaches it: ARG {name}, then ENV {name}=${name} in this stage",
        "ko": "{line}번째 줄: 컨테이너 안에서 ${name}의 값은 비어 있습니다. 컨테이너까지 남는 것은 ENV뿐입니다. 이 스테이지에 ARG {name}, 그 아래에 ENV {name}=${name}",
    },
    "unused argument": {"en": "--build-arg {name}: no ARG declares it", "ko": "--build-arg {name}: 이 이름을 선언한 ARG가 없습니다"},
    "build log": {"en": "the build's log", "ko": "빌드 로그"},
    "state running": {"en": "running", "ko": "실행 중"},
    "state cached": {"en": "cached", "ko": "캐시 적중"},
    "state done": {"en": "done", "ko": "완료"},
    "state failed": {"en": "failed", "ko": "실패"},
    "state canceled": {"en": "stopped", "ko": "중단됨"},
    "shared base": {
        "en": "below the line: layers that both images stand on, stored once",
        "ko": "선 아래: 두 이미지가 함께 쓰는 레이어, 한 번만 저장됩니다",
    },
    "unchanged": {"en": "nothing written yet", "ko": "아직 쓴 것이 없습니다"},
    "copied up": {"en": "copied up from layer {n}", "ko": "레이어 {n}에서 복사해 올림"},
    "hides": {"en": "whiteout hides the file of layer {n}", "ko": "화이트아웃이 레이어 {n}의 파일을 가림"},
    "more": {"en": "… and {n} more", "ko": "… 외 {n}개"},
    "left out": {"en": "left out of the build context: {what}", "ko": "빌드 컨텍스트에서 제외했습니다: {what}"},
    "left running": {
        "en": "{name} is running and its terminal is open, but a cell has no keyboard. Go in from a JupyterLab terminal:\n"
        "    {attach}\n        sits down at this terminal (Ctrl-P Ctrl-Q leaves it running)\n    {exec}\n        opens one more shell in the same container\n"
        "In a cell, %%exec {name} runs the lines below it in the container; %docker logs {name} shows what it has printed.",
        "ko": "{name} 컨테이너가 실행 중이고 터미널이 열려 있지만, 셀에서는 키를 입력할 수 없습니다. JupyterLab 터미널에서 들어가십시오.\n"
        "    {attach}\n        이 터미널에 연결합니다(Ctrl-P Ctrl-Q를 누르면 컨테이너는 계속 실행됩니다)\n    {exec}\n        같은 컨테이너에 셸을 하나 더 엽니다\n"
        "셀에서는 %%exec {name} 아래에 쓴 명령을 컨테이너 안에서 실행할 수 있습니다. 지금까지의 출력은 %docker logs {name}",
    },
    "no keyboard": {
        "en": "A cell has no keyboard: in a JupyterLab terminal type\n    {exec}\nIn a cell, %%exec {name} runs the lines below it in the container.",
        "ko": "셀에서는 키를 입력할 수 없습니다. JupyterLab 터미널에 다음을 입력하십시오\n    {exec}\n셀에서는 %%exec {name} 아래에 쓴 명령이 컨테이너 안에서 실행됩니다.",
    },
    "none runs": {
        "en": "no container is running: %docker run -d --name NAME IMAGE starts one",
        "ko": "실행 중인 컨테이너가 없습니다. %docker run -d --name 이름 이미지로 시작할 수 있습니다",
    },
    "no script": {"en": "there is nothing to run", "ko": "실행할 내용이 없습니다"},
    "how to script": {
        "en": "write shell commands below the line with %%exec",
        "ko": "%%exec 줄 아래에 셸 명령을 작성하십시오",
    },
    "long script": {
        "en": "the cell is too long: a script may have {most} bytes",
        "ko": "셀이 너무 깁니다. 스크립트는 {most}바이트까지 쓸 수 있습니다",
    },
    "no shell": {
        "en": "{name} has no program {shell} to run the cell with",
        "ko": "{name}에는 셀을 실행할 프로그램 {shell}이(가) 없습니다",
    },
    "choose a shell": {"en": "--shell PROGRAM chooses another one", "ko": "--shell 프로그램으로 다른 것을 고를 수 있습니다"},
    "interrupted exec": {
        "en": "interrupted: the script was ended, the container runs on",
        "ko": "중단했습니다: 스크립트를 끝냈고 컨테이너는 계속 실행 중입니다",
    },
    "interrupted": {"en": "interrupted", "ko": "중단했습니다"},
    "no such engine": {
        "en": "%docker_engine takes one of embedded, daemon, auto",
        "ko": "%docker_engine에는 embedded, daemon, auto 가운데 하나를 쓰십시오",
    },
    "which engine": {"en": "%docker_engine alone says which one is used", "ko": "%docker_engine만 쓰면 지금 엔진을 알려 줍니다"},
    "engine": {"en": "engine: {name} ({version})", "ko": "엔진: {name} ({version})"},
    "interrupted build": {
        "en": "interrupted: the step that ran was stopped and nothing of it is kept; the finished steps stay in the build cache",
        "ko": "중단했습니다: 실행 중이던 단계는 멈췄고 아무것도 남지 않습니다. 끝난 단계는 빌드 캐시에 남아 있습니다",
    },
    "look around": {
        "en": "look around in the state before this step: %docker run --rm {state} ls -l",
        "ko": "이 단계 직전의 상태를 살펴볼 수 있습니다: %docker run --rm {state} ls -l",
    },
    "cut": {
        "en": "[{size} are left out here: a cell shows the beginning and the end of a long output; %docker logs NAME has all that a container said]",
        "ko": "[여기서 {size}를 생략했습니다. 셀은 긴 출력의 처음과 끝만 보여 줍니다. 컨테이너의 출력 전체는 %docker logs 이름 으로 볼 수 있습니다]",
    },
    "no error": {"en": "no magic has failed yet", "ko": "아직 실패한 명령이 없습니다"},
    "check again": {"en": "check again", "ko": "다시 채점"},
    "how to guess": {
        "en": "%predict {name} LETTER notes your guess; nobody grades it",
        "ko": "%predict {name} 글자 로 예측을 적을 수 있습니다. 채점하지 않습니다",
    },
    "not graded": {"en": "nobody grades a guess", "ko": "예측은 채점하지 않습니다"},
    "guessed": {"en": "your guess is noted: {letter}", "ko": "예측을 적어 두었습니다: {letter}"},
    "your guess": {"en": "you guessed: {what}", "ko": "예측: {what}"},
    "no guess": {"en": "you made no guess", "ko": "예측을 적지 않았습니다"},
    "what happened": {"en": "what happened: {what}", "ko": "실제 결과: {what}"},
    "guess right": {"en": "as you guessed: {what}", "ko": "예측한 대로입니다: {what}"},
    "experiment missing": {
        "en": "the experiment has not been made yet: run the cells above, then this one again",
        "ko": "아직 실험을 하지 않았습니다. 위의 셀을 실행한 뒤 이 셀을 다시 실행하십시오",
    },
    "experiment not here": {
        "en": "this machine can't show it (%docker info says why): what Docker does is told below",
        "ko": "이 컴퓨터에서는 보여 줄 수 없습니다(이유는 %docker info에 있습니다). Docker에서 어떻게 되는지는 아래에 설명합니다",
    },
    "question missing": {
        "en": "the question was not asked yet: run the cell with %%predict {name} above, then this one again",
        "ko": "아직 질문을 보지 않았습니다. 위에 있는 %%predict {name} 셀을 실행한 뒤 이 셀을 다시 실행하십시오",
    },
    "usage layers": {
        "en": "%layers takes one image, or two to compare",
        "ko": "%layers에는 이미지 하나를 쓰거나, 비교할 이미지 두 개를 씁니다",
    },
    "usage cow": {"en": "%cow takes one container, or up to four", "ko": "%cow에는 컨테이너를 하나에서 네 개까지 씁니다"},
    "usage process": {"en": "%process takes an image, and arguments after it", "ko": "%process에는 이미지를 쓰고, 그 뒤에 인자를 씁니다"},
    "usage check": {"en": "%check takes one exercise", "ko": "%check에는 연습 문제 하나의 이름을 씁니다"},
    "usage exec": {
        "en": "%%exec takes one container and options, not {words}",
        "ko": "%%exec에는 컨테이너 하나와 옵션만 씁니다. 지금 쓴 것: {words}",
    },
    "usage exec nothing": {
        "en": "%%exec takes one container and options, not nothing",
        "ko": "%%exec 뒤에 컨테이너의 이름을 쓰십시오",
    },
    "running ones": {"en": "%%exec {first} (running: {names})", "ko": "%%exec {first} (실행 중: {names})"},
    "ended with": {"en": "docker {verb} ended with exit code {code}", "ko": "docker {verb}이(가) 종료 코드 {code}(으)로 끝났습니다"},
    "usage compare": {"en": "%compare takes the name of one prediction", "ko": "%compare에는 예측 하나의 이름을 씁니다"},
    "usage predict": {
        "en": "%%predict takes a name, and below it a question with choices",
        "ko": "%%predict에는 이름을 쓰고, 그 아래에 질문과 선택지를 씁니다",
    },
    "stub left": {
        "en": "not answered yet: the line raise NotImplementedError() waits for your answer\n"
        "hint: write your answer in the place of this line and of # YOUR CODE HERE, and run the cell again",
        "ko": "아직 답을 쓰지 않았습니다: raise NotImplementedError() 줄이 답을 기다리고 있습니다\n"
        "힌트: 이 줄과 # YOUR CODE HERE를 지우고 그 자리에 답을 쓴 뒤, 셀을 다시 실행하십시오",
    },
    "stub line": {
        "en": "raise NotImplementedError() is no part of a Dockerfile: it waited for your answer, take it away",
        "ko": "raise NotImplementedError()는 Dockerfile의 줄이 아닙니다. 답을 기다리던 줄이니 지우십시오",
    },
    "first line missing": {
        "en": "this cell is a Dockerfile, but its first line does not say so",
        "ko": "이 셀은 Dockerfile인데, 첫 줄에 그 표시가 없습니다",
    },
    "first line": {
        "en": "write %%dockerfile -t NAME above it, as the first line of the cell",
        "ko": "셀의 첫 줄에 %%dockerfile -t 이름 을 쓰십시오",
    },
    "unanswered": {"en": "not answered yet", "ko": "아직 답을 쓰지 않았습니다"},
    "how to answer": {
        "en": "write a Dockerfile into this cell: it begins with FROM",
        "ko": "이 셀에 Dockerfile을 작성하십시오. FROM으로 시작합니다",
    },
}


_KOREAN_OF_BUILDS = {
    "reason base": "베이스 이미지가 이미 있습니다",
    "reason same": "이 단계에 영향을 주는 것이 바뀌지 않았습니다",
    "reason asked": "--no-cache",
    "reason parent": "앞 단계를 다시 실행했습니다",
    "reason new": "처음 빌드하는 단계입니다",
    "reason files": "바뀐 파일: {what}",
    "reason variables": "바뀐 빌드 인자나 변수: {what}",
    "reason order": "변수의 순서가 바뀌었습니다",
    "reason settings": "이 단계의 설정이 바뀌었습니다: {what}",
    "reason gone": "캐시에서 결과가 삭제되었습니다",
    "reason untold": "캐시에 없던 이유를 데몬이 알려 주지 않습니다",
    "and more": "{shown} 외 {n}개",
    "surprise": "{line}번째 줄 참고: {text} (참고를 끄려면 DOCKERLAB_HINTS=off)",
    "surprise command": "새 ENTRYPOINT를 쓰면 베이스 이미지의 CMD({command})가 사라집니다. 필요하면 CMD를 직접 쓰십시오",
    "surprise copied": "파일 {files}개({path} 등)의 소유자나 권한만 바꿔도 {size}가 이 레이어로 복사됩니다. COPY --chown 또는 --chmod를 쓰면 한 번만 저장됩니다",
    "surprise deleted": "{path}을(를) 삭제해도 용량은 줄지 않습니다. {size}가 아래 레이어에 그대로 남습니다. 파일을 만든 RUN 안에서 삭제하십시오",
    "surprise secret": "{name}의 값은 이미지 히스토리에서 읽을 수 있습니다. RUN --mount=type=secret을 쓰면 남지 않습니다",
    "trace container": "임시 컨테이너 {name}: 지금까지의 읽기 전용 레이어 위에 쓰기 가능한 레이어를 하나 얹었습니다",
    "trace files": "프로세스를 실행하지 않고 파일을 새 레이어에 바로 씁니다",
    "trace changed": "바뀐 것: {what}",
    "trace unchanged": "바뀐 것이 없어 빈 레이어입니다",
    "trace more": "… 외 {n}개",
    "trace committed": "커밋했습니다: 레이어 {layer}, {size}",
    "trace removed": "임시 컨테이너 {name}을(를) 삭제했습니다",
    "trace failed": "단계가 실패해 임시 컨테이너 {name}을(를) 삭제했고 아무것도 커밋하지 않았습니다",
    "trace cached": "빌드 캐시에서 가져왔습니다: 레이어 {layer}, {size}",
    "trace configured": "설정만 바뀝니다: 컨테이너도 레이어도 만들지 않습니다",
    "trace base": "베이스 이미지의 레이어를 그대로 사용합니다",
}
_WORDS |= {key: {"en": english, "ko": _KOREAN_OF_BUILDS[key]} for key, english in ENGLISH.items()}


def word(key: str, **values: object) -> str:
    """A word or phrase in the learner's language."""
    told = _WORDS[key][language()].format(**values)
    return particles(told) if language() == "ko" else told


def phrases(key: str) -> dict[str, str]:
    """A word or phrase in every language."""
    return _WORDS[key]


_COMMAND = re.compile(r"\bdockerlab (?!lab\b|doctor\b|grade\b|tour\b)(?=[a-z])")


def as_magic(text: str) -> str:
    """A hint that names a command, as one that can be run in a cell: `dockerlab rm web` → `%docker rm web`."""
    return _COMMAND.sub("%docker ", text)


def layer_count(n: int) -> str:
    """`1 layer`, `3 layers`."""
    return word("one layer") if n == 1 else word("layers", n=n)

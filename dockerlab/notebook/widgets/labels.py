"""The words of the live pictures, in the learner's language."""

from __future__ import annotations

from dockerlab.notebook.words import language, phrases

_LABELS: dict[str, dict[str, str]] = {
    "silent": {
        "en": "the kernel does not answer: it is busy, or no longer there (run the cell again)",
        "ko": "커널이 응답하지 않습니다. 다른 셀을 실행 중이거나 종료되었습니다(셀을 다시 실행하십시오)",
    },
    "layer": {"en": "Layer {n}", "ko": "레이어 {n}"},
    "layers": {"en": "{n} layers", "ko": "레이어 {n}개"},
    "filter": {"en": "Find a path in this layer", "ko": "이 레이어에서 경로 찾기"},
    "found": {"en": "{n} found", "ko": "{n}개 찾음"},
    "found some": {"en": "{n} found, the first {shown} are shown", "ko": "{n}개 찾음, 처음 {shown}개 표시"},
    "empty layer": {"en": "an empty layer: this step changed no file", "ko": "빈 레이어: 이 단계에서 바뀐 파일이 없습니다"},
    "shared with": {"en": "stored once, shared with {what}", "ko": "한 번만 저장되며 함께 쓰는 곳: {what}"},
    "not shared": {"en": "no other image or container uses this layer", "ko": "이 레이어를 쓰는 다른 이미지나 컨테이너가 없습니다"},
    "count A": {"en": "{n} added", "ko": "추가 {n}"},
    "count C": {"en": "{n} changed", "ko": "변경 {n}"},
    "count D": {"en": "{n} deleted", "ko": "삭제 {n}"},
    "change A": {"en": "added", "ko": "추가됨"},
    "change C": {"en": "changed", "ko": "변경됨"},
    "change D": {"en": "deleted", "ko": "삭제됨"},
    "kind file": {"en": "file", "ko": "파일"},
    "kind dir": {"en": "folder", "ko": "폴더"},
    "kind folder": {"en": "folder", "ko": "폴더"},
    "kind symlink": {"en": "symbolic link", "ko": "심볼릭 링크"},
    "kind fifo": {"en": "pipe", "ko": "파이프"},
    "kind char": {"en": "device", "ko": "장치"},
    "kind block": {"en": "device", "ko": "장치"},
    "process": {"en": "the process that would start", "ko": "시작될 프로세스"},
    "arguments": {"en": "arguments of run", "ko": "run의 인자"},
    "visible at": {"en": "what line {n} sees", "ko": "{n}번째 줄에서 보이는 변수"},
    "not there": {"en": "{name} is not there", "ko": "{name} 없음"},
    "kind ARG": {"en": "a build argument, gone when the build has ended", "ko": "빌드 인자, 빌드가 끝나면 사라집니다"},
    "kind ENV": {"en": "part of the image, there in every container", "ko": "이미지에 남아 모든 컨테이너에서 보입니다"},
    "kind base": {"en": "from the base image", "ko": "베이스 이미지에서 옴"},
    "takes": {"en": "line {line} takes {n} files, {size}", "ko": "{line}번째 줄이 가져가는 파일 {n}개, {size}"},
    "takes none": {"en": "line {line} takes nothing: {why}", "ko": "{line}번째 줄이 가져갈 것이 없습니다: {why}"},
    "build": {"en": "build", "ko": "빌드"},
    "seconds": {"en": "{n} s", "ko": "{n}초"},
    "stage result": {"en": "becomes the image", "ko": "이미지가 됩니다"},
    "stage left": {"en": "stays behind: {size} that are not in the image", "ko": "이미지에 들어가지 않고 남습니다: {size}"},
    "stage left short": {"en": "{size} stay behind", "ko": "{size} 남음"},
    "graph": {"en": "stages of the build", "ko": "빌드 스테이지"},
    "log of": {"en": "what step #{n} printed", "ko": "#{n} 단계의 출력"},
    "status created": {"en": "not started yet", "ko": "아직 시작하지 않음"},
    "status running": {"en": "is running", "ko": "실행 중"},
    "status paused": {"en": "is paused", "ko": "일시 정지됨"},
    "status exited": {"en": "has ended", "ko": "종료됨"},
    "status removed": {"en": "was removed", "ko": "삭제됨"},
    "layer gone": {"en": "its writable layer is gone with it", "ko": "쓰기 가능한 레이어도 함께 사라졌습니다"},
    "committed": {
        "en": "committed: these changes are a read-only layer of {what} now",
        "ko": "커밋됨: 이 변경 사항은 이제 {what}의 읽기 전용 레이어입니다",
    },
    "read-only of all": {
        "en": "read-only image layers, there once for all {n} containers",
        "ko": "읽기 전용 이미지 레이어: 컨테이너 {n}개가 함께 쓰며 하나만 있습니다",
    },
    "read a path": {"en": "Read a file:", "ko": "파일 읽기:"},
    "who answers": {"en": "which layer answers?", "ko": "어느 레이어가 답합니까?"},
    "layer answers": {"en": "layer {n} answers", "ko": "레이어 {n}이(가) 답합니다"},
    "own answers": {"en": "its own writable layer answers", "ko": "자신의 쓰기 가능한 레이어가 답합니다"},
    "hidden answers": {
        "en": "no such file: a whiteout hides what the layers below hold",
        "ko": "그런 파일이 없습니다: 화이트아웃이 아래 레이어의 파일을 가립니다",
    },
    "none answers": {"en": "no such file in any layer", "ko": "어느 레이어에도 그런 파일이 없습니다"},
    "cut": {"en": "the first {size}", "ko": "처음 {size}"},
    "no text": {"en": "no text: {size} of bytes", "ko": "텍스트가 아닙니다: {size}"},
    "as it was": {"en": "as it was in the layers below", "ko": "아래 레이어에 있던 내용"},
    "empty file": {"en": "an empty file", "ko": "빈 파일"},
}


_SHARED = (
    "image",
    "context",
    "context sum",
    "no process",
    "container",
    "metadata",
    "shared base",
    "read-only",
    "writable",
    "unchanged",
    "copied up",
    "hides",
    "more",
    "variables",
    "instruction",
    "at run",
    "in history",
    "readable",
    "state running",
    "state cached",
    "state done",
    "state failed",
    "state canceled",
)
"""Those that the static pictures have too."""


def labels() -> dict[str, str]:
    """All of them."""
    tongue = language()
    return {key: texts[tongue] for key, texts in (_LABELS | {key: phrases(key) for key in _SHARED}).items()}

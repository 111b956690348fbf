"""The words of the live pictures, in the learner's language."""

from __future__ import annotations

from dockerlab.notebook.words import language, phrases

_LABELS: dict[str, dict[str, str]] = {
    "silent": {
        "en": "the kernel does not answer: it is busy, or no longer there (run the cell again)",
        "ko": "커널이 응답하지 않습니다. 다른 셀을 실행 중이거나 종료되었습니다(셀을 다시 실행하세요)",
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
    "cut": {"en": "the first {size}", "ko": "처음 {size}"},
    "no text": {"en": "no text: {size} of bytes", "ko": "텍스트가 아닙니다: {size}"},
    "as it was": {"en": "as it was in the layers below", "ko": "아래 레이어에 있던 내용"},
    "empty file": {"en": "an empty file", "ko": "빈 파일"},
}


_SHARED = ("image", "metadata", "shared base")
"""Those that the static pictures have too."""


def labels() -> dict[str, str]:
    """All of them."""
    tongue = language()
    return {key: texts[tongue] for key, texts in (_LABELS | {key: phrases(key) for key in _SHARED}).items()}

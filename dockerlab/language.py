"""Which language a learner is spoken to in: DOCKERLAB_LANG's, else the one the notebook is written in, else JupyterLab's, else the locale's."""

from __future__ import annotations

import json
import os
import re

_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")
_LAB_SETTINGS = "lab/user-settings/@jupyterlab/translation-extension/plugin.jupyterlab-settings"
_MOST = 1 << 16  # bytes of JupyterLab's settings that are looked at


class _Notebook:
    """The language of the notebook that this kernel belongs to; "" while nobody has told it."""

    language = ""


def language() -> str:
    """`ko` or `en`."""
    chosen = os.environ.get("DOCKERLAB_LANG") or _Notebook.language or _of_lab() or next(filter(None, map(os.environ.get, _LOCALE)), "en")
    return "ko" if chosen.lower().startswith("ko") else "en"


def say(en: str, ko: str) -> str:
    """The one that is in the learner's language."""
    return ko if language() == "ko" else en


def speak_as(notebook: str) -> None:
    """Speak the language that this notebook's metadata names, if it names one."""
    try:
        with open(notebook, encoding="utf-8") as file:
            _Notebook.language = str(json.load(file)["metadata"]["dockerlab"]["language"])
    except (OSError, ValueError, KeyError, TypeError):
        _Notebook.language = ""


def _of_lab() -> str:
    """The language that JupyterLab's menu was set to; "" where it follows the machine's, or is not there."""
    folder = os.environ.get("JUPYTER_CONFIG_DIR") or os.path.expanduser("~/.jupyter")
    try:
        with open(os.path.join(folder, _LAB_SETTINGS), encoding="utf-8") as file:
            text = file.read(_MOST)
    except OSError:
        return ""
    # the settings are JSON with comments, of which only one value matters
    for line in text.splitlines():
        name, colon, value = line.strip().partition(":")
        if colon and name.strip() == '"locale"':
            found = value.strip().rstrip(",").strip().strip('"')
            return "" if found == "default" else found
    return ""


_DIGITS = "영일이삼사오육칠팔구"
_PARTICLES = {"은(는)": ("은", "는"), "이(가)": ("이", "가"), "을(를)": ("을", "를"), "와(과)": ("과", "와"), "(으)로": ("으로", "로")}
"""As written after a gap → after a consonant, after a vowel."""
_UNDECIDED = re.compile(r"([가-힣]|[0-9]|[A-Za-z]+)(['\"`)\]]?)(은\(는\)|이\(가\)|을\(를\)|와\(과\)|\(으\)로)")


def particles(text: str) -> str:
    """Korean whose particles fit the word before them, as far as that can be known. `site:1이(가)` → `site:1이`; `shop이(가)` stays, since people differ."""

    def fitting(found: re.Match[str]) -> str:
        ends = _ends_in(found[1])
        if not ends:
            return found[0]
        consonant = ends == "consonant" or (ends == "l" and found[3] != "(으)로")  # after ㄹ it is 로
        return found[1] + found[2] + _PARTICLES[found[3]][0 if consonant else 1]

    return _UNDECIDED.sub(fitting, text)


def _ends_in(word: str) -> str:
    """What is heard last of a word that is read aloud in Korean: "vowel", "l" or another "consonant"; "" where that can't be told by its letters."""
    if not word.isascii() or word.isdigit():
        final = (ord(_DIGITS[int(word)] if word.isdigit() else word) - 0xAC00) % 28
        return "vowel" if not final else "l" if final == 8 else "consonant"
    word = word.lower()
    if word.endswith(("l", "le")):
        return "l"
    if re.search(r"([mn]e?|ng)$", word) and re.search("[aeiouy]", word[:-1]):
        return "consonant"
    # a stop after a vowel closes the syllable in some words (북) and not in others (로그)
    return "" if re.search("[aeiouy][bcgkpt]$", word) else "vowel"

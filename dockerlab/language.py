"""Which language a learner is spoken to in: DOCKERLAB_LANG's, else the one the notebook is written in, else JupyterLab's, else the locale's."""

from __future__ import annotations

import json
import os

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

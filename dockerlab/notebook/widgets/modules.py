"""The ES modules of static/, put together: what a view imports stands before it, in one scope.

anywidget takes one module a widget. Ours are plain files that import one another by relative paths, so that a type checker and a reader see ordinary modules;
a line `import { a, b } from "./other.js";` is the only form that is understood, and every exported name is unique (a test holds both to it).
"""

from __future__ import annotations

import functools
import re
from importlib.resources import files

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(async )?function |class |const )", re.MULTILINE)


def _read(name: str) -> str:
    return (files(__package__) / "static" / name).read_text(encoding="utf-8")


@functools.cache
def script(name: str) -> str:
    """The module of this name with all that it imports."""
    return "\n".join(_parts(name, set()))


def _parts(name: str, seen: set[str]) -> list[str]:
    text = _read(name)
    parts: list[str] = []
    for other in _IMPORT.findall(text):
        if other not in seen:
            seen.add(other)
            parts += _parts(other, seen)
    return [*parts, _EXPORT.sub("", _IMPORT.sub("", text))]


@functools.cache
def styles(*names: str) -> str:
    """Style sheets, one after the other."""
    return "\n".join(map(_read, names))

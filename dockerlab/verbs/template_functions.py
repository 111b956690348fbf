"""What a template can call, and how Go prints a value. (pkg.go.dev/text/template, Functions; docker/cli templates/templates.go)"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from dockerlab.errors import DockerlabError


class TemplateSyntaxError(DockerlabError):
    """The template can't be read."""


class TemplateRunError(DockerlabError):
    """The template can be read, but asks for something that is not there."""


def _upper_first(text: str) -> str:
    return re.sub(r"\b\w", lambda match: match.group(0).upper(), text)


class NilList(list[Any]):
    """A Go slice that is nil: printed as [], but null in JSON."""


class GoStruct(dict[str, Any]):
    """A Go struct: fields that its JSON leaves out are there all the same, with their zero values."""

    def __init__(self, shown: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self.shown = shown


class Row(dict[str, Any]):
    """A line of a list: its columns, and methods that take an argument (`.Label "key"`); its JSON is the columns in the order of their names."""


def _plain(value: Any) -> Any:
    """The value as its JSON shows it."""
    if isinstance(value, GoStruct):
        return value.shown
    if isinstance(value, NilList):
        return None
    if isinstance(value, Row):
        return {key: one for key, one in sorted(value.items()) if not callable(one)}
    return {key: _plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def to_json(value: Any) -> str:
    """Go's JSON: no spaces, HTML's special characters left alone."""
    return str(json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False))


def go_text(value: Any, nil: str = "<nil>") -> str:
    """A value as Go's %v prints it: `[a b]`, `map[k:v]`, `true`; `nil` stands for nothing."""
    if value is None:
        return nil
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{go_text(value[key], nil)}" for key in sorted(value)) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(go_text(one, nil) for one in value) + "]"
    return str(value)


def _printf(form: str, *values: Any) -> str:
    rest = list(values)

    def one(match: re.Match[str]) -> str:
        flags, verb = match.group(1), match.group(2)
        if verb == "%":
            return "%"
        if not rest:
            return f"%!{verb}(MISSING)"
        value = rest.pop(0)
        if verb == "q":
            return json.dumps(str(value), ensure_ascii=False)
        if verb in "vs":
            return ("%" + flags + "s") % go_text(value)
        if verb == "t":
            return go_text(bool(value))
        return str(("%" + flags + verb) % value)

    return re.sub(r"%([-+# 0]*\d*(?:\.\d+)?)([a-zA-Z%])", one, form)


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if value is None:
            raise TemplateRunError("error calling index: index of untyped nil")
        if isinstance(value, Mapping):
            value = value.get(key, "")
        elif isinstance(value, (list, tuple, str)):
            if not isinstance(key, int) or not 0 <= key < len(value):
                raise TemplateRunError(f"error calling index: index out of range: {key}")
            value = value[key]
        else:
            raise TemplateRunError(f"error calling index: can't index item of type {type(value).__name__}")
    return value


def _slice(value: Any, *bounds: Any) -> Any:
    """Go's slice: of a text by its bytes."""
    problem = "error calling slice: "
    if value is None:
        raise TemplateRunError(problem + "slice of untyped nil")
    if not isinstance(value, (str, list, tuple)):
        raise TemplateRunError(f"{problem}can't slice item of type {_go_type(value)}")
    if len(bounds) > 3:
        raise TemplateRunError(f"{problem}too many slice indexes: {len(bounds)}")
    if len(bounds) == 3 and isinstance(value, str):
        raise TemplateRunError(problem + "cannot 3-index slice a string")
    whole = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    for bound in bounds:
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise TemplateRunError(f"{problem}cannot index slice/array with {'nil' if bound is None else f'type {_go_type(bound)}'}")
        if not 0 <= bound <= len(whole):
            raise TemplateRunError(f"{problem}index out of range: {bound}")
    for first, second in pairwise(bounds):
        if first > second:
            raise TemplateRunError(f"{problem}invalid slice index: {first} > {second}")
    start, end = (*bounds, 0)[0], bounds[1] if len(bounds) > 1 else len(whole)
    part = whole[start:end]
    return part.decode("utf-8", "surrogateescape") if isinstance(part, bytes) else part


def _go_type(value: Any) -> str:
    names = {bool: "bool", int: "int", float: "float64", str: "string"}
    return names.get(type(value), "map[string]interface {}" if isinstance(value, Mapping) else "[]interface {}")


def _truncate(text: Any, width: int) -> str:
    return str(text)[:width]


def _pad(text: str, before: int, after: int) -> str:
    return " " * before + str(text) + " " * after if text else ""


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "json": to_json,
    "join": lambda values, glue: glue.join(go_text(value) for value in values or []),
    "split": lambda text, glue: list(text) if glue == "" else str(text).split(glue),
    "title": _upper_first,
    "lower": lambda text: str(text).lower(),
    "upper": lambda text: str(text).upper(),
    "pad": _pad,
    "truncate": _truncate,
    "len": lambda value: len(value or ""),
    "index": _index,
    "slice": _slice,
    "print": lambda *values: "".join(go_text(value) for value in values),
    "println": lambda *values: " ".join(go_text(value) for value in values) + "\n",
    "printf": _printf,
    "not": lambda value: not value,
    "eq": lambda first, *rest: any(first == one for one in rest),
    "ne": lambda first, second: first != second,
    "lt": lambda first, second: first < second,
    "le": lambda first, second: first <= second,
    "gt": lambda first, second: first > second,
    "ge": lambda first, second: first >= second,
    "html": lambda value: str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
}

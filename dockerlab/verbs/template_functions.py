"""What a template can call, and how Go prints a value. (pkg.go.dev/text/template, Functions; docker/cli templates/templates.go)"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from dockerlab.data import dataclass
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
        return {key: _plain(one) for key, one in value.shown.items()}
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


_SUITS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys("dbocU", (int,)),
    **dict.fromkeys("xX", (int, str)),
    **dict.fromkeys("feEgG", (float,)),
    "t": (bool,),
    "s": (str, list, tuple, dict),
    "q": (str, int),
}
"""What each verb of printf takes, but for %v, which takes all."""


def _printf(form: str, *values: Any) -> str:
    rest = list(values)

    def wrong(verb: str, value: Any) -> str:
        return f"%!{verb}(<nil>)" if value is None else f"%!{verb}({_go_type(value)}={go_text(value)})"

    def one(match: re.Match[str]) -> str:
        flags, verb = match.group(1), match.group(2)
        if verb in ("%", ""):
            return verb or "%!(NOVERB)"
        if not rest:
            return f"%!{verb}(MISSING)"
        value = rest.pop(0)
        if verb != "v" and (not isinstance(value, _SUITS.get(verb, ())) or (isinstance(value, bool) and verb != "t")):
            return wrong(verb, value)
        if verb == "q":
            return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(chr(value))
        if verb in "xX" and isinstance(value, str):
            digits = value.encode("utf-8", "surrogateescape").hex()
            return digits if verb == "x" else digits.upper()
        if verb in "vst":
            text = ("%" + flags + "s") % go_text(value)
            return text.replace(" ", "0", len(text) - len(text.lstrip(" "))) if flags.startswith("0") else text
        if verb in "bU":
            return f"{value:b}" if verb == "b" else f"U+{value:04X}"
        return str(("%" + flags + verb) % value)

    done = re.sub(r"%([-+# 0]*\d*(?:\.\d+)?)(.?)", one, form, flags=re.DOTALL)
    extra = ", ".join("<nil>" if value is None else f"{_go_type(value)}={go_text(value)}" for value in rest)
    return done + (f"%!(EXTRA {extra})" if rest else "")


def _index(value: Any, *keys: Any) -> Any:
    problem = "error calling index: "
    for key in keys:
        if value is None:
            raise TemplateRunError(problem + "index of untyped nil")
        if isinstance(value, Mapping):
            if not isinstance(key, str):
                raise TemplateRunError(
                    problem + ("value is nil; should be string" if key is None else f"value has type {_go_type(key)}; should be string")
                )
            value = value.get(key, "")
        elif isinstance(value, (list, tuple, str)):
            if isinstance(key, bool) or not isinstance(key, int):
                raise TemplateRunError(f"{problem}cannot index slice/array with {'nil' if key is None else f'type {_go_type(key)}'}")
            within = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
            if not 0 <= key < len(within):
                raise TemplateRunError(f"{problem}index out of range: {key}")
            value = within[key]
        else:
            raise TemplateRunError(f"{problem}can't index item of type {_go_type(value)}")
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


def _truncate(text: str, width: int) -> str:
    if width < 0:
        raise TemplateRunError(f"error calling truncate: runtime error: slice bounds out of range [:{width}]")
    return text[:width]


def _length(value: Any) -> int:
    if not isinstance(value, (str, list, tuple, Mapping)):
        problem = "reflect: call of reflect.Value.Type on zero Value" if value is None else f"len of type {_go_type(value)}"
        raise TemplateRunError(f"error calling len: {problem}")
    return len(value.encode("utf-8", "surrogateescape")) if isinstance(value, str) else len(value)


def _print(*values: Any) -> str:
    """Go's Sprint: a space between two that are no texts."""
    out = ""
    for n, value in enumerate(values):
        apart = n and not isinstance(value, str) and not isinstance(values[n - 1], str)
        out += (" " if apart else "") + go_text(value)
    return out


def _escape(text: str, signs: Mapping[str, str]) -> str:
    return "".join(signs.get(letter, letter) for letter in text)


_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"}
_SCRIPT = {
    **{chr(number): f"\\u{number:04X}" for number in range(32)},
    "\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D",
}  # fmt: skip


def _query(*values: Any) -> str:
    from urllib.parse import quote_plus

    return quote_plus(_print(*values))


def _no_function(value: Any, *_: Any) -> Any:
    raise TemplateRunError(f"error calling call: non-function {go_text(value)} of type {_go_type(value)}")


def _comparison(name: str, holds: Callable[[Any, Any], bool], *, ordered: bool) -> Callable[[Any, Any], bool]:
    def compare(first: Any, second: Any) -> bool:
        kinds = {_go_type(first), _go_type(second)}
        if not ordered and (first is None or second is None):
            return holds(first, second)
        if not kinds <= ({"int", "float64", "string"} | (set() if ordered else {"bool"})):
            raise TemplateRunError(f"error calling {name}: invalid type for comparison")
        if len(kinds) > 1:
            raise TemplateRunError(f"error calling {name}: incompatible types for comparison: {_go_type(first)} and {_go_type(second)}")
        return holds(first, second)

    return compare


_equal = _comparison("eq", lambda first, second: first == second, ordered=False)


def _equals_one(first: Any, *rest: Any) -> bool:
    if not rest:
        raise TemplateRunError("error calling eq: missing argument for comparison")
    return any(_equal(first, one) for one in rest)


@dataclass(frozen=True)
class Function:
    """What a template calls. `takes`: the kinds of its arguments ("any", "text", "number" or "list"); `more`: any number of further ones."""

    do: Callable[..., Any]
    takes: tuple[str, ...] = ("any",)
    more: bool = False

    def miscounted(self, given: int) -> str:
        """What is wrong with so many arguments, in Go's words, or ""."""
        least = len(self.takes)
        if given == least or (self.more and given > least):
            return ""
        return f"want {'at least ' if self.more else ''}{least} got {given}"


def misfit(kind: str, value: Any, literal: str) -> str:
    """What is wrong with an argument where one of this kind is wanted, in Go's words, or ""; `literal` is how it is written in the template, if it is."""
    fits = {
        "any": True,
        "text": isinstance(value, str),
        "number": isinstance(value, int) and not isinstance(value, bool),
        "list": isinstance(value, (list, tuple)),
    }
    if fits[kind]:
        return ""
    wanted = {"text": "string", "number": "int", "list": "[]string"}[kind]
    if literal == "nil":
        return f"cannot assign nil to {wanted}"
    if literal:
        return (
            f"can't handle {literal} for arg of type []string"
            if kind == "list"
            else f"expected {wanted.replace('int', 'integer')}; found {literal}"
        )
    return f"wrong type for value; expected {wanted}; got {_go_type(value)}"


FUNCTIONS: dict[str, Function] = {
    "json": Function(to_json),
    "join": Function(lambda values, glue: glue.join(go_text(value) for value in values), ("list", "text")),
    "split": Function(lambda text, glue: list(text) if glue == "" else text.split(glue), ("text", "text")),
    "title": Function(_upper_first, ("text",)),
    "lower": Function(str.lower, ("text",)),
    "upper": Function(str.upper, ("text",)),
    "pad": Function(lambda text, before, after: " " * before + text + " " * after if text else "", ("text", "number", "number")),
    "truncate": Function(_truncate, ("text", "number")),
    "len": Function(_length),
    "index": Function(_index, more=True),
    "slice": Function(_slice, more=True),
    "print": Function(_print, (), more=True),
    "println": Function(lambda *values: " ".join(go_text(value) for value in values) + "\n", (), more=True),
    "printf": Function(_printf, ("text",), more=True),
    "not": Function(lambda value: not value),
    "and": Function(lambda first, *rest: first, more=True),
    "or": Function(lambda first, *rest: first, more=True),
    "eq": Function(_equals_one, more=True),
    "ne": Function(_comparison("ne", lambda first, second: first != second, ordered=False), ("any", "any")),
    "lt": Function(_comparison("lt", lambda first, second: first < second, ordered=True), ("any", "any")),
    "le": Function(_comparison("le", lambda first, second: first <= second, ordered=True), ("any", "any")),
    "gt": Function(_comparison("gt", lambda first, second: first > second, ordered=True), ("any", "any")),
    "ge": Function(_comparison("ge", lambda first, second: first >= second, ordered=True), ("any", "any")),
    "html": Function(lambda *values: _escape(_print(*values), _HTML), (), more=True),
    "js": Function(lambda *values: _escape(_print(*values), _SCRIPT), (), more=True),
    "urlquery": Function(_query, (), more=True),
    "call": Function(_no_function, more=True),
}

"""Go's text/template, as far as docker's `--format` is used: fields, pipelines, if, with, range, variables, and docker's own functions.

A template is read once into nodes and then executed on Python data (dicts, lists, strings, numbers). Errors have Go's words, since
people search for them. (pkg.go.dev/text/template; docker/cli templates/templates.go)
"""

from __future__ import annotations

import json
import re
from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from dockerlab.data import dataclass, field
from dockerlab.verbs.template_functions import FUNCTIONS, TemplateRunError, TemplateSyntaxError, go_text, misfit

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<char>'(?:[^'\\]|\\.)')|(?P<number>-?\d+(?:\.\d+)?)|(?P<variable>\$\w*)(?P<varfields>(?:\.\w+)*)"""
    r"""|(?P<field>(?:\.\w+)+)|(?P<dot>\.)|(?P<word>\w+)|(?P<sign>\|\||:=|[|(),=]))"""
)


@dataclass
class _Node:
    kind: str
    pipe: list[list[Any]] = field(default_factory=list)
    text: str = ""
    variables: tuple[str, ...] = ()
    body: list[_Node] = field(default_factory=list)
    other: list[_Node] = field(default_factory=list)


def _true(value: Any) -> bool:
    return bool(value)


def _cut(text: str) -> list[tuple[bool, str]]:
    """(is an action, text), with the white space that `{{-` and `-}}` take."""
    out: list[tuple[bool, str]] = []
    at, trim = 0, False
    while (begin := text.find("{{", at)) >= 0:
        plain = text[at:begin]
        out.append((False, plain.lstrip() if trim else plain))
        end = text.find("}}", begin)
        if end < 0:
            raise TemplateSyntaxError("template: :1: unclosed action")
        action, at = text[begin + 2 : end], end + 2
        if action.startswith("- "):
            out[-1] = (False, out[-1][1].rstrip())
            action = action[2:]
        trim = action.endswith(" -")
        out.append((True, action.removesuffix(" -").strip()))
    out.append((False, text[at:].lstrip() if trim else text[at:]))
    return [piece for piece in out if piece[0] or piece[1]]


def _tokens(text: str) -> list[tuple[str, Any]]:
    out: list[tuple[str, Any]] = []
    at = 0
    while at < len(text):
        if not text[at:].strip():
            break
        match = _TOKEN.match(text, at)
        if not match:
            raise TemplateSyntaxError(f"template: :1: unexpected {text[at : at + 1]!r} in operand")
        at = match.end()
        kind = match.lastgroup or ""
        if match.group("string") is not None:
            raw = match.group("string")
            out.append(("value", raw[1:-1] if raw[0] == "`" else json.loads(raw)))
        elif match.group("number") is not None:
            raw = match.group("number")
            out.append(("value", float(raw) if "." in raw else int(raw)))
        elif match.group("variable") is not None:
            out.append(("variable", (match.group("variable"), [part for part in match.group("varfields").split(".") if part])))
        elif match.group("field") is not None:
            out.append(("field", match.group("field").split(".")[1:]))
        elif match.group("dot") is not None:
            out.append(("field", []))
        elif match.group("char") is not None:
            out.append(("value", ord(match.group("char")[1:-1])))
        elif match.group("word") is not None:
            word = match.group("word")
            if word in ("true", "false", "nil"):
                out.append(("value", {"true": True, "false": False, "nil": None}[word]))
            elif word in FUNCTIONS:
                out.append(("call", word))
            else:
                raise TemplateSyntaxError(f'template: :1: function "{word}" not defined')
        else:
            out.append((kind, match.group("sign")))
    return out


def _pipeline(tokens: list[tuple[str, Any]]) -> list[list[Any]]:
    pipe: list[list[Any]] = [[]]
    while tokens:
        kind, value = tokens.pop(0)
        if kind == "sign" and value == "|":
            pipe.append([])
        elif kind == "sign" and value == "(":
            inner: list[tuple[str, Any]] = []
            depth = 1
            while tokens:
                token = tokens.pop(0)
                depth += {("sign", "("): 1, ("sign", ")"): -1}.get(token, 0) if token[0] == "sign" else 0
                if depth == 0:
                    break
                inner.append(token)
            if depth:
                raise TemplateSyntaxError("template: :1: unclosed left paren")
            after: list[str] = []
            if tokens and tokens[0][0] == "field" and tokens[0][1]:
                after = tokens.pop(0)[1]
            pipe[-1].append(("pipe", (_pipeline(inner), after)))
        elif kind == "sign":
            raise TemplateSyntaxError(f"template: :1: unexpected {value!r} in command")
        else:
            pipe[-1].append((kind, value))
    if not all(pipe):
        raise TemplateSyntaxError("template: :1: missing value for command")
    return pipe


class Template:
    """A template, ready to be executed."""

    def __init__(self, text: str, go_type: str = "", *, nil: str = "<nil>", name: str = "") -> None:
        """`go_type` is what an error says of a missing key: a field of this type, or, if empty, an entry of a map; `nil` is how nothing is
        printed; `name` is the template's in errors. TemplateSyntaxError if it can't be read.
        """
        self._type, self._nil, self._name = go_type, nil, name
        pieces = _cut(text)
        self._nodes = self._block(pieces, ())
        if pieces:
            raise TemplateSyntaxError("template: :1: unexpected {{end}}")

    def _block(self, pieces: list[tuple[bool, str]], until: tuple[str, ...]) -> list[_Node]:
        nodes: list[_Node] = []
        while pieces:
            action, text = pieces[0]
            if not action:
                nodes.append(_Node("text", text=text))
                pieces.pop(0)
                continue
            word = text.split(" ", 1)[0]
            if word in ("end", "else"):
                return nodes
            pieces.pop(0)
            if word.startswith("/*"):
                continue
            if word in ("if", "range", "with"):
                nodes.append(self._control(word, text[len(word) :], pieces))
            else:
                nodes.append(self._action("print", text))
        if until:
            raise TemplateSyntaxError("template: :1: unexpected EOF")
        return nodes

    def _control(self, word: str, text: str, pieces: list[tuple[bool, str]]) -> _Node:
        node = self._action(word, text)
        node.body = self._block(pieces, ("end", "else"))
        if not pieces:
            raise TemplateSyntaxError("template: :1: unexpected EOF")
        _, closing = pieces.pop(0)
        if closing.startswith("else"):
            rest = closing[4:].strip()
            if rest.startswith("if"):
                node.other = [self._control("if", rest[2:], pieces)]
                return node
            node.other = self._block(pieces, ("end",))
            if not pieces:
                raise TemplateSyntaxError("template: :1: unexpected EOF")
            pieces.pop(0)
        return node

    def _action(self, kind: str, text: str) -> _Node:
        tokens = _tokens(text)
        names: list[str] = []
        at = next((n for n, token in enumerate(tokens) if token in (("sign", ":="), ("sign", "="))), -1)
        if at >= 0:
            names = [value[0] for name, value in tokens[:at] if name == "variable"]
            if not names or any(name not in ("variable", "sign") for name, _ in tokens[:at]):
                raise TemplateSyntaxError(f"template: :1: unexpected {tokens[at][1]!r} in command")
            sign, tokens = tokens[at][1], tokens[at + 1 :]
            kind = {":=": "declare", "=": "assign"}[sign] if kind == "print" else kind
        if not tokens:
            raise TemplateSyntaxError(f"template: :1: missing value for {kind if kind != 'print' else 'command'}")
        return _Node(kind, _pipeline(tokens), variables=tuple(names))

    # --- execution

    def execute(self, data: Any) -> str:
        """The text. TemplateRunError, with Go's words, where the data has not what is asked for."""
        out: list[str] = []
        self._run(self._nodes, data, ChainMap({"$": data}), out)
        return "".join(out)

    def _run(self, nodes: Iterable[_Node], dot: Any, scope: ChainMap[str, Any], out: list[str]) -> None:
        for node in nodes:
            if node.kind == "text":
                out.append(node.text)
                continue
            value = self._pipe(node.pipe, dot, scope)
            if node.kind == "print":
                out.append(go_text(value, self._nil))
            elif node.kind == "declare":
                scope[node.variables[0]] = value
            elif node.kind == "assign":
                self._owner(scope, node.variables[0])[node.variables[0]] = value
            elif node.kind == "if":
                self._run(node.body if _true(value) else node.other, dot, scope.new_child(dict.fromkeys(node.variables, value)), out)
            elif node.kind == "with":
                if _true(value):
                    self._run(node.body, value, scope.new_child(dict.fromkeys(node.variables, value)), out)
                else:
                    self._run(node.other, dot, scope.new_child(), out)
            elif node.kind == "range":
                self._range(node, value, dot, scope, out)

    def _owner(self, scope: ChainMap[str, Any], name: str) -> MutableMapping[str, Any]:
        """Where the variable was declared."""
        for one in scope.maps:
            if name in one:
                return one
        raise TemplateSyntaxError(f'template: :1: undefined variable "{name}"')

    def _range(self, node: _Node, value: Any, dot: Any, scope: ChainMap[str, Any], out: list[str]) -> None:
        pairs = [(key, value[key]) for key in sorted(value)] if isinstance(value, Mapping) else list(enumerate(value or []))
        if not pairs:
            self._run(node.other, dot, scope.new_child(), out)
        for key, one in pairs:
            inner = scope.new_child()
            if len(node.variables) == 2:
                inner[node.variables[0]], inner[node.variables[1]] = key, one
            elif node.variables:
                inner[node.variables[0]] = one
            self._run(node.body, one, inner, out)

    def _pipe(self, pipe: list[list[Any]], dot: Any, scope: ChainMap[str, Any]) -> Any:
        value: Any = None
        for n, command in enumerate(pipe):
            value = self._command(command, dot, scope, [value] if n else [])
        return value

    def _command(self, command: list[Any], dot: Any, scope: ChainMap[str, Any], piped: list[Any]) -> Any:
        kind, first = command[0]
        if kind != "call":
            if kind == "field" and callable(method := self._operand(command[0], dot, scope)):  # a method, such as .Label "key"
                return method(*(self._operand(operand, dot, scope) for operand in command[1:]), *piped)
            if len(command) > 1 or piped:
                raise TemplateRunError(self._at(_shown(command[0]), f"can't give argument to non-function {_shown(command[0])}"))
            return self._operand(command[0], dot, scope)
        function, operands = FUNCTIONS[first], command[1:]
        if problem := function.miscounted(len(operands) + len(piped)):
            raise TemplateRunError(self._at(first, f"wrong number of args for {first}: {problem}"))
        if first in ("and", "or"):
            value: Any = None
            for operand in operands:
                value = self._operand(operand, dot, scope)
                if _true(value) == (first == "or"):
                    return value
            return piped[0] if piped else value
        shown = " ".join(_shown(token) for token in command)
        arguments = [self._operand(operand, dot, scope) for operand in operands] + piped
        for n, kind in enumerate(function.takes):
            token = operands[n] if n < len(operands) else None
            if problem := misfit(kind, arguments[n], _shown(token) if token is not None and token[0] == "value" else ""):
                raise TemplateRunError(self._at(_shown(token) if token is not None else shown, problem))
        try:
            return function.do(*arguments)
        except TemplateRunError as error:
            raise TemplateRunError(self._at(shown, error.message)) from None
        except (TypeError, ValueError, AttributeError) as error:
            raise TemplateRunError(self._at(shown, f"error calling {first}: {error}")) from None

    def _at(self, shown: str, problem: str) -> str:
        return f'template: {self._name}:1:2: executing "{self._name}" at <{shown}>: {problem}'

    def _operand(self, token: tuple[str, Any], dot: Any, scope: ChainMap[str, Any]) -> Any:
        kind, value = token
        if kind == "value":
            return value
        if kind == "field":
            return self._fields(dot, value, "." + ".".join(value))
        if kind == "variable":
            name, fields = value
            if name not in scope:
                raise TemplateSyntaxError(f'template: :1: undefined variable "{name}"')
            return self._fields(scope[name], fields, name + "".join("." + one for one in fields))
        if kind == "pipe":
            return self._fields(self._pipe(value[0], dot, scope), value[1], "." + ".".join(value[1]))
        return self._command([token], dot, scope, [])

    def _fields(self, value: Any, names: list[str], shown: str) -> Any:
        for name in names:
            if isinstance(value, Mapping) and name in value:
                value = value[name]
            elif isinstance(value, Mapping) and not self._type:
                raise TemplateRunError(self._at(shown, f'map has no entry for key "{name}"'))
            elif value is None:
                raise TemplateRunError(self._at(shown, f'nil data; no entry for key "{name}"'))
            else:
                raise TemplateRunError(self._at(shown, f"can't evaluate field {name} in type {self._type or type(value).__name__}"))
        return value


def _shown(token: tuple[str, Any]) -> str:
    kind, value = token
    if kind == "field":
        return "." + ".".join(value)
    if kind == "variable":
        return str(value[0]) + "".join("." + one for one in value[1])
    if kind == "value":
        return "nil" if value is None else json.dumps(value, ensure_ascii=False)
    if kind == "pipe":
        return "(...)"
    return str(value)

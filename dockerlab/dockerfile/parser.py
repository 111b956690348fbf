"""From text to stages, and from a mistake to the place where it stands."""

from __future__ import annotations

import re

from dockerlab.dockerfile import grammar
from dockerlab.dockerfile.library import DockerfileAst, DockerfileInstruction, DockerfileSyntaxError, parse_dockerfile_ast
from dockerlab.dockerfile.model import Dockerfile, Heredoc, Instruction, Stage
from dockerlab.errors import DockerfileError

_AROUND = 4
_LONGEST_LINE = 65535  # bytes (Go: bufio.MaxScanTokenSize)
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*\Z")
_ONBUILD_DOCUMENT = re.compile(r"(?im)^[ \t]*ONBUILD(?=[ \t]+(?:RUN|COPY|ADD)\b[^\n]*<<-?['\"]?\w)")
_ON_LINE = re.compile(r"Dockerfile parse error(?: on line \d+)?: (.*)\Z", re.DOTALL)


def excerpt(name: str, text: str, first: int, last: int = 0, word: str = "") -> str:
    """The lines around a place as BuildKit shows them, marked with >>>; `word` gets carets under it."""
    lines = text.split("\n")
    last = max(first, last)
    begin, end = max(1, first - _AROUND), min(len(lines), last + _AROUND)
    out = [f"{name}:{first}", "--------------------"]
    for number in range(begin, end + 1):
        line = lines[number - 1].rstrip("\r")
        mark = ">>>" if first <= number <= last else "   "
        out.append(f"{number:4} | {mark} {line}".rstrip() if line else f"{number:4} | {mark} ")
        if word and first <= number <= last and word in line:
            out.append(" " * (11 + _columns(line[: line.index(word)])) + "^" * max(1, _columns(word)))
            word = ""
    out.append("--------------------")
    return "\n".join(out)


def _columns(text: str) -> int:
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _words(item: DockerfileInstruction) -> tuple[str, ...]:
    if item.name in ("COPY", "ADD") and not item.json:
        rest = item.original.split(None, 1)
        words = rest[1].split() if len(rest) > 1 else []  # BuildKit splits the plain form at white space only, whatever the quotes
        return tuple(word for word in words[len(item.flags) :])
    if item.name == "ONBUILD":
        rest = item.original.split(None, 1)
        return (rest[1].strip(),) if len(rest) > 1 and rest[1].strip() else ()
    return tuple(item.args)


def _instruction(item: DockerfileInstruction, own_syntax: bool = False, *, checked: bool = True) -> Instruction:
    try:
        flags = grammar.read_flags(item.name, list(item.flags), own_syntax)
        words = _words(item)
        if item.name == "HEALTHCHECK" and len(words) == 1 and words[0].upper().startswith("NONE "):
            words = tuple(words[0].split())
        out = Instruction(
            item.name,
            item.original,
            words,
            tuple(flags),
            bool(item.json),
            tuple(Heredoc(doc.name, doc.content, doc.expand, doc.chomp) for doc in item.heredocs),
            item.start_line,
            item.end_line,
            item.original.split(None, 1)[0] if item.original.split() else item.name,
        )
        if checked:
            grammar.check(out)
    except ValueError as error:
        raise DockerfileSyntaxError(str(error), item.start_line) from None
    return out


def _refuse(name: str, text: str, message: str, line: int, word: str = "", hint: str = "", last: int = 0) -> DockerfileError:
    shown = excerpt(name, text, line, last, word) if line else ""
    return DockerfileError(message, line=line, hint=hint, excerpt=shown)


def _syntax(name: str, text: str, error: DockerfileSyntaxError) -> DockerfileError:
    match = _ON_LINE.match(str(error))
    message, line = match.group(1) if match else str(error), error.line or 0
    if message == "unterminated heredoc":
        return _refuse(name, text, message, line, hint="a line with only the delimiter must end it")
    if message.endswith("must have two arguments") or message.startswith("Syntax error - can't find"):
        return _refuse(name, text, message, line, hint="write NAME=value, and quotes around a value with spaces")
    if message == "Only strings are supported in JSON arrays":
        return _refuse(
            name, text, "when using JSON array syntax, arrays must be comprised of strings only", line, hint="write quotes around each word"
        )
    if "escape token" in message or "parser directive" in message:
        return _refuse(name, text, message, line)
    word, hint = "", ""
    if message.startswith("unknown instruction: "):
        keyword = message.removeprefix("unknown instruction: ")
        typed = text.split("\n")[line - 1].split()
        word = typed[0] if typed else ""
        if likely := grammar.suggestion(keyword):
            message += f" (did you mean {likely}?)"
        else:
            hint = "an instruction is one of " + " ".join(sorted(grammar.KEYWORDS))
    elif flag := re.match(r"unknown flag: (--\S+)", message):
        word = flag.group(1)
    elif "build stage" in message:
        word = message.split('"')[1]
    return _refuse(name, text, f"dockerfile parse error on line {line}: {message}", line, word, hint)


def directives_of(text: str) -> dict[str, str]:
    """The parser directives at the beginning of a file, by their name in lower case."""
    out: dict[str, str] = {}
    for line in text.split("\n"):
        match = _DIRECTIVE.match(line.strip())
        if not match or match.group(1).lower() not in ("syntax", "escape", "check"):
            break
        out.setdefault(match.group(1).lower(), match.group(2))
    return out


def _tree(text: str) -> DockerfileAst:
    """The syntax tree. A here-document of an ONBUILD is that of its trigger, which the parser that we use knows nothing of."""
    try:
        return parse_dockerfile_ast(text)
    except DockerfileSyntaxError:
        bare = _ONBUILD_DOCUMENT.sub(lambda match: " " * len(match.group(0)), text)
        if bare == text:
            raise
        lines = {text.count("\n", 0, match.start()) + 1 for match in _ONBUILD_DOCUMENT.finditer(text)}
        tree = parse_dockerfile_ast(bare)
        tree.instructions = [_as_trigger(item, text) if item.start_line in lines else item for item in tree.instructions]
        return tree


def _as_trigger(item: DockerfileInstruction, text: str) -> DockerfileInstruction:
    whole = "\n".join(text.split("\n")[item.start_line - 1 : item.end_line]).strip()
    item.name, item.original, item.args, item.flags, item.heredocs = "ONBUILD", whole, [whole.split(None, 1)[1]], [], []
    return item


def parse(text: str, name: str = "Dockerfile") -> Dockerfile:
    """Read a whole file. DockerfileError, in BuildKit's words and with the place, for the first thing that is wrong."""
    if not text:
        raise DockerfileError("the Dockerfile cannot be empty", hint="begin with FROM and the name of a base image")
    text = text.removeprefix("\ufeff")
    _check_lines(text)
    try:
        tree = _tree(text)
        directives = directives_of(text)
        instructions = [_instruction(item, "syntax" in directives) for item in tree.instructions]
    except DockerfileSyntaxError as error:
        raise _syntax(name, text, error) from None
    if not instructions:
        raise _refuse(name, text, "file with no instructions", 1, hint="begin with FROM and the name of a base image")
    arguments, stages = _stages(name, text, instructions)
    return Dockerfile(name, text, stages, arguments, tuple(instructions), tree.escape_token, directives, _empty_lines(tree))


def _check_lines(text: str) -> None:
    """BuildKit reads lines into a buffer that holds no longer ones."""
    if len(text) <= _LONGEST_LINE // 4:
        return
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _LONGEST_LINE // 4 and len(line.encode("utf-8", "surrogatepass")) > _LONGEST_LINE:
            raise DockerfileError(
                f"dockerfile line greater than max allowed size of {_LONGEST_LINE}",
                line=number,
                hint=f"line {number} is too long: break it with a backslash, or COPY what it holds",
            )


def readable(text: str, last: int) -> tuple[list[Instruction], tuple[int, ...]]:
    """(the instructions up to a line, empty lines inside of instructions) of a file that can't be understood as a whole: what an error stands behind."""
    found: list[Instruction] = []
    empty: tuple[int, ...] = ()
    try:
        tree = parse_dockerfile_ast(text.removeprefix("\ufeff"))
        empty = _empty_lines(tree)
        for item in tree.instructions:
            if (item.start_line or 0) > last:
                break
            found.append(_instruction(item, True, checked=False))
    except DockerfileSyntaxError:
        pass
    return found, empty


def _empty_lines(tree: DockerfileAst) -> tuple[int, ...]:
    return tuple(warning.line for warning in tree.warnings if "mpty continuation" in warning.message)


def _stages(name: str, text: str, instructions: list[Instruction]) -> tuple[tuple[Instruction, ...], tuple[Stage, ...]]:
    arguments: list[Instruction] = []
    stages: list[tuple[Instruction, list[Instruction]]] = []
    for instruction in instructions:
        if instruction.keyword == "ONBUILD":
            _check_trigger(name, text, instruction)
        if instruction.keyword == "FROM":
            stages.append((instruction, []))
        elif stages:
            stages[-1][1].append(instruction)
        elif instruction.keyword == "ARG":
            arguments.append(instruction)
        else:
            raise _refuse(
                name,
                text,
                "no build stage in current context",
                instruction.first,
                instruction.written,
                "begin with FROM and the name of a base image",
            )
    if not stages:
        raise _refuse(
            name,
            text,
            "no build stage in current context",
            instructions[-1].first,
            hint="a Dockerfile needs FROM and the name of a base image",
        )
    return tuple(arguments), tuple(
        Stage(n, source.words[0], source.words[2].lower() if len(source.words) == 3 else "", source.flag("platform"), tuple(body), source)
        for n, (source, body) in enumerate(stages)
    )


def _check_trigger(name: str, text: str, instruction: Instruction) -> None:
    trigger = instruction.words[0].split()[0].upper() if instruction.words and instruction.words[0].split() else ""
    if trigger in ("ONBUILD", "FROM", "MAINTAINER"):
        said = (
            "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"
            if trigger == "ONBUILD"
            else f"{trigger} isn't allowed as an ONBUILD trigger"
        )
        raise _refuse(name, text, f"dockerfile parse error on line {instruction.first}: {said}", instruction.first, trigger)
    if trigger in ("ENV", "LABEL"):  # the others are looked at when they are triggered
        try:
            parse_dockerfile_ast(instruction.words[0])
        except DockerfileSyntaxError as error:
            raise _refuse(name, text, _syntax(name, text, error).message, instruction.first, trigger) from None


def parse_trigger(text: str) -> Instruction:
    """An ONBUILD trigger that a base image brings. DockerfileError if it can't be read."""
    try:
        return _instruction(parse_dockerfile_ast(text).instructions[0])
    except (DockerfileSyntaxError, IndexError) as error:
        raise DockerfileError(f"ONBUILD trigger of the base image: {error}") from None

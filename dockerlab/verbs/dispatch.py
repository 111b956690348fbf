"""From words to a verb: `image ls` is `images`, an unknown word gets a suggestion, a mistake one message and docker's exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dockerlab.data import dataclass, field
from dockerlab.errors import Detached, DockerlabError, NotFoundError, UsageError
from dockerlab.verbs.flags import OWN_VERBS, Parsed, check_count, parse, shown_name, table, usage_line

if TYPE_CHECKING:
    from dockerlab.engine import Engine
    from dockerlab.engine.protocol import Attachment

_ALIASES = {
    "container ls": "ps", "container ps": "ps", "container list": "ps", "image ls": "images", "image list": "images", "image rm": "rmi",
    "image remove": "rmi", "image build": "build", "builder build": "build", "buildx build": "build", "buildx prune": "builder prune", "buildx": "builder", "image history": "history",
    "image import": "import", "image pull": "pull", "image push": "push", "image load": "load", "image save": "save", "image tag": "tag", "system info": "info", "system events": "events", "container remove": "rm",
    "volume list": "volume ls", "network list": "network ls", "volume remove": "volume rm", "network remove": "network rm", "context list": "context ls", "context remove": "context rm",
}  # fmt: skip
VERBS: dict[str, str] = {
    "attach": "attaching",
    "build": "build", "commit": "containers", "container inspect": "inspect", "container prune": "containers", "cp": "copy", "create": "running",
    "diff": "containers", "exec": "executing", "export": "copy", "history": "images", "image inspect": "inspect", "image prune": "images",
    "images": "images", "import": "archives", "info": "system", "inspect": "inspect", "kill": "containers", "load": "archives", "logs": "containers",
    "pause": "containers", "port": "containers", "ps": "containers", "rename": "containers", "restart": "containers", "rm": "containers",
    "rmi": "images", "run": "running", "save": "archives", "start": "running", "stop": "containers", "tag": "images", "unpause": "containers",
    "version": "system", "volume ls": "volumes", "volume create": "volumes", "volume prune": "volumes", "volume rm": "volumes",
    "volume inspect": "volumes", "network ls": "networks", "network create": "networks", "network rm": "networks", "network inspect": "networks",
    "network prune": "networks", "network connect": "networks", "network disconnect": "networks", "system df": "disk", "system prune": "prune",
    "builder prune": "system", "wait": "containers", "top": "top", "context look": "context", "context show": "contexts", "context ls": "contexts", "context inspect": "contexts",
    "context use": "contexts", "context rm": "contexts", "context create": "contexts", "context export": "contexts", "context import": "contexts",
    "layers": "layers", "compare": "compare", "cat": "paths", "blame": "paths",
    "context update": "contexts", "stats": "stats", "events": "events", "pull": "transferring", "push": "transferring", "login": "logging_in", "logout": "logging_in",
}  # fmt: skip
"""Each verb that works here, and the module that holds it."""
OURS: dict[str, dict[str, Any]] = {
    verb: {"json": {"type": "bool"}}
    for verb in ("history", "images", "ps", "inspect", "image inspect", "container inspect", "diff", "info", "version", "volume ls")
}
"""Flags that docker has not: --json is a short form of --format json."""
OURS["volume create"] = {"name": {"type": "string"}}  # docker's own, which its help does not tell
OURS["build"] = {"explain": {"type": "bool"}, "trace": {"type": "bool"}}
OURS["run"] = OURS["create"] = {"step": {"type": "string"}, "timeout": {"type": "decimal"}, "disk": {"type": "bytes"}}
OURS["save"] = {"format": {"type": "string"}, "compress": {"type": "bool"}, "compression-format": {"type": "string"}}
OURS["context look"] = OURS["layers"] = OURS["compare"] = OURS["blame"] = {"json": {"type": "bool"}}


@dataclass
class Terminal:
    """Where a verb reads and writes. `stdin`, `stdout`, `stderr` are descriptors that a container's process may be attached to."""

    write: Callable[[bytes], None]
    write_error: Callable[[bytes], None]
    stdin: int | None = 0
    stdout: int | None = 1
    stderr: int | None = 2
    is_terminal: bool = False
    cwd: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    program: str = "docker"
    results: list[Any] = field(default_factory=list)
    """What a verb has to give besides text: the notebook shows and returns the last."""
    table: list[list[str]] = field(default_factory=list)
    """The cells of the list that a verb said last, its heads first; empty if it was no table."""

    mixes = False
    """Whether output and errors are one text, as in a cell: their order matters then, and not which is which."""

    def waits_for(self, control: Attachment) -> bool:
        """Whether to stay with a program that has just been started at a terminal and reads from it. Nobody types in a notebook's cell."""
        return True

    def say(self, text: str) -> None:
        """A text to standard output, as it is."""
        self.write(text.encode("utf-8", "surrogateescape"))

    def line(self, text: str) -> None:
        """A line to standard output."""
        self.say(text + "\n")

    def complain(self, text: str) -> None:
        """A line to standard error."""
        self.write_error((text + "\n").encode("utf-8", "surrogateescape"))


def find_verb(words: list[str]) -> tuple[str, list[str]]:
    """(the verb, the words after it). UsageError for a word that is no verb, or that docker has and we have not."""
    if not words:
        return "", []
    if words[0] in ("--version", "-v"):
        return "version short", words[1:]
    if words[0].startswith("-") and words[0] not in ("--help", "-h"):
        own = parse("", words)
        for name in ("host", "context"):
            if own.flags.get(name):
                raise UsageError(f"docker --{name}: dockerlab speaks to its own engine only", hint="leave it away", exit_code=1)
        return find_verb(own.words)
    if words[0] in ("help", "--help", "-h"):
        return "help", words[1:]
    known = table()
    first = words[0]
    group = known.get(first, {}).get("verbs") or first == "buildx"
    if group:
        if len(words) == 1 or words[1] in ("--help", "-h"):
            return "help", [first]
        second = words[1]
        verb = _ALIASES.get(f"{first} {second}", f"{first} {second}")
        if verb.startswith("container ") and verb not in VERBS:
            verb = verb.removeprefix("container ")
        rest = words[2:]
        if verb in VERBS:
            return verb, rest
        if first == "context" and verb not in known and (second.startswith((".", "/", "-")) or os.path.isdir(second)):
            return "context look", words[1:]  # a folder: a build's context, not one of docker's daemons
        _refuse(words)
        raise _unknown(f"docker {first} {second}", second, _verbs_of(first))
    if first in VERBS:
        return first, words[1:]
    _refuse(words)
    raise _unknown(f"docker {first}", first, [verb for verb in VERBS if " " not in verb])


def _refuse(words: list[str]) -> None:
    """UsageError for a verb that docker has and we have not."""
    from dockerlab.verbs.absent import refusal

    if (error := refusal(words)) is not None:
        raise error


def _verbs_of(group: str) -> list[str]:
    """The verbs of a group that work here."""
    return [name for name in table().get(group, {}).get("verbs") or ["build", "prune"] if _works(f"{group} {name}", name)]


def _works(whole: str, name: str) -> bool:
    return whole in VERBS or _ALIASES.get(whole) in VERBS or (whole.startswith("container ") and name in VERBS)


def _unknown(shown: str, word: str, known: list[str]) -> UsageError:
    from difflib import get_close_matches

    close = get_close_matches(word, known, 1)
    before = "dockerlab " if close and close[0] in OWN_VERBS else shown.removesuffix(word)
    hint = f"did you mean `{before}{close[0]}`?" if close else ""
    return UsageError(f"docker: unknown command: {shown}\n\nRun 'docker --help' for more information", hint=hint, exit_code=1)


def function_of(verb: str) -> Callable[..., int]:
    """The function that does a verb; its module is loaded now."""
    module = import_module(f"dockerlab.verbs.{VERBS[verb]}")
    name = verb.replace(" ", "_") + ("_" if verb in ("import", "exec") else "")
    function: Callable[..., int] = getattr(module, name)
    return function


def run(words: list[str], engine: Callable[[], Engine], terminal: Terminal) -> int:
    """Do what the words say; the exit code. Every DockerlabError ends up as one message on standard error."""
    try:
        return execute(words, engine, terminal)
    except DockerlabError as error:
        terminal.complain(message_of(error))
        return error.exit_code


def execute(words: list[str], engine: Callable[[], Engine], terminal: Terminal) -> int:
    """As `run`, but errors are raised (for the notebook, which shows them its own way)."""
    verb, rest = find_verb(words)
    if verb == "":
        terminal.complain(help_text(""))
        return 0
    if verb == "help":
        (terminal.say if len(words) > 1 else terminal.complain)(help_text(" ".join(rest)))
        return 0
    if verb == "version short":
        from dockerlab import __version__

        terminal.line(f"Docker version {__version__}, build dockerlab")
        return 0
    parsed = parse(verb, rest, OURS.get(verb))
    if parsed.on("help"):
        terminal.say(help_text(verb))
        return 0
    check_count(parsed)
    if parsed.on("json"):
        parsed.flags["format"] = "json"
    chosen = engine()
    chosen.notice = terminal.complain
    with machine_errors():
        code = function_of(verb)(parsed, chosen, terminal)
    tell_ignored(parsed, terminal)
    return code


def each_word(parsed: Parsed, terminal: Terminal, act: Callable[[str], str | None]) -> int:
    """Do it for every word and print what it says, or the word; go on after a mistake. With --force an unknown name is none."""
    code = 0
    for name in parsed.words:
        try:
            said = act(name)
        except DockerlabError as error:
            terminal.complain(f"Error: {error}")
            if not (parsed.on("force") and isinstance(error, NotFoundError)):
                code = 1
            continue
        terminal.line(name if said is None else said)
    return code


def tell_ignored(parsed: Parsed, terminal: Terminal) -> None:
    """Say which of docker's flags were given and do nothing here."""
    for name in parsed.ignored():
        terminal.complain(f"WARNING: --{name} has no effect here: dockerlab does not do it yet")


@contextmanager
def machine_errors() -> Iterator[None]:
    """Turn what the machine refuses (a file that we may not read, a folder that is not there) into one sentence."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        said = os.strerror(error.errno).lower() if error.errno else str(error)
        raise DockerlabError(f"{error.filename}: {said}" if error.filename else said) from error
    except RecursionError:
        raise DockerlabError(
            "folders lie too deep in one another to be walked through",
            hint="some 900 levels can be; remove the deepest ones, or rename them upwards",
        ) from None


def message_of(error: DockerlabError) -> str:
    """The one message of an error, for a terminal."""
    text = str(error)
    if isinstance(error, UsageError | Detached) or error.excerpt:
        return text
    return text if text.startswith(("docker:", "Error", "ERROR", "error")) else f"Error: {text}"


def help_text(verb: str) -> str:
    """Usage, flags, verbs: what can be written after this."""
    verb = _ALIASES.get(verb, verb)
    known = table()
    if verb not in known:
        raise _unknown(f"docker {verb}", verb, list(known))
    lines = [usage_line(verb), ""]
    if verb == "":
        lines += [
            "Commands:",
            *(f"  {name}" for name in sorted(VERBS) if " " not in name),
            "",
            "Run 'docker COMMAND --help' for more information on a command.",
        ]
    elif known[verb].get("verbs"):
        lines += [
            "Commands:",
            *(f"  {name}" for name in _verbs_of(verb)),
        ]
    flags = {**(known[verb].get("flags") or {}), **OURS.get(verb, {})}
    if flags and verb:
        lines.append("Options:")
        for name, spec in flags.items():
            short = f"-{spec['short']}, " if spec.get("short") else "    "
            kind = "" if spec["type"] == "bool" else " " + spec["type"]
            lines.append(f"  {short}--{name}{kind}")
    return "\n".join(lines) + "\n"


def standard_terminal() -> Terminal:
    """The process's own streams."""

    def to(fd: int) -> Callable[[bytes], None]:
        def write(data: bytes) -> None:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]

        return write

    return Terminal(
        to(1),
        to(2),
        is_terminal=os.isatty(1) if _open(1) else False,
        cwd=os.getcwd(),
        environment=dict(os.environ),
        program=os.path.basename(sys.argv[0]),
    )


def _open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


__all__ = [
    "OURS",
    "VERBS",
    "Terminal",
    "execute",
    "find_verb",
    "function_of",
    "help_text",
    "message_of",
    "run",
    "shown_name",
    "standard_terminal",
]

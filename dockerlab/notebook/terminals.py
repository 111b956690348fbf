"""Programs that read a terminal, in a notebook, where nobody can type: they are left running, and the cell says how to sit at them.

`%%exec` is what a cell has instead: its text, run by a shell of the container.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys

from dockerlab.engine import Engine, ExecSpec, Streams
from dockerlab.errors import ContainerStartError, DockerlabError, Interrupted, UsageError
from dockerlab.notebook import cells
from dockerlab.notebook.results import Ran
from dockerlab.notebook.streams import cell_terminal, show
from dockerlab.notebook.words import word
from dockerlab.verbs.dispatch import OURS, find_verb, machine_errors, tell_ignored
from dockerlab.verbs.executing import environment
from dockerlab.verbs.flags import Parsed, parse

_SHELLS = ("sh", "bash", "ash", "dash", "ksh", "zsh", "fish")
_LONGEST = 128 * 1024 - 1
"""Bytes that one word of a command may have. (MAX_ARG_STRLEN, linux/binfmts.h)"""
_BASH_OR_SH = 'command -v bash >/dev/null 2>&1 && exec bash -c "$1"; exec sh -c "$1"'


def keyboard_wanted(words: list[str], engine: Engine) -> bool:
    """Whether these words of `%docker` start or enter a program that may read a terminal."""
    verb, rest = find_verb(words)
    if verb not in ("run", "start", "attach"):
        return False
    parsed = parse(verb, rest, OURS.get(verb))
    if verb == "run":
        return parsed.on("interactive") and parsed.on("tty") and not parsed.on("detach")
    if len(parsed.words) != 1 or not (verb == "attach" or parsed.on("interactive")):
        return False
    try:
        config = engine.container_inspect(parsed.words[0])["Config"]
    except DockerlabError:
        return False  # the verb says why
    return bool(config["Tty"] and config["OpenStdin"])


def only_a_shell(words: list[str], engine: Engine) -> str:
    """The container of `%docker exec -it CONTAINER bash`, which has nothing to do without a keyboard; "" for other words."""
    verb, rest = find_verb(words)
    if verb != "exec":
        return ""
    parsed = parse(verb, rest)
    flags = parsed.on("tty") and parsed.on("interactive") and not parsed.on("detach")
    if not flags or len(parsed.words) != 2 or os.path.basename(parsed.words[1]) not in _SHELLS:
        return ""
    state = engine.container_inspect(parsed.words[0])["State"]
    return parsed.words[0] if state["Status"] == "running" else ""


def tell_no_keyboard(name: str, words: list[str]) -> Ran:
    """Say where these words of `%docker exec` give a shell in the container of this name."""
    show(word("no keyboard", name=name, exec=_line("exec", *find_verb(words)[1])) + "\n")
    return Ran(0)


def tell_left_running(engine: Engine, name: str) -> None:
    """Say how to sit at the terminal of a container that waits for keys."""
    found = engine.container_inspect(name)
    name, program = found["Name"].removeprefix("/"), str(found["Path"])
    shell = program if os.path.basename(program) in _SHELLS else "sh"
    show(word("left running", name=name, attach=_line("attach", name), exec=_line("exec", "-it", name, shell)) + "\n")


def _line(*words: str) -> str:
    """The command as it has to be typed in a terminal, where neither this kernel's Python need be found nor its store be the one that is meant."""
    program = ["dockerlab"] if shutil.which("dockerlab") else [sys.executable, "-m", "dockerlab"]
    home = os.environ.get("DOCKERLAB_HOME")
    before = f"DOCKERLAB_HOME={shlex.quote(os.path.abspath(home))} " if home else ""
    if bases := os.environ.get("DOCKERLAB_BASE_STORES"):
        before += f"DOCKERLAB_BASE_STORES={shlex.quote(bases)} "
    return before + shlex.join([*program, *words])


# --- %%exec


def exec_cell(line: str, text: str, engine: Engine) -> Ran:
    """`%%exec CONTAINER [-u USER] [-w FOLDER] [-e NAME=VALUE] [--shell PROGRAM]`. Interrupted once the script has ended, if the cell is stopped."""
    parsed = _parsed(cells.split(line), engine)
    name, shell = parsed.words[0], parsed.text("shell")
    if not text.strip() or cells.unanswered(text):
        raise DockerlabError(word("unanswered" if text.strip() else "no script"), hint=word("how to script"))
    if len(text.encode("utf-8", "surrogateescape")) > _LONGEST:
        raise DockerlabError(word("long script", most=_LONGEST))
    command = (shell, "-c", text) if shell else ("sh", "-c", _BASH_OR_SH, "sh", text)
    with cell_terminal() as terminal, machine_errors():
        engine.warm_up()
        spec = ExecSpec(
            command,
            env=environment(parsed, terminal),
            workdir=parsed.flags.get("workdir"),
            user=parsed.flags.get("user"),
            tty=parsed.on("tty"),
            detach=parsed.on("detach"),
            ends_on_interrupt=True,
        )
        parsed.flags.get("interactive")  # the cell is all the input there is
        tell_ignored(parsed, terminal)
        try:
            return Ran(engine.exec(name, spec, Streams(None, terminal.stdout, terminal.stderr)))
        except ContainerStartError as error:
            if error.exit_code != 127:
                raise
            raise DockerlabError(
                word("no shell", name=name, shell=shell or "sh"), hint=word("choose a shell"), exit_code=error.exit_code
            ) from None
        except KeyboardInterrupt:
            raise Interrupted(word("interrupted exec")) from None


def _parsed(words: list[str], engine: Engine) -> Parsed:
    """The container and the flags, which may stand behind it too."""
    extra = {"shell": {"type": "string"}}
    first = parse("exec", words, extra)
    flags_before = words[: len(words) - len(first.words)]
    parsed = parse("exec", [*flags_before, *first.words[1:], *first.words[:1]], extra) if first.words else first
    if len(parsed.words) != 1:
        running = running_containers(engine)
        raise UsageError(
            word("usage exec", words=" ".join(first.words)) if first.words else word("usage exec nothing"),
            hint=word("running ones", first=running[0], names=", ".join(running)) if running else word("none runs"),
            exit_code=1,
        )
    return parsed


def running_containers(engine: Engine) -> list[str]:
    """Their names."""
    return sorted(item["Name"].removeprefix("/") for item in engine.containers())

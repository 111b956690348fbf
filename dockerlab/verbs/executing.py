"""The verb that starts one more process in a container: exec; and the variables that its flags, and those of `run`, give to a process."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from dockerlab.engine import ExecSpec, Streams
from dockerlab.errors import ContainerStartError, NotFoundError, UsageError
from dockerlab.verbs.attaching import detach_keys
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed

if TYPE_CHECKING:
    from dockerlab.engine import Engine


def exec_(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker exec [OPTIONS] CONTAINER COMMAND…`: the command's exit code."""
    engine.warm_up()
    detached, tty = parsed.on("detach"), parsed.on("tty")
    stdin = terminal.stdin if parsed.on("interactive") else None
    if tty and not detached and stdin is not None and not os.isatty(stdin):
        raise UsageError("the input device is not a TTY", exit_code=1)
    streams = Streams(stdin, terminal.stdout, terminal.stdout if tty else terminal.stderr, detach_keys(parsed))
    spec = ExecSpec(
        tuple(parsed.words[1:]),
        env=environment(parsed, terminal),
        workdir=parsed.flags.get("workdir"),
        user=parsed.flags.get("user"),
        tty=tty,
        detach=detached,
    )
    try:
        with ExitStack() as stack:
            if tty and not detached and streams.stdin is not None:
                from dockerlab.runtime.terminal import raw_terminal

                stack.enter_context(raw_terminal(streams.stdin))
            return engine.exec(parsed.words[0], spec, Streams() if detached else streams)
    except ContainerStartError as error:
        if detached or not error.message.startswith("OCI runtime"):
            raise ContainerStartError(error.message, hint=error.hint, exit_code=1 if detached else error.exit_code) from None
        terminal.say(error.message + "\r\n")  # docker writes this one to standard output, as if to a terminal
        return error.exit_code
    except NotFoundError as error:
        error.exit_code = 1
        raise


def environment(parsed: Parsed, terminal: Terminal) -> tuple[str, ...]:
    """`--env-file` and `-e`, the latter last and winning; `-e NAME` takes the caller's value."""
    out: dict[str, str] = {}
    for path in parsed.all("env-file"):
        try:
            lines = open(os.path.join(terminal.cwd, path), encoding="utf-8").read().splitlines()
        except OSError as error:
            raise UsageError(f"docker: open {path}: {os.strerror(error.errno or 0).lower()}") from None
        for line in lines:
            if line.strip() and not line.lstrip().startswith("#"):
                _one_variable(line.lstrip(), out, terminal, f"env file {path}")
    for text in parsed.all("env"):
        _one_variable(text, out, terminal, "-e")
    return tuple(f"{key}={value}" for key, value in out.items())


def _one_variable(text: str, out: dict[str, str], terminal: Terminal, where: str) -> None:
    key, equals, value = text.partition("=")
    if not key or " " in key.strip():
        raise UsageError(f"docker: invalid environment variable: {text}", hint=f"write NAME=value ({where})")
    if equals:
        out[key] = value
    elif key in terminal.environment:
        out[key] = terminal.environment[key]

"""A client's streams at a container's: its terminal, its keys to let go, Ctrl-C; and the verb attach."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from dockerlab.engine import Streams
from dockerlab.errors import Detached, DockerlabError, UsageError
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed

if TYPE_CHECKING:
    from dockerlab.engine import Engine
    from dockerlab.engine.protocol import Attachment

_CONTROL = "@abcdefghijklmnopqrstuvwxyz[\\]^_"
"""The letters that the Control key goes with, in the order of what they send: 0 to 31."""
_INTERRUPT_GRACE = 0.2  # seconds for a program that handles Ctrl-C
_LAST_WORDS = 1.0  # seconds for whoever reads what an interrupted program has printed


def detach_keys(parsed: Parsed) -> bytes:
    """What has to be typed to let go: --detach-keys, else Ctrl-P Ctrl-Q. UsageError for what is no key. (moby/term, ascii.go)"""
    codes = bytearray()
    text = parsed.text("detach-keys")
    for key in text.split(",") if text else ["ctrl-p", "ctrl-q"]:
        if key == "DEL":
            codes.append(127)
        elif len(key) == 6 and key.startswith("ctrl-") and key[5] in _CONTROL:
            codes.append(_CONTROL.index(key[5]))
        elif len(key.encode()) == 1:
            codes += key.encode()
        else:
            raise UsageError(f"Invalid escape keys ({text}) provided", hint="for example --detach-keys ctrl-x,q", exit_code=1)
    return bytes(codes)


def attached_start(engine: Engine, terminal: Terminal, identifier: str, streams: Streams, *, tty: bool, interactive: bool) -> int:
    """Start with our own streams and wait; Ctrl-C goes to the container as SIGINT, and ends it where that does not help.

    Detached if it goes on without us, because the keys for that were typed or because nobody could type any.
    """
    typed_at = streams.stdin if tty and streams.stdin is not None and os.isatty(streams.stdin) else None
    with ExitStack() as stack:
        if typed_at is not None:
            from dockerlab.runtime.terminal import attached_terminal, raw_terminal

            stack.enter_context(raw_terminal(typed_at))
        try:
            control = engine.start_attached(identifier, streams)
            if control is None:
                return engine.wait(identifier)
            stack.enter_context(control)
            if typed_at is not None:
                stack.enter_context(attached_terminal(control, typed_at))
        except KeyboardInterrupt:
            _pass_on_interrupt(engine, identifier)
            raise
        while True:
            try:
                if tty and interactive and not terminal.waits_for(control):
                    raise Detached
                code = int(control.wait())
                if control.error:  # a limit that docker has not
                    terminal.complain(f"docker: {control.error}")
                return code
            except KeyboardInterrupt:
                _pass_on_interrupt(engine, identifier)
                if not control.ends_within(_LAST_WORDS):
                    return engine.wait(identifier)  # nobody reads them


def _pass_on_interrupt(engine: Engine, identifier: str) -> None:
    """A user who presses Ctrl-C wants the container gone: process 1 hears of it if it handles SIGINT, and is killed where that does not help."""
    import signal
    import time

    from dockerlab.runtime.helper.descendants import heeds

    with suppress(DockerlabError):
        pid = int(engine.container_inspect(identifier)["State"]["Pid"])
        if pid and heeds(pid, signal.SIGINT):
            engine.kill(identifier, "INT")
            end = time.monotonic() + _INTERRUPT_GRACE
            while time.monotonic() < end:
                if not engine.container_inspect(identifier)["State"]["Running"]:
                    return
                time.sleep(0.01)
        engine.kill(identifier, "KILL")


def attach(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker attach CONTAINER`: its output from now on, and our input; its exit code when it ends."""
    name = parsed.words[0]
    keys = detach_keys(parsed)
    state, config = (engine.container_inspect(name)[key] for key in ("State", "Config"))
    if state["Paused"]:
        raise UsageError("You cannot attach to a paused container, unpause it first", exit_code=1, hint=f"dockerlab unpause {name}")
    if not state["Running"]:
        raise UsageError("You cannot attach to a stopped container, start it first", exit_code=1, hint=f"dockerlab start -a {name}")
    stdin = terminal.stdin if not parsed.on("no-stdin") and config["OpenStdin"] else None
    tty = bool(config["Tty"])
    if tty and stdin is not None and not os.isatty(stdin):
        raise UsageError("the input device is not a TTY", exit_code=1)
    streams = Streams(stdin, terminal.stdout, terminal.stdout if tty else terminal.stderr, keys)
    passes_on = not tty and parsed.flags.get("sig-proxy", True)
    with ExitStack() as stack:
        if tty and stdin is not None:
            from dockerlab.runtime.terminal import attached_terminal, raw_terminal

            stack.enter_context(raw_terminal(stdin))
            control = stack.enter_context(engine.attach(name, streams))
            _redraw(control, stdin)
            stack.enter_context(attached_terminal(control, stdin))
        else:
            control = stack.enter_context(engine.attach(name, streams))
        try:
            if tty and config["OpenStdin"] and not terminal.waits_for(control):
                raise Detached
            control.wait()
        except KeyboardInterrupt:
            if not passes_on:
                raise
            with suppress(DockerlabError):  # it has ended meanwhile
                engine.kill(name, "INT")
            control.wait()
    return engine.wait(name)


def _redraw(control: Attachment, fd: int) -> None:
    """Let what runs there draw its screen, or its prompt, once more: it does so when the size changes."""
    columns, rows = os.get_terminal_size(fd)
    control.resize(rows + 1, columns + 1)

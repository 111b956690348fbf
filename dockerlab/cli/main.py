"""The `dockerlab` command: docker's verbs, and our own: lab, tour, doctor, grade."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # `typing` would keep the helper's start waiting; type checkers know this name
if TYPE_CHECKING:
    from typing import NoReturn

    from dockerlab.engine import Engine

_OWN = {name: name for name in ("lab", "tour", "doctor", "grade", "release", "fsck", "share", "kernel")}

_STARTS = {"run", "exec", "start"}
"""The verbs that start a process whatever they find: what does that for them starts beside us."""


def command() -> NoReturn:
    """The installed command. For docker's verbs it is gone at once: to take an interpreter apart costs as much as a container."""
    # a command is gone before there is garbage; looking for it takes a twentieth of the time
    gc.set_threshold(100_000)
    _fill_standard_streams()
    if _STARTS.intersection(sys.argv[1:3]):
        from dockerlab.runtime.helper_start import begin

        begin()
    code = main()
    if sys.argv[1:2] and sys.argv[1] in _OWN:
        sys.exit(code)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # whoever read has gone
        pass
    os._exit(code)


def _fill_standard_streams() -> None:
    """A caller may have closed some of 0, 1 and 2: no socket of ours shall lie there, and what is said is lost."""
    while (fd := os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)) < 3:
        os.set_inheritable(fd, True)
    os.close(fd)
    if sys.stdout is None or sys.stderr is None:
        nowhere = open(os.devnull, "w")
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere


def main(argv: list[str] | None = None) -> int:
    """Do what the words say; the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 141
    return code


def _run(words: list[str]) -> int:
    from dockerlab.distribution import warn_of_intruder
    from dockerlab.verbs.dispatch import message_of, run, standard_terminal

    warn_of_intruder()
    if words and words[0] in _OWN:
        from importlib import import_module

        from dockerlab.errors import DockerlabError

        try:
            code: int = import_module(f"dockerlab.cli.{_OWN[words[0]]}").main(words[1:])
        except DockerlabError as error:
            sys.stdout.flush()
            print(message_of(error), file=sys.stderr)
            return error.exit_code
        return code
    from dockerlab.engine import open_engine

    engines: list[Engine] = []

    def engine() -> Engine:
        engines.append(open_engine(lambda text: print(text, file=sys.stderr)))
        return engines[0]

    try:
        return run(words, engine, standard_terminal())
    finally:
        for one in engines:
            one.close()


if __name__ == "__main__":
    command()

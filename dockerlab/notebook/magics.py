"""The magics. Each returns an object with a rich display, so that `h = %history site:1` can be used in Python."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from dockerlab.engine import Engine, open_engine
from dockerlab.errors import Detached, DockerlabError, Interrupted, UsageError
from dockerlab.notebook.cells import notebook_path, split
from dockerlab.notebook.context import ContextSeen
from dockerlab.notebook.copy_on_write import CopiesOnWrite, CopyOnWrite
from dockerlab.notebook.engines import EngineSeen
from dockerlab.notebook.layer_stack import LayerStack, SideBySide
from dockerlab.notebook.live import seen_live
from dockerlab.notebook.process import ProcessSeen
from dockerlab.notebook.results import Committed, History, Listing, Ran
from dockerlab.notebook.streams import captured, cell_terminal
from dockerlab.notebook.variables import VariablesSeen
from dockerlab.notebook.words import as_magic, language, speak_as, word

_RANGE = re.compile(r"~?\d*(/\d*)?(-(~?\d*(/\d*)?))?\Z")
_WHICH = ("DOCKERLAB_ENGINE", "DOCKERLAB_HOME", "DOCKERLAB_BASE_STORES", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
"""The variables that decide which engine it is, on which store."""
_THEIR_FLAGS = re.compile(r"-[gnoptflu]+\Z")
_QUIET = re.compile(r"-[a-zA-Z]*[qh]")
_LISTS = ("images", "ps", "volume ls", "network ls")


class Magics:
    """What `%load_ext dockerlab` registers; the engine is opened on first use."""

    def __init__(self, shell: Any, old_history: Callable[[str], Any] | None) -> None:
        self.shell, self.old_history = shell, old_history
        self._engine: Engine | None = None
        self._home = ""

    @property
    def engine(self) -> Engine:
        """The engine that the environment names now, on the stores that it names."""
        home = "\n".join(os.environ.get(name, "") for name in _WHICH)
        if self._engine is None or home != self._home:
            self._engine, self._home = open_engine(lambda text: print(text, file=sys.stderr)), home
        return self._engine

    def close(self) -> None:
        """Let the engine's helper process go."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def docker_engine(self, line: str) -> EngineSeen:
        """%docker_engine [embedded|daemon|auto]: which engine the cells below use. Without a word: which one it is."""
        from dockerlab.notebook.engines import switched

        return switched(split(line), lambda: self.engine)

    # --- building

    def dockerfile(self, line: str, cell: str) -> Any:
        """%%dockerfile -t NAME [-f FILE] [--build-arg K=V] [--target STAGE] [--no-cache] [PATH]: build the cell's text."""
        from dockerlab.notebook.building import build_cell

        return build_cell(line, cell, self.shell, self.engine)

    # --- docker's verbs

    def exec(self, line: str, cell: str) -> Any:
        """%%exec CONTAINER [-u USER] [-w FOLDER] [-e NAME=VALUE] [--shell PROGRAM]: run the cell's text as a script in a running container.

        Its shell is the container's bash, else its sh. The cell ends with the script's exit code; stopping the cell ends the script.
        """
        from dockerlab.notebook.terminals import exec_cell

        return exec_cell(line, cell, self.engine)

    def docker(self, line: str) -> Any:
        """%docker VERB …: docker's verbs with docker's flags."""
        from dockerlab.notebook import terminals
        from dockerlab.verbs.dispatch import execute, find_verb

        words = split(line)
        verb, _ = find_verb(words)
        plain = not any(word.startswith(("--format", "--quiet", "--help", "--json")) or _QUIET.match(word) for word in words)
        if verb in _LISTS and plain:
            return self._listing(words)
        if verb == "history" and not any(word.startswith("-") for word in words):
            return self._history(words[1:] if words[0] == "history" else words[2:])
        if verb == "commit" and "--help" not in words:
            return self._commit(words[1:] if words[0] == "commit" else words[2:])
        if verb == "exec" and (name := terminals.only_a_shell(words, self.engine)):
            return terminals.tell_no_keyboard(name, words)
        with cell_terminal(held=terminals.keyboard_wanted(words, self.engine)) as terminal:
            try:
                code = execute(words, lambda: self.engine, terminal)
            except Detached:
                code = 0
        if terminal.left_running:
            terminals.tell_left_running(self.engine, str(terminal.results[-1]) if terminal.results else words[-1])
        if verb == "build" and terminal.results:
            image = terminal.results[-1].image
            return LayerStack.of(self.engine, image.id)
        if verb in ("run", "create", "exec", "start"):
            identifier = str(terminal.results[-1]) if terminal.results else ""
            return Ran(code, identifier)
        if code:
            raise DockerlabError(word("ended with", verb=verb, code=code), exit_code=code)
        return None

    def _listing(self, words: list[str]) -> Listing:
        from dockerlab.verbs.dispatch import execute

        with captured() as (terminal, kept):
            execute(words, lambda: self.engine, terminal)
        text = b"".join(kept).decode("utf-8", "replace")
        heads, *rows = terminal.table or [[]]
        return Listing(terminal.results[-1] if terminal.results else [], text, heads, rows)

    def commit(self, line: str) -> Committed:
        """%commit -m MESSAGE CONTAINER IMAGE: the container's layer as a new image."""
        return self._commit(split(line))

    def _commit(self, words: list[str]) -> Committed:
        from dockerlab.verbs.dispatch import execute
        from dockerlab.verbs.flags import parse

        with captured() as (terminal, _):
            execute(["commit", *words], lambda: self.engine, terminal)
        identifier = str(terminal.results[-1])
        given = parse("commit", words).words
        name = given[1] if len(given) > 1 else ""
        return Committed(identifier, name, LayerStack.of(self.engine, identifier, name))

    # --- looking

    def history(self, line: str) -> Any:
        """%history IMAGE: the image's history. Anything else is IPython's own %history."""
        try:
            words = split(line)
        except UsageError:
            words = []  # IPython takes `%history -g it's`
        if self._names_image(words):
            return self._history(words)
        if self.old_history is not None:
            return self.old_history(self.shell.var_expand(line, depth=2))
        return None

    def _names_image(self, words: list[str]) -> bool:
        plain = [word for word in words if not word.startswith("-")]
        if len(plain) != 1 or (len(words) > 1 and any(_THEIR_FLAGS.match(word) for word in words)):
            return False
        if _RANGE.match(plain[0]):
            return self._known(plain[0]) and not plain[0].isdigit()
        return self._known(plain[0]) or (":" in plain[0] and len(words) == 1)

    def _known(self, name: str) -> bool:
        try:
            self.engine.image_inspect(name)
        except DockerlabError:
            return False
        return True

    def _history(self, words: list[str]) -> History:
        from dockerlab.verbs.images import history_json

        names = [word for word in words if not word.startswith("-")]
        if len(names) != 1:
            raise UsageError("'docker history' requires 1 argument", hint="%history IMAGE")
        return History(names[0], [history_json(one) for one in self.engine.history(names[0])])

    def layers(self, line: str) -> LayerStack | SideBySide:
        """%layers IMAGE [IMAGE]: the image's layers as a picture; two of them side by side, on the layers that both have."""
        words = split(line)
        if len(words) not in (1, 2):
            raise UsageError(word("usage layers"), hint="%layers nginx")
        return LayerStack.of(self.engine, words[0]) if len(words) == 1 else SideBySide.of(self.engine, words)

    def cow(self, line: str) -> CopyOnWrite | CopiesOnWrite:
        """%cow CONTAINER…: its writable layer above the read-only ones; of several, each of its own above the same."""
        words = split(line)
        if not 1 <= len(words) <= 4:
            raise UsageError(word("usage cow"), hint="%cow web")
        return CopyOnWrite.of(self.engine, words[0]) if len(words) == 1 else CopiesOnWrite.of(self.engine, words)

    def context(self, line: str) -> ContextSeen:
        """%context [-f FILE] [PATH]: what a build would send of the folder, what it leaves out and by which pattern."""
        return ContextSeen.of(self.engine, split(line), self.shell)

    def process(self, line: str) -> ProcessSeen:
        """%process [--entrypoint PROGRAM] IMAGE [ARG…]: the process that `docker run` would start, and where each of its words came from."""
        words = split(line)
        entrypoint = None
        if words and words[0].startswith("--entrypoint"):
            _, equals, value = words[0].partition("=")
            entrypoint, words = (value, words[1:]) if equals else ((words[1:2] or [""])[0], words[2:])
        if not words or words[0].startswith("-"):
            raise UsageError(word("usage process"), hint="%process nginx")
        return ProcessSeen.of(self.engine, words[0], words[1:], entrypoint)

    def variables(self, line: str, cell: str | None = None) -> VariablesSeen:
        """%%variables [--build-arg NAME=VALUE] [--target STAGE]: what ARG and ENV are worth at each line of the cell's Dockerfile, in the container and in
        the history. %variables [-f FILE] [PATH] looks at a file."""
        return VariablesSeen.of(self.engine, split(line), cell)

    def predict(self, line: str, cell: str = "") -> Any:
        """%%predict NAME, and below it a question with choices (a) …, b) …): a guess before an experiment. %predict NAME b answers it."""
        from dockerlab.notebook.predictions import ask

        return ask(split(line), cell)

    def compare(self, line: str, cell: str = "") -> Any:
        """%compare NAME: what was guessed beside what happened. %%compare NAME takes a Python expression that says which letter is true."""
        from dockerlab.notebook.predictions import compare

        return compare(split(line), cell, self.engine, self.shell)

    def check(self, line: str) -> Any:
        """%check EXERCISE: what was seen, what was expected, where to look. Raises if it is not passed yet."""
        from dockerlab.course import CheckFailed, check

        words = split(line)
        if len(words) != 1:
            raise UsageError(word("usage check"), hint="%check layers-1")
        verdict = check(words[0], self.engine, language())
        if not verdict.passed:
            from IPython.display import display

            display(verdict)
            if seen_live(self.shell):
                from dockerlab.notebook.checking import Again

                display(Again(words[0], self.engine))
            raise CheckFailed(verdict)
        return verdict


_LINE_MAGICS = ("docker", "docker_engine", "commit", "history", "layers", "cow", "context", "process", "check")


class _Last:
    """The last error of a magic, for who wants to see more of it than its message."""

    error: DockerlabError | None = None


_last = _Last()


def debug(_line: str) -> None:
    """%docker_debug: the whole way to the last error, with what it was made of."""
    import traceback

    if _last.error is None:
        print(word("no error"))
        return
    error: BaseException | None = _last.error
    seen: list[BaseException] = []
    while error is not None:
        seen.append(error)
        error = error.__cause__ or error.__context__  # also where the message was raised `from None`
    for one in reversed(seen):
        print("".join(traceback.format_exception(type(one), one, one.__traceback__, chain=False)))


def _told_in_the_cell(magic: Callable[..., Any]) -> Callable[..., Any]:
    """The magic, whose interrupt is one sentence in the cell, and whose hints can be run there."""

    @functools.wraps(magic)
    def run(*texts: str) -> Any:
        try:
            return magic(*texts)
        except Interrupted:
            raise
        except KeyboardInterrupt:
            raise Interrupted(word("interrupted")) from None
        except DockerlabError as error:
            from dockerlab.notebook.hints import in_language, label

            error.hint, error.hint_label = in_language(as_magic(error.hint)), label()
            _last.error = error
            raise

    # as `@no_var_expand` does, without importing IPython: `{{.Names}}` and `$HOME` are docker's and the container's, not Python's
    run._ipython_magic_no_var_expand = True  # type: ignore[attr-defined]
    return run


def register(shell: Any) -> None:
    """Register every magic in this shell; IPython's own %history stays behind ours."""
    from IPython.core.magics import HistoryMagics

    from dockerlab.notebook.completion import cell_matcher, explain_directives, use_matcher

    speak_as(notebook_path(shell))
    # not the registered function: IPython looks that up again by its name, and would find ours
    magics = Magics(shell, HistoryMagics(shell).history)
    shell.register_magic_function(_told_in_the_cell(magics.dockerfile), "cell", "dockerfile")
    shell.register_magic_function(_told_in_the_cell(magics.exec), "cell", "exec")
    for name in ("variables", "predict", "compare"):
        shell.register_magic_function(_told_in_the_cell(getattr(magics, name)), "line_cell", name)
    from dockerlab.notebook.slips import watch

    own_kernel = getattr(getattr(shell, "kernel", None), "implementation", "") == "dockerlab"
    shell.register_magic_function(debug, "line", "docker_debug")
    watch(shell, dockerfiles=own_kernel)
    use_matcher(shell, cell_matcher(lambda: magics.engine, dockerfiles=own_kernel))
    explain_directives(shell)
    for name in _LINE_MAGICS:
        shell.register_magic_function(_told_in_the_cell(getattr(magics, name)), "line", name)


def unregister(shell: Any) -> None:
    """Give IPython its own %history back, and its completion; the helper process goes."""
    from dockerlab.notebook.completion import explain_no_more, use_matcher
    from dockerlab.notebook.slips import unwatch

    unwatch(shell)
    use_matcher(shell, None)
    explain_no_more(shell)
    ours = shell.magics_manager.magics["line"].get("history")
    magics = getattr(getattr(ours, "__wrapped__", None), "__self__", None)
    if isinstance(magics, Magics):
        magics.close()
        if magics.old_history is not None:
            shell.register_magic_function(magics.old_history, "line", "history")

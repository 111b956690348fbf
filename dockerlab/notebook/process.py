"""`%process`: what would start in a container of an image, word by word, and where each word came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dockerlab.data import dataclass
from dockerlab.notebook.layer_stack import base_of, instruction_of
from dockerlab.notebook.live import Live
from dockerlab.notebook.pictures import ProcessWord, as_image, process_svg
from dockerlab.notebook.words import word
from dockerlab.verbs.listing import align

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """An image's ENTRYPOINT or CMD: the words, and the image that they come from ("" for its own)."""

    words: tuple[str, ...]
    image: str = ""


@dataclass(frozen=True)
class Start:
    """What decides about a process: the image's ENTRYPOINT and CMD, its shell, a base's CMD that a new ENTRYPOINT has dropped."""

    entrypoint: Origin
    cmd: Origin
    shell: tuple[str, ...]
    dropped: Origin | None = None

    def words(self, arguments: Sequence[str], entrypoint: str | None = None) -> list[ProcessWord]:
        """The process of `docker run [--entrypoint …] IMAGE ARGUMENTS`. Empty where nothing would start."""
        first = (
            self._of(self.entrypoint, "ENTRYPOINT")
            if entrypoint is None
            else [ProcessWord(entrypoint, "--entrypoint")]
            if entrypoint
            else []
        )
        if arguments:
            rest = [ProcessWord(one, "argument") for one in arguments]
        else:
            rest = self._of(self.cmd, "CMD") if entrypoint is None else []
        if first and entrypoint is None and self._in_shell(self.entrypoint):
            rest = [ProcessWord(one.text, one.source, word("unheard")) for one in rest]
        return [*first, *rest]

    def _in_shell(self, origin: Origin) -> bool:
        return origin.words[:-1] == self.shell

    def _of(self, origin: Origin, source: str) -> list[ProcessWord]:
        note = word("of image", image=origin.image) if origin.image else ""
        if self._in_shell(origin):
            added = [ProcessWord(one, "shell", word("shell form")) for one in self.shell]
            return [*added, *(ProcessWord(one, source, note) for one in origin.words[len(self.shell) :])]
        return [ProcessWord(one, source, note) for one in origin.words]


def start_of(engine: Engine, image: str) -> Start:
    """What decides about the process of an image. NotFoundError if there is none."""
    config = engine.image_inspect(image)["Config"]
    base = base_of(engine, image)
    inherited = engine.image_inspect(base.name)["Config"] if base.name else {}
    own = {instruction_of(str(line["CreatedBy"])).split(" ", 1)[0] for line in engine.history(image)[: -base.lines or None]}

    def origin(key: str, keyword: str) -> Origin:
        words = tuple(config.get(key) or ())
        theirs = (
            words == tuple(inherited.get(key) or ()) and keyword not in own
        )  # a commit writes its container's own words, and no instruction
        return Origin(words, base.name if words and theirs else "")

    entrypoint, cmd = origin("Entrypoint", "ENTRYPOINT"), origin("Cmd", "CMD")
    dropped = None
    if inherited.get("Cmd") and not cmd.words and "ENTRYPOINT" in own:
        dropped = Origin(tuple(inherited["Cmd"]), base.name)
    return Start(entrypoint, cmd, tuple(config.get("Shell") or ("/bin/sh", "-c")), dropped)


@dataclass
class ProcessSeen(Live):
    """The process of `docker run IMAGE ARGUMENTS`, as `words`; `notes` are what surprises people."""

    image: str
    arguments: list[str]
    words: list[ProcessWord]
    notes: list[str]

    @classmethod
    def of(cls, engine: Engine, image: str, arguments: Sequence[str], entrypoint: str | None = None) -> ProcessSeen:
        """NotFoundError if there is no such image."""
        start = start_of(engine, image)
        return cls(image, list(arguments), start.words(arguments, entrypoint), notes_of(start, arguments, entrypoint)).answered_by(engine)

    def __repr__(self) -> str:
        if not self.words:
            return "\n".join([word("no process"), *self.notes])
        rows = [[one.text, source_text(one)] for one in self.words]
        return "\n".join([align([[word("word"), word("from")], *rows]).rstrip("\n"), *self.notes])

    def _repr_html_(self) -> str:
        line = " ".join(["docker run", self.image, *self.arguments])
        return as_image(
            process_svg(
                line, self.words, [source_text(one) for one in self.words], self.notes or ([] if self.words else [word("no process")])
            ),
            repr(self),
        )

    def _widget(self, engine: Engine) -> Any:
        from dockerlab.notebook.widgets.process import ProcessWidget

        return ProcessWidget(engine, self.image, self.arguments)


def source_text(one: ProcessWord) -> str:
    """Where a word came from, in the learner's language."""
    said = word(f"source {one.source}")
    return f"{said} ({one.note})" if one.note else said


def notes_of(start: Start, arguments: Sequence[str], entrypoint: str | None) -> list[str]:
    """What surprises people about it."""
    out = []
    if start.dropped and entrypoint is None:
        out.append(word("cmd dropped", cmd=" ".join(start.dropped.words), image=start.dropped.image))
    if arguments and start.cmd.words and entrypoint is None:
        out.append(word("cmd replaced", cmd=" ".join(start.cmd.words)))
    if entrypoint is not None and start.cmd.words and not arguments:
        out.append(word("cmd without entrypoint", cmd=" ".join(start.cmd.words)))
    return out

"""What a Dockerfile is made of."""

from __future__ import annotations

from dockerlab.data import dataclass, field
from dockerlab.truth import TRUE


@dataclass(frozen=True)
class Heredoc:
    """A here-document: its name, its text, whether variables in it are expanded, and whether leading tabs are stripped (`<<-`)."""

    name: str
    text: str
    expand: bool
    strip_tabs: bool


@dataclass(frozen=True)
class Instruction:
    """One instruction. `flags` are (name, value) in order, without dashes; `words` its arguments (of ENV and LABEL: key, value, delimiter …);
    `exec_form` says that they were a JSON list; `first` and `last` are its lines, the first of the file is 1."""

    keyword: str
    original: str
    words: tuple[str, ...]
    flags: tuple[tuple[str, str], ...] = ()
    exec_form: bool = False
    heredocs: tuple[Heredoc, ...] = ()
    first: int = 0
    last: int = 0
    written: str = ""
    """The keyword as it was typed."""

    def flag(self, name: str, default: str = "") -> str:
        """The last value of a flag."""
        return next((value for key, value in reversed(self.flags) if key == name), default)

    def flag_values(self, name: str) -> list[str]:
        """Every value of a flag that may come several times."""
        return [value for key, value in self.flags if key == name]

    def on(self, name: str) -> bool:
        """Whether a switch was set (`--link`, `--link=true`)."""
        return any(key == name for key, _ in self.flags) and self.flag(name) in ("", *TRUE)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(key, value) of ENV and LABEL, as written, not expanded."""
        return [(self.words[at], self.words[at + 1]) for at in range(0, len(self.words) - 1, 3)]

    @property
    def shown(self) -> str:
        """The instruction in one line, keyword in capitals, as BuildKit names its step."""
        return self.keyword + self.original.strip()[len(self.written) :]


@dataclass(frozen=True)
class Stage:
    """From one FROM to the next. `base` is as written; `name` is lower case, "" if it has none."""

    index: int
    base: str
    name: str = ""
    platform: str = ""
    instructions: tuple[Instruction, ...] = ()
    source: Instruction | None = None
    """The FROM itself."""

    @property
    def shown_name(self) -> str:
        """As BuildKit calls it: its name, or `stage-1`."""
        return self.name or f"stage-{self.index}"


@dataclass(frozen=True)
class Dockerfile:
    """A whole file. `arguments` are the ARGs before the first FROM."""

    name: str
    text: str
    stages: tuple[Stage, ...]
    arguments: tuple[Instruction, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    escape: str = "\\"
    directives: dict[str, str] = field(default_factory=dict)
    empty_continuations: tuple[int, ...] = ()

    def stage(self, name: str) -> Stage | None:
        """The last stage of this name, whatever its case."""
        return next((stage for stage in reversed(self.stages) if stage.name and stage.name == name.lower()), None)

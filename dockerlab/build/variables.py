"""What a Dockerfile's variables are, line after line: at build, in the container, in the history — with nothing built.

1  ARG VERSION=1          VERSION is 1 for the FROM lines, and for nobody else
2  FROM busybox:$VERSION  the base's ENV: PATH
3  ARG VERSION            VERSION is 1, an argument, to the stage's end
4  ENV MODE=fast          MODE is fast, from here on: in the stages built on this one, in the container
5  RUN make               the process has PATH, VERSION, MODE; the history has `RUN |1 VERSION=1 /bin/sh -c make`
   →  Timeline(lines, at_run={"PATH": …, "MODE": "fast"}, history=("ARG VERSION=1", "ENV MODE=fast", "RUN |1 …"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from dockerlab.build.metadata import KEYWORDS, apply, declare, triggers, workdir
from dockerlab.build.plan import PROXIES, Plan, Planned, base_image
from dockerlab.build.running import history_text
from dockerlab.build.state import StageState
from dockerlab.build.watching import RecordingScope
from dockerlab.data import dataclass
from dockerlab.dockerfile import Instruction
from dockerlab.errors import BuildError, NotFoundError
from dockerlab.oci import Reference, environment_of
from dockerlab.store import Image

GLOBAL = -1
"""The stage of what stands before the first FROM."""


@dataclass(frozen=True)
class Variable:
    """What a name is at a line: `kind` is "ARG", "ENV" or "base" (the ENV of the image that the stage is built on); an ARG without a value has None."""

    kind: str
    value: str | None


@dataclass(frozen=True)
class Line:
    """An instruction of the Dockerfile: `sets` are the names that it gives a value, `visible` is all that there is after it, `history` what is kept of it."""

    number: int
    text: str
    stage: int
    sets: tuple[str, ...]
    visible: dict[str, Variable]
    history: str = ""


@dataclass(frozen=True)
class Unseen:
    """A `$NAME` that is nothing there, though line `declared` has it: in another stage, or before the first FROM, or as an ARG where the container asks.

    `at_run`: the container asks. `here`: the stage has it, as an ARG.
    """

    line: int
    name: str
    declared: int
    at_run: bool = False
    here: bool = False


@dataclass(frozen=True)
class Timeline:
    """The variables of a build: its lines, in the order of the file; what a container has of them; where in the history a value can be read.

    `names`: those that the Dockerfile itself declares, in the order of their first lines. `unused`: names of --build-arg that no ARG declares.
    """

    lines: tuple[Line, ...]
    names: tuple[str, ...]
    at_run: dict[str, str]
    history: tuple[str, ...]
    """The image's own lines, as `docker history` shows them."""
    arguments: dict[str, str | None]
    """What --build-arg can give, with the value that each has: the first where an ARG stands twice."""
    unseen: tuple[Unseen, ...]
    unused: tuple[str, ...]

    @property
    def readable(self) -> dict[str, tuple[str, ...]]:
        """The lines of the history that have NAME=value, by name."""
        return {name: found for name in self.names if (found := tuple(line for line in self.history if _tells(line, name)))}

    @property
    def told(self) -> list[str]:
        """The lines of the history that have any of the values."""
        return [line for line in self.history if any(_tells(line, name) for name in self.names)]


def timeline(plan: Plan, resolve: Callable[[Reference], Image], given: Iterable[str] = ()) -> Timeline:
    """The timeline of the plan's target; `given`: the names of --build-arg. BuildError, with its line, for a base that is not there and a value that can't be."""
    return _Walk(plan, resolve, given).timeline()


class _Walk:
    """Goes from line to line as a build goes, where nothing but the variables moves."""

    def __init__(self, plan: Plan, resolve: Callable[[Reference], Image], given: Iterable[str]) -> None:
        self.plan, self.resolve, self.given = plan, resolve, given
        self.states: dict[int, StageState] = {}
        self.origins: dict[int, dict[str, tuple[str, int]]] = {}
        """Of each stage's variables, the kind and the line that each is from."""
        self.lines: list[Line] = []
        self.arguments: dict[str, str | None] = {}
        self.declared: dict[str, int] = {}
        """Where a name was first declared."""
        self.unseen: list[Unseen] = []

    def timeline(self) -> Timeline:
        """All of it."""
        self._before_the_first_stage()
        for planned in sorted(self.plan.order, key=lambda one: one.stage.index):
            self._start(planned)
            for instruction in (*self._triggers(planned), *planned.stage.instructions):
                try:
                    self._one(planned, instruction)
                except (BuildError, NotFoundError, ValueError) as error:
                    raise BuildError.of(error).at(instruction.first) from None
        target = self.plan.target.index
        told = set(self._chain(target))
        history = tuple(line.history for line in self.lines if line.stage in told and line.history)
        at_run = environment_of(self.states[target].config)
        names = tuple(
            dict.fromkeys(name for line in self.lines if line.text.split(" ", 1)[0].upper() in ("ARG", "ENV") for name in line.sets)
        )
        return Timeline(
            tuple(self.lines),
            names,
            at_run,
            history,
            self.arguments,
            tuple(self.unseen),
            tuple(name for name in self.given if name not in self._known()),
        )

    def _known(self) -> set[str]:
        """What --build-arg can give, in stages too that are not built."""
        declared = {word.partition("=")[0] for one in self.plan.dockerfile.instructions if one.keyword == "ARG" for word in one.words}
        return {*declared, *self.arguments, *PROXIES}

    def _before_the_first_stage(self) -> None:
        visible: dict[str, Variable] = {}
        for instruction in self.plan.dockerfile.arguments:
            names = [word.partition("=")[0] for word in instruction.words]
            visible = {**visible, **{name: Variable("ARG", self.plan.declared.get(name)) for name in names}}
            self._declared(names, instruction.first, {name: self.plan.declared.get(name) for name in names})
            self.lines.append(Line(instruction.first, instruction.shown, GLOBAL, tuple(names), visible))

    def _start(self, planned: Planned) -> None:
        stage = planned.stage
        if planned.parent is not None:
            state = self.states[planned.parent.index].child(stage.shown_name)
            origins = dict(self.origins[planned.parent.index])
        elif planned.base == "scratch" or planned.folder:
            state = StageState.scratch(stage.shown_name)
            origins = dict.fromkeys(state.scope, ("base", 0))
        else:
            line = stage.source.first if stage.source else 0
            try:
                config = base_image(self.resolve, planned.base).config.config
            except BuildError as error:
                raise error.at(line) from None
            state = StageState(stage.shown_name, {key: value for key, value in config.items() if value is not None}, [], [], "")
            state.scope = environment_of(state.config)
            origins = dict.fromkeys(state.scope, ("base", 0))
        state.escape = self.plan.dockerfile.escape
        self.states[stage.index], self.origins[stage.index] = state, origins
        if stage.source:
            self._line(planned, stage.source, ())

    def _triggers(self, planned: Planned) -> list[Instruction]:
        source = planned.stage.source
        first, last = (source.first, source.last) if source else (0, 0)
        return triggers(self.states[planned.stage.index].config, first, last)

    def _one(self, planned: Planned, instruction: Instruction) -> None:
        state, origins = self.states[planned.stage.index], self.origins[planned.stage.index]
        self._asked_in_vain(state, origins, instruction)
        keyword, names, history = instruction.keyword, tuple[str, ...](), ""
        if keyword == "ARG":
            history = declare(instruction, state, self.plan.argument)
            names = tuple(word.partition("=")[0] for word in instruction.words)
            self._declared(names, instruction.first, {name: state.arguments[name] for name in names})
            # an ARG that nobody gave a value leaves what ENV has set
            valued = [name for name in names if state.arguments[name] is not None or name not in state.scope]
            origins.update(dict.fromkeys(valued, ("ARG", instruction.first)))
        elif keyword in KEYWORDS:
            history = apply(instruction, state)
            if keyword == "ENV":
                names = tuple(state.expand().word(key) for key, _ in instruction.pairs)
                origins.update(dict.fromkeys(names, ("ENV", instruction.first)))
                self._first(names, instruction.first)
        elif keyword == "WORKDIR":
            state.config["WorkingDir"] = path = workdir(instruction, state)
            history = f"WORKDIR {path}"
        elif keyword == "RUN":
            history = history_text(instruction, state).removesuffix(" # buildkit")
        else:
            history = state.expand().raw(instruction.shown)
        self._line(planned, instruction, names, history)

    def _line(self, planned: Planned, instruction: Instruction, sets: tuple[str, ...], history: str = "") -> None:
        index = planned.stage.index
        state, origins = self.states[index], self.origins[index]
        visible = {name: Variable(origins[name][0], value) for name, value in state.scope.items()}
        visible.update({name: Variable("ARG", None) for name in state.arguments if name not in state.scope})
        self.lines.append(Line(instruction.first, instruction.shown, index, sets, visible, history))

    def _declared(self, names: Sequence[str], line: int, values: dict[str, str | None]) -> None:
        for name in names:
            self.arguments.setdefault(name, values[name])
        self._first(tuple(names), line)

    def _first(self, names: tuple[str, ...], line: int) -> None:
        for name in names:
            self.declared.setdefault(name, line)

    def _asked_in_vain(self, state: StageState, origins: dict[str, tuple[str, int]], instruction: Instruction) -> None:
        """Names that the instruction asks for, or the shell that it starts, and that were declared where it does not see them."""
        at_run = instruction.keyword in ("CMD", "ENTRYPOINT")
        if instruction.exec_form and instruction.keyword in ("CMD", "ENTRYPOINT", "RUN"):
            return  # no shell reads it
        scope = RecordingScope(environment_of(state.config) if at_run else state.scope, state.escape)
        try:
            scope.word(instruction.shown)
        except ValueError:
            return
        for name in sorted(scope.missing & self.declared.keys()):
            here = name in state.arguments
            if at_run or not here:
                declared = origins[name][1] if here else self.declared[name]
                self.unseen.append(Unseen(instruction.first, name, declared, at_run, here))

    def _chain(self, index: int) -> Iterator[int]:
        """A stage and those it is built on: what the image's history tells of."""
        yield index
        planned = next(one for one in self.plan.order if one.stage.index == index)
        if planned.parent is not None:
            yield from self._chain(planned.parent.index)


def _tells(line: str, name: str) -> bool:
    """Whether a line of the history has NAME=value."""
    return f" {name}=" in line

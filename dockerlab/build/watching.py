"""Variables that are watched while they are expanded: which names were found, and which were asked for in vain."""

from __future__ import annotations

from dockerlab.build.state import StageState
from dockerlab.data import dataclass, field
from dockerlab.dockerfile import Scope


class RecordingScope(Scope):
    """A scope that notes which names were found and which are `missing`."""

    def __init__(self, values: dict[str, str], escape: str) -> None:
        super().__init__(values, escape)
        self.found: set[str] = set()
        self.missing: set[str] = set()
        self.values = _Recording(values, self.found, self.missing)


class _Recording(dict[str, str]):
    def __init__(self, values: dict[str, str], found: set[str], missing: set[str]) -> None:
        super().__init__(values)
        self._found, self._missing = found, missing

    def _note(self, name: str) -> None:
        (self._found if super().__contains__(name) else self._missing).add(name)

    def __contains__(self, name: object) -> bool:
        self._note(str(name))
        return super().__contains__(name)

    def get(self, name: str, default: object = None) -> str | None:  # type: ignore[override]
        self._note(name)
        return super().get(name)

    def __getitem__(self, name: str) -> str:
        self._note(name)
        return super().__getitem__(name)


@dataclass
class WatchedState(StageState):
    """A stage's state whose expansions are watched, one word at a time."""

    watched: list[WatchedScope] = field(default_factory=list)
    """The scopes that were handed out."""
    workdir_set: bool = False

    def expand(self) -> Scope:
        """As of any state, and remembered."""
        watched = WatchedScope(self.scope, self.escape)
        self.watched.append(watched)
        return watched

    def define(self, name: str, value: str) -> None:
        """A variable gets a value; the latest is the last."""
        self.scope.pop(name, None)
        self.scope[name] = value


class WatchedScope(Scope):
    """A scope that notes what each word misses: `missing` has the names, word after word."""

    def __init__(self, values: dict[str, str], escape: str) -> None:
        super().__init__(values, escape)
        self.missing: list[str] = []

    def _watch(self, text: str, how: str) -> object:
        scope = RecordingScope(self.values, self._escape)
        try:
            return getattr(scope, how)(text)
        finally:
            self.missing += sorted(scope.missing)

    def word(self, text: str) -> str:
        """As of any scope."""
        return str(self._watch(text, "word"))

    def document(self, text: str) -> str:
        """As of any scope."""
        return str(self._watch(text, "document"))

""".dockerignore: which paths of a context are left out, and which pattern did it. (moby/patternmatcher, ignorefile)"""

from __future__ import annotations

from dockerlab.data import dataclass
from dockerlab.dockerfile.library import PatternMatcher
from dockerlab.dockerfile.linear import bounded


@dataclass(frozen=True)
class IgnorePattern:
    """A pattern with the place where it stands; `line` is 0 for one that no file holds."""

    text: str
    file: str
    line: int


class IgnoreRules:
    """Patterns in order; later ones win, `!` brings back."""

    def __init__(self, patterns: list[IgnorePattern]) -> None:
        """ValueError for a pattern that can't be read ("syntax error in pattern")."""
        self.patterns = patterns
        try:
            self._matcher = path_matcher([pattern.text for pattern in patterns]) if patterns else None
        except ValueError as error:
            raise ValueError(f"syntax error in pattern: {error}") from None
        self._brings_back = any(pattern.text.startswith("!") for pattern in patterns)

    @classmethod
    def read(cls, text: str, file: str, extra: tuple[str, ...] = ()) -> IgnoreRules:
        """A file's patterns, after those in `extra`."""
        patterns = [IgnorePattern(pattern, "", 0) for pattern in extra]
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
            cleaned = _clean(line)
            if cleaned:
                patterns.append(IgnorePattern(cleaned, file, number))
        return cls(patterns)

    def ignores(self, path: str) -> bool:
        """Whether the path (relative to the context, with slashes) is left out."""
        return self._matcher is not None and bool(self._matcher.matches(path))

    def may_hold(self, folder: str) -> bool:
        """Whether something below an ignored folder may be brought back."""
        return self._brings_back and self._matcher is not None and bool(self._matcher.may_match_under(folder))

    def culprit(self, path: str) -> IgnorePattern | None:
        """The pattern that left the path out, or None."""
        found = None
        for n, pattern in enumerate(self.patterns, 1):
            if not path_matcher([one.text for one in self.patterns[:n]]).matches(path):
                found = None
            elif found is None:
                found = pattern
        return found


def path_matcher(patterns: list[str]) -> PatternMatcher:
    """The library's, but for how a pattern of many stars is matched."""
    made = PatternMatcher(patterns)
    for one, text in zip(made._patterns, made.patterns, strict=True):
        one.match = bounded(text.removeprefix("!"), one.match)
    return made


def _clean(line: str) -> str:
    if line.startswith("#"):
        return ""
    text = line.strip()
    if not text:
        return ""
    back = text.startswith("!")
    if back:
        text = text[1:].strip()
    if text:
        import posixpath

        text = posixpath.normpath(text)
        if len(text) > 1 and text.startswith("/"):
            text = text[1:]
    return ("!" if back else "") + text

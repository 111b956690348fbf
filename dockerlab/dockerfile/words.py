"""Variables: which are in scope, and what `$X`, `${X:-default}` and their kin become. (BuildKit's frontend/dockerfile/shell)"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from dockerlab.dockerfile.library import ShellLex

_SUBJECT = re.compile(r"failed to process '(.*?)': ", re.DOTALL)


def _as_buildkit(error: ValueError) -> ValueError:
    """The lexer quotes a word as Python does, BuildKit as Go does."""
    return ValueError(
        _SUBJECT.sub(lambda found: f"failed to process {json.dumps(found.group(1), ensure_ascii=False)}: ", str(error), count=1)
    )


class Scope:
    """The variables that an instruction sees, and how its words are expanded with them."""

    def __init__(self, values: Mapping[str, str], escape: str = "\\") -> None:
        self.values, self._escape = dict(values), escape

    def word(self, text: str) -> str:
        """One word, quotes removed and variables expanded. ValueError in BuildKit's words where that is impossible."""
        if not any(letter in text for letter in "$'\"\\`"):
            return text
        try:
            return str(self._lexer().process_word(text))
        except ValueError as error:
            raise _as_buildkit(error) from None

    def words(self, text: str) -> list[str]:
        """As `word`, but white space that a variable brings splits it."""
        try:
            return [str(one) for one in self._lexer().process_words(text)]
        except ValueError as error:
            raise _as_buildkit(error) from None

    def raw(self, text: str) -> str:
        """Variables expanded, quotes kept (names of steps)."""
        lexer = ShellLex(self._escape, env=self.values, skip_unset_env=False, raw_quotes=True)
        try:
            return str(lexer.process_word(text))
        except ValueError:
            return text

    def document(self, text: str) -> str:
        """A here-document: variables expanded, quotes mean nothing. ValueError in BuildKit's words where that is impossible."""
        try:
            return str(ShellLex("\\", env=self.values, skip_unset_env=False, skip_process_quotes=True).process_word(text))
        except ValueError as error:
            raise _as_buildkit(error) from None

    def _lexer(self) -> ShellLex:
        return ShellLex(self._escape, env=self.values, skip_unset_env=False)

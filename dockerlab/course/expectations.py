"""What is expected of a thing, as a value that explains itself: `image("site:1").layers.count == 3` knows what it is about, what was seen, and where to look.

    Number, Words, Members        something that was looked at: how many, what it says, what is in it
      == < contains has …         ask something of it
    Expectation                   the answer: true or false, and the sentences that a learner reads

Nothing here looks at an image; whoever makes a value has looked already. A value that could not be had is None with the reason: whatever is asked of it fails
with that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence

from dockerlab.course.saying import Text, filled, same, say, shortened, size
from dockerlab.data import dataclass, replace
from dockerlab.language import language, particles

NOTHING = say("nothing", "없음")
_IS = {
    "==": say("{what}: {n}", "{what}: {n}"),
    "!=": say("{what}: not {n}", "{what}: {n}이(가) 아님"),
    "<": say("{what}: less than {n}", "{what}: {n} 미만"),
    "<=": say("{what}: at most {n}", "{what}: {n} 이하"),
    ">": say("{what}: more than {n}", "{what}: {n} 초과"),
    ">=": say("{what}: at least {n}", "{what}: {n} 이상"),
}
_WANTED = {sign: {key: text.removeprefix("{what}: ") for key, text in sentence.items()} for sign, sentence in _IS.items()}
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True)
class Expectation:
    """One thing that was expected: whether it holds, and what to say about it. As a truth value it is `holds`, so that `assert` takes it."""

    text: Text
    holds: bool
    seen: Text
    expected: Text
    where: Text

    def __bool__(self) -> bool:
        return self.holds

    def __and__(self, other: Expectation) -> Expectation:
        """Both; if one fails, what is said is about that one."""
        failing = self if not self.holds else other
        both = {key: f"{self.text[key]}; {other.text[key]}" for key in self.text}
        return replace(failing, text=both, holds=self.holds and other.holds)

    def __or__(self, other: Expectation) -> Expectation:
        """Either; what is said is about the first, or about the one that holds."""
        return other if other.holds and not self.holds else self

    def at(self, en: str, ko: str) -> Expectation:
        """The same, with another place to look."""
        return replace(self, where=say(en, ko))

    def called(self, en: str, ko: str) -> Expectation:
        """The same, in the words of the exercise."""
        return replace(self, text=say(en, ko))

    def __repr__(self) -> str:
        key = language()
        line = particles(f"{'✓' if self.holds else '✗'} {self.text[key]}")
        if self.holds:
            return line
        words = {"en": ("seen", "expected", "where to look"), "ko": ("확인한 값", "기대한 값", "살펴볼 곳")}[key]
        told = zip(words, (self.seen[key], self.expected[key], self.where[key]), strict=True)
        return line + "".join(f"\n    {word}: {text}" for word, text in told if text)


@dataclass(frozen=True)
class About:
    """What a value is about: its name in a sentence, where to look for it, and why it could not be had, if so."""

    what: Text
    where: Text
    missing: Text | None = None

    def expectation(self, text: Text, holds: bool, seen: Text, expected: Text) -> Expectation:
        """What is asked of the value; of one that could not be had nothing holds."""
        return Expectation(text, holds and self.missing is None, self.missing or seen, expected, self.where)


class Number:
    """Something counted or measured. Ask with ==, !=, <, <=, >, >=, of a number or of another such; + and - move it."""

    __hash__ = None  # type: ignore[assignment]  # == asks

    def __init__(self, about: About, value: float, shown: Callable[[float], Text] = lambda value: same(f"{value:g}")) -> None:
        self.about, self.value, self._shown = about, value, shown

    @classmethod
    def bytes(cls, about: About, value: float) -> Number:
        """A number of bytes."""
        return cls(about, value, size)

    @classmethod
    def mode(cls, about: About, value: float) -> Number:
        """A file's permissions."""
        return cls(about, value, lambda value: same(f"{int(value):04o}"))

    def _asked(self, sign: str, other: Number | float) -> Expectation:
        value = other.value if isinstance(other, Number) else other
        wanted = self._shown(value)
        if isinstance(other, Number):
            if other.about.missing is not None:
                return Expectation(
                    filled(_IS[sign], what=self.about.what, n=other.about.what), False, other.about.missing, wanted, self.about.where
                )
            wanted = filled(say("{n} ({what})", "{n} ({what})"), n=wanted, what=other.about.what)
        text = filled(_IS[sign], what=self.about.what, n=wanted)
        return self.about.expectation(text, _HOLDS[sign](self.value, value), self._shown(self.value), filled(_WANTED[sign], n=wanted))

    def __eq__(self, other: Number | float) -> Expectation:  # type: ignore[override]
        return self._asked("==", other)

    def __ne__(self, other: Number | float) -> Expectation:  # type: ignore[override]
        return self._asked("!=", other)

    def __lt__(self, other: Number | float) -> Expectation:
        return self._asked("<", other)

    def __le__(self, other: Number | float) -> Expectation:
        return self._asked("<=", other)

    def __gt__(self, other: Number | float) -> Expectation:
        return self._asked(">", other)

    def __ge__(self, other: Number | float) -> Expectation:
        return self._asked(">=", other)

    def __add__(self, other: float) -> Number:
        sum_ = filled(say("{what} + {n}", "{what} + {n}"), what=self.about.what, n=self._shown(other))
        return Number(replace(self.about, what=sum_), self.value + other, self._shown)

    def __mul__(self, factor: float) -> Number:
        product = filled(say("{n} × {what}", "{what} × {n}"), what=self.about.what, n=f"{factor:g}")
        return Number(replace(self.about, what=product), self.value * factor, self._shown)

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return (self.about.missing or self._shown(self.value))[language()]


_WHOLE = 400
"""Characters of a text that are shown line by line where it was expected; of a longer one its beginning."""


class Words:
    """Something that can be read: a file's text, a user's name, the words of CMD. Ask with ==, !=, `contains`, `lacks`, `matches`."""

    __hash__ = None  # type: ignore[assignment]  # == asks

    def __init__(self, about: About, value: str | Sequence[str]) -> None:
        self.about, self.value = about, value if isinstance(value, str) else list(value)

    @property
    def _text(self) -> str:
        return self.value if isinstance(self.value, str) else "\n".join(self.value)

    def _seen(self) -> Text:
        if not self.value:
            return NOTHING
        return same(shortened(self.value) if isinstance(self.value, str) else json.dumps(self.value, ensure_ascii=False))

    def _asked(self, pattern: Text, holds: bool, wanted: Text) -> Expectation:
        return self.about.expectation(filled(pattern, what=self.about.what, it=wanted), holds, self._seen(), wanted)

    def __eq__(self, other: str | Sequence[str]) -> Expectation:  # type: ignore[override]
        value = other if isinstance(other, str) else list(other)
        wanted = NOTHING if not value else same(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        mine = self.value.strip() if isinstance(self.value, str) and isinstance(value, str) else self.value
        asked = self._asked(say("{what}: {it}", "{what}: {it}"), mine == (value.strip() if isinstance(value, str) else value), wanted)
        if isinstance(other, str) and "\n" in other:
            told = filled(say("{what}: {it}", "{what}: {it}"), what=self.about.what, it=shortened(other))
            return replace(asked, text=told, expected=asked.expected if len(other) < _WHOLE else same(shortened(other)))
        return asked

    def __ne__(self, other: str | Sequence[str]) -> Expectation:  # type: ignore[override]
        same_ = self == other
        return self._asked(
            say("{what}: not {it}", "{what}: {it}이(가) 아님"), not same_.holds, filled(say("not {it}", "{it} 아님"), it=same_.expected)
        )

    def contains(self, *texts: str) -> Expectation:
        """Every one of these stands in it."""
        return self._asked(
            say("{what} contains {it}", "{what}: {it} 포함"), all(text in self._text for text in texts), same(", ".join(texts))
        )

    def lacks(self, *texts: str) -> Expectation:
        """None of these stands in it."""
        found = [text for text in texts if text in self._text]
        asked = self._asked(say("{what} does not contain {it}", "{what}: {it} 없음"), not found, same(", ".join(texts)))
        return replace(asked, expected=filled(say("without {it}", "{it} 없음"), it=", ".join(found or texts)))

    def matches(self, pattern: str, en: str, ko: str) -> Expectation:
        """A regular expression finds something in it; a learner reads what that is, in words."""
        wanted = say(en, ko)
        return self._asked(say("{what}: {it}", "{what}: {it}"), re.search(pattern, self._text) is not None, wanted)

    def one_of(self, *values: str) -> Expectation:
        """It is one of these."""
        return self._asked(say("{what}: one of {it}", "{what}: {it} 중 하나"), self._text.strip() in values, same(", ".join(values)))

    def __repr__(self) -> str:
        return (self.about.missing or self._seen())[language()]


class Members:
    """Several things, such as the instructions of a history or the ports that an image exposes. Ask with `has`, `lacks`; `count` is a Number."""

    def __init__(self, about: About, values: Collection[str]) -> None:
        self.about, self.values = about, list(values)

    @property
    def count(self) -> Number:
        """How many."""
        return Number(self.about, len(self.values))

    def _asked(self, pattern: Text, holds: bool, wanted: Text) -> Expectation:
        seen = same(", ".join(self.values)) if self.values else NOTHING
        return self.about.expectation(filled(pattern, what=self.about.what, it=wanted), holds, seen, wanted)

    def has(self, *values: str) -> Expectation:
        """Every one of these is among them."""
        return self._asked(say("{what}: {it}", "{what}: {it}"), set(values) <= set(self.values), same(", ".join(values)))

    def lacks(self, *values: str) -> Expectation:
        """None of these is."""
        return self._asked(
            say("{what}: without {it}", "{what}: {it} 없음"), not set(values) & set(self.values),
            filled(say("without {it}", "{it} 없음"), it=", ".join(values)),
        )  # fmt: skip

    def ending(self, *endings: str) -> Members:
        """Those that end with one of these."""
        what = say("{what}: {it}", "{what}: {it}")
        about = replace(self.about, what=filled(what, what=self.about.what, it=", ".join(f"*{end}" for end in endings)))
        return Members(about, [one for one in self.values if one.endswith(endings)])

    @property
    def is_empty(self) -> Expectation:
        """There is none of them; otherwise they are told by name."""
        return self._asked(say("{what}: {it}", "{what}: {it}"), not self.values, NOTHING)

    def __repr__(self) -> str:
        return self.about.missing[language()] if self.about.missing else ", ".join(self.values)

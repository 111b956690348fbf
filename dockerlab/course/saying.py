"""What is said to learners, in both languages at once, so that no sentence can exist in one alone; and the Korean that depends on the word before it."""

from __future__ import annotations

from dockerlab.verbs.units import human_size

Text = dict[str, str]
"""{"en": …, "ko": …}"""

LANGUAGES = ("en", "ko")


def say(en: str, ko: str) -> Text:
    """The same thing in English and in Korean."""
    return {"en": en, "ko": ko}


def same(text: object) -> Text:
    """What is not translated: a name, a path, a value."""
    return {"en": str(text), "ko": str(text)}


def filled(pattern: Text, **values: Text | str | int) -> Text:
    """A sentence whose gaps, `{name}`, are filled in, each language's with its own."""
    return {
        language: pattern[language].format(**{key: value[language] if isinstance(value, dict) else value for key, value in values.items()})
        for language in LANGUAGES
    }


def shortened(data: bytes | str, most: int = 80) -> str:
    """The beginning of a file or of some output, in one line, as it may be shown beside what was expected."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    line = " ⏎ ".join(text.strip().splitlines())
    return line if len(line) <= most else line[: most - 1] + "…"


def size(count: float) -> Text:
    """A number of bytes."""
    return same(human_size(count))

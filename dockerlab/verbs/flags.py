"""Docker's flags, read as docker reads them (spf13/pflag: `--name x`, `--name=x`, `-it`, `-p8080:80`), from the list recorded in flags.json."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from typing import Any

from dockerlab.data import dataclass, field
from dockerlab.errors import UsageError
from dockerlab.truth import FALSE, TRUE

_LISTS = {"list", "filter", "stringArray", "strings", "map", "mount", "ulimit", "network", "stringToString", "gpu-request", "ipNetSlice"}
_WHOLE = {"int", "uint", "uint16", "uint32", "uint64"}
_STOP_AT_FIRST_WORD = {"run", "create", "exec", "container run", "container create", "container exec", "", "top", "container top"}


OWN_VERBS = {
    "context look": {
        "usage": "[OPTIONS] PATH",
        "flags": {"file": {"type": "string", "short": "f"}, "format": {"type": "string"}},
    },
    "layers": {
        "usage": "[OPTIONS] [IMAGE|CONTAINER...]",
        "flags": {
            "files": {"type": "bool"},
            "shared": {"type": "bool"},
            "ci": {"type": "bool"},
            "lowestEfficiency": {"type": "string"},
            "highestWastedBytes": {"type": "string"},
            "highestUserWastedPercent": {"type": "string"},
            "format": {"type": "string"},
        },
    },
    "compare": {"usage": "[OPTIONS] IMAGE1 IMAGE2", "flags": {"files": {"type": "bool"}, "format": {"type": "string"}}},
    "cat": {"usage": "[OPTIONS] IMAGE PATH", "flags": {"layer": {"type": "int", "short": "l"}}},
    "blame": {"usage": "[OPTIONS] IMAGE PATH", "flags": {"format": {"type": "string"}}},
}
"""Verbs that docker has not."""


@cache
def table() -> dict[str, Any]:
    """Verb → its usage and flags; "" is docker itself."""
    with open(os.path.join(os.path.dirname(__file__), "flags.json"), encoding="utf-8") as file:
        return {**json.load(file), **OWN_VERBS}


class _Flags(dict[str, Any]):
    """Flags by their long names, which notes what is looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return super().__contains__(name)


# what changes nothing that could be seen here, done or not
_INVISIBLE = {
    "archive",
    "detach-keys",
    "disable-content-trust",
    "help",
    "json",
    "load",
    "progress",
    "provenance",
    "quiet",
    "sbom",
}


@dataclass
class Parsed:
    """A verb's flags by their long names, and its other words."""

    verb: str
    flags: _Flags = field(default_factory=_Flags)
    words: list[str] = field(default_factory=list)

    def on(self, name: str) -> bool:
        """Whether a switch is on."""
        return bool(self.flags.get(name, False))

    def text(self, name: str, default: str = "") -> str:
        """The value of a flag, or the default."""
        return str(self.flags.get(name, default))

    def all(self, name: str) -> list[str]:
        """Every value of a flag that may come several times."""
        return list(self.flags.get(name, ()))

    def ignored(self) -> list[str]:
        """Flags that were given and that nobody looked up until now; each is told once."""
        names = sorted(set(self.flags) - self.flags.read - _INVISIBLE)
        self.flags.read.update(names)
        return names

    def number(self, name: str) -> int | None:
        """The value of a numeric flag, or None."""
        value = self.flags.get(name)
        return None if value is None else int(value)


def shown_name(verb: str) -> str:
    """The verb as docker names it in its messages: since BuildKit `docker build` is `docker buildx build`."""
    if verb in OWN_VERBS and " " not in verb:
        return f"dockerlab {verb}"
    return "docker buildx build" if verb in ("build", "image build", "builder build") else f"docker {verb}".strip()


def usage_line(verb: str) -> str:
    """`Usage:  docker ps [OPTIONS]`."""
    return f"Usage:  {shown_name(verb)} {table()[verb]['usage']}".rstrip()


def usage_error(verb: str, message: str, code: int, hint: str = "") -> UsageError:
    """A mistake on the command line, with the verb's usage below it."""
    tail = f"\n\n{usage_line(verb)}\n\nRun '{shown_name(verb)} --help' for more information"
    return UsageError(message + tail, exit_code=code, hint=hint)


class _Reader:
    def __init__(self, verb: str, extra: dict[str, Any]) -> None:
        self.verb = verb
        self.flags: dict[str, dict[str, Any]] = {**(table()[verb].get("flags") or {}), **extra}
        self.short = {spec["short"]: name for name, spec in self.flags.items() if spec.get("short")}
        self.out = Parsed(verb)

    def store(self, name: str, value: str, written: str) -> None:
        kind = self.flags[name]["type"]
        label = f"-{self.flags[name]['short']}, --{name}" if self.flags[name].get("short") else f"--{name}"
        if kind == "bool":
            if value not in TRUE | FALSE:
                raise usage_error(
                    self.verb, f'invalid argument "{value}" for "{label}" flag: strconv.ParseBool: parsing "{value}": invalid syntax', 125
                )
            self.out.flags[name] = value in TRUE
        elif kind in _WHOLE:
            if not re.fullmatch(r"-?\d+", value) or (kind != "int" and value.startswith("-")):
                what = "ParseInt" if kind == "int" else "ParseUint"
                raise usage_error(
                    self.verb, f'invalid argument "{value}" for "{label}" flag: strconv.{what}: parsing "{value}": invalid syntax', 125
                )
            self.out.flags[name] = int(value)
        elif kind in _LISTS:
            self.out.flags.setdefault(name, []).append(value)
        else:
            self.out.flags[name] = value

    def unknown(self, name: str) -> UsageError:
        from difflib import get_close_matches

        close = get_close_matches(name, list(self.flags), 1)
        return usage_error(self.verb, f"unknown flag: --{name}", 125, f"did you mean --{close[0]}?" if close else "")

    def read(self, words: list[str]) -> Parsed:
        words = list(words)
        while words:
            word = words.pop(0)
            if word == "--":
                self.out.words += words
                break
            if word.startswith("--"):
                self._long(word[2:], words)
            elif word.startswith("-") and word != "-":
                self._short(word, words)
            else:
                self.out.words.append(word)
                if self.verb in _STOP_AT_FIRST_WORD:
                    self.out.words += words
                    break
        return self.out

    def _long(self, text: str, words: list[str]) -> None:
        name, equals, value = text.partition("=")
        if name == "help" and name not in self.flags:
            self.out.flags["help"] = True
            return
        if name not in self.flags:
            raise self.unknown(name)
        if equals:
            self.store(name, value, f"--{name}")
        elif self.flags[name]["type"] == "bool" or self.flags[name].get("optional"):
            self.store(name, self.flags[name].get("optional", "true"), f"--{name}")
        elif words:
            self.store(name, words.pop(0), f"--{name}")
        else:
            raise usage_error(self.verb, f"flag needs an argument: --{name}", 125)

    def _short(self, word: str, words: list[str]) -> None:
        rest = word[1:]
        while rest:
            letter, rest = rest[0], rest[1:]
            if letter not in self.short:
                if letter == "h":
                    self.out.flags["help"] = True
                    continue
                raise usage_error(self.verb, f"unknown shorthand flag: '{letter}' in {word}", 125)
            name = self.short[letter]
            if self.flags[name]["type"] == "bool":
                if rest.startswith("="):
                    self.store(name, rest[1:], word)
                    return
                self.store(name, "true", word)
                continue
            if rest:
                self.store(name, rest.removeprefix("="), word)
            elif words:
                self.store(name, words.pop(0), word)
            else:
                raise usage_error(self.verb, f"flag needs an argument: '{letter}' in {word}", 125)
            return


def parse(verb: str, words: list[str], extra: dict[str, Any] | None = None) -> Parsed:
    """Read a verb's words; `extra` are flags of ours ({"json": {"type": "bool"}}). UsageError (125) for a flag that docker has not."""
    return _Reader(verb, extra or {}).read(words)


def _limits(usage: str) -> tuple[int, int | None]:
    first = usage.split("\n")[0].replace("[OPTIONS]", " ").strip()
    least, most = 0, 0
    for token in re.findall(r"\[[^\[\]]*(?:\[[^\]]*\][^\[\]]*)*\]|[^\s\[\]]+(?:\[[^\]]*\])*", first):
        if token.startswith("["):
            if "..." in token or token == "[ps OPTIONS]":
                return least, None
            most += 1
        elif token == "|" or token.startswith("|"):
            continue
        else:
            least += 1
            most += 1
    return least, most


def _words(count: int) -> str:
    return f"{count} argument" + ("" if count == 1 else "s")


def check_count(parsed: Parsed) -> None:
    """UsageError (1) in docker's words if there are too few or too many words."""
    verb, have = parsed.verb, len(parsed.words)
    if verb in ("build", "image build", "builder build"):
        limits: tuple[int, int | None] = (1, 1)
    else:
        limits = _limits(table()[verb]["usage"])
    least, most = limits
    if least <= have and (most is None or have <= most):
        return
    if most == 0:
        said = "accepts no arguments"
    elif most is None:
        said = f"requires at least {_words(least)}"
    elif least == most:
        said = f"requires {_words(least)}"
    elif least:
        said = f"requires at least {least} and at most {_words(most)}"
    else:
        said = f"requires at most {_words(most)}"
    raise usage_error(verb, f"docker: '{shown_name(verb)}' {said}", 1)

"""Instructions that change only the configuration: no layer, one line of history each — and `docker commit --change`, which takes the same."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any

from dockerlab.build.state import StageState
from dockerlab.build.wording import quoted_list
from dockerlab.data import replace
from dockerlab.dockerfile import Instruction
from dockerlab.dockerfile.grammar import duration
from dockerlab.errors import DockerfileError, DockerlabError
from dockerlab.oci import environment_of
from dockerlab.oci.ports import container_ports
from dockerlab.oci.signals import signal_number


def shell_of(config: dict[str, Any]) -> list[str]:
    """The words before a command in shell form."""
    return list(config.get("Shell") or ["/bin/sh", "-c"])


def command_words(instruction: Instruction, config: dict[str, Any]) -> list[str]:
    """The words of CMD, ENTRYPOINT or RUN: as they are in exec form, behind the shell in shell form."""
    if instruction.exec_form:
        return list(instruction.words)
    return [*shell_of(config), instruction.words[0] if instruction.words else ""]


def apply(instruction: Instruction, state: StageState) -> str:
    """Change the configuration; the history's text. ValueError in BuildKit's words if a value is impossible."""
    handler = _HANDLERS[instruction.keyword]
    return handler(instruction, state)


def declare(instruction: Instruction, state: StageState, argument: Callable[[str, Callable[[str], str]], tuple[str, str | None]]) -> str:
    """ARG: what `argument` (a plan's) says of each of its words; the history's text."""
    shown = []
    for word in instruction.words:
        name, value = argument(word, state.expand().word)
        state.arguments.pop(name, None)
        state.arguments[name] = value
        if value is not None:
            state.scope[name] = value
        shown.append(name if value is None else f"{name}={value}")
    return "ARG " + " ".join(shown)


def _env(instruction: Instruction, state: StageState) -> str:
    scope = state.expand()
    pairs = [(scope.word(key), scope.word(value)) for key, value in instruction.pairs]
    for key, value in pairs:
        state.set_env(key, value)
    return "ENV " + " ".join(f"{key}={value}" for key, value in pairs)


def _label(instruction: Instruction, state: StageState) -> str:
    scope = state.expand()
    pairs = [(scope.word(key), scope.word(value)) for key, value in instruction.pairs]
    state.config["Labels"] = {**(state.config.get("Labels") or {}), **dict(pairs)}
    return "LABEL " + " ".join(f"{key}={value}" for key, value in pairs)


def _cmd(instruction: Instruction, state: StageState) -> str:
    words = command_words(instruction, state.config)
    state.config["Cmd"], state.config["ArgsEscaped"] = words, True  # BuildKit writes this one for Windows, whatever the platform
    state.cmd_set = True
    return "CMD " + quoted_list(words)


def _entrypoint(instruction: Instruction, state: StageState) -> str:
    words = command_words(instruction, state.config)
    state.config["Entrypoint"] = words
    if not state.cmd_set:  # a CMD that the base brought was written for the base's entrypoint
        state.config.pop("Cmd", None)
    return "ENTRYPOINT " + quoted_list(words)


def _user(instruction: Instruction, state: StageState) -> str:
    state.config["User"] = user = state.expand().word(instruction.words[0])
    return f"USER {user}"


def _expose(instruction: Instruction, state: StageState) -> str:
    scope = state.expand()
    found = [port for word in sorted(instruction.words) for one in filter(None, scope.words(word)) for port in container_ports(one)]
    exposed = dict(state.config.get("ExposedPorts") or {})
    exposed.update({port: {} for port in found})
    state.config["ExposedPorts"] = {port: {} for port in sorted(exposed)}
    return f"EXPOSE [{' '.join(found)}]"


def _volume(instruction: Instruction, state: StageState) -> str:
    scope = state.expand()
    paths = [scope.word(word) for word in instruction.words]
    if not all(paths):
        raise ValueError("VOLUME specified can not be an empty string")
    volumes = {**(state.config.get("Volumes") or {}), **{path: {} for path in paths}}
    state.config["Volumes"] = {path: {} for path in sorted(volumes)}
    return f"VOLUME [{' '.join(paths)}]"


def _stopsignal(instruction: Instruction, state: StageState) -> str:
    text = state.expand().word(instruction.words[0])
    signal_number(text)
    state.config["StopSignal"] = text
    return f"STOPSIGNAL {text}"


def _shell(instruction: Instruction, state: StageState) -> str:
    state.config["Shell"] = list(instruction.words)
    return f"SHELL [{' '.join(instruction.words)}]"


def _maintainer(instruction: Instruction, state: StageState) -> str:
    state.author = " ".join(instruction.words)
    return f"MAINTAINER {state.author}"


def _go_duration(nanoseconds: int) -> str:
    if not nanoseconds:
        return "0s"
    seconds = nanoseconds / 1_000_000_000
    if seconds < 1:
        return f"{nanoseconds / 1_000_000:g}ms"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    out = f"{int(hours)}h" if hours else ""
    out += f"{int(minutes)}m" if hours or minutes else ""
    return out + f"{rest:g}s"


def _healthcheck(instruction: Instruction, state: StageState) -> str:
    words = list(instruction.words)
    options = {"interval": 0, "timeout": 0, "start-period": 0, "start-interval": 0}
    retries = 0
    for name, value in instruction.flags:
        if name == "retries":
            retries = int(value)
        else:
            options[name] = duration(value)
    if words[0].upper() == "NONE":
        test = ["NONE"]
    elif instruction.exec_form:
        test = ["CMD", *words[1:]]
    else:
        test = ["CMD-SHELL", " ".join(words[1:])]
    health: dict[str, Any] = {"Test": test}
    for key, name in (
        ("Interval", "interval"),
        ("Timeout", "timeout"),
        ("StartPeriod", "start-period"),
        ("StartInterval", "start-interval"),
    ):
        if options[name]:
            health[key] = options[name]
    if retries:
        health["Retries"] = retries
    state.config["Healthcheck"] = health
    times = " ".join(f'"{_go_duration(options[name])}"' for name in ("interval", "timeout", "start-period", "start-interval"))
    return f"HEALTHCHECK &{{{quoted_list(test)} {times} '\\x{retries:02x}'}}"


def _onbuild(instruction: Instruction, state: StageState) -> str:
    state.config["OnBuild"] = [*(state.config.get("OnBuild") or []), instruction.words[0]]
    return ""  # BuildKit leaves no line in the history


_HANDLERS = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
}
KEYWORDS = frozenset(_HANDLERS)
"""The instructions of this module."""


def triggers(config: dict[str, Any], line: int, last: int = 0) -> list[Instruction]:
    """The instructions that a base left for its children, taken out of the configuration; they stand where FROM does. DockerfileError for what is none."""
    from dockerlab.dockerfile.parser import parse_trigger

    found = config.pop("OnBuild", None) or []
    return [replace(parse_trigger(text), first=line, last=last or line) for text in found]


def workdir(instruction: Instruction, state: StageState) -> str:
    """The new working directory, absolute; the text as it stands in the history is `WORKDIR PATH`."""
    path = state.expand().word(instruction.words[0])
    if not path.startswith("/"):
        before = state.config.get("WorkingDir") or "/"
        path = posixpath.normpath(before.rstrip("/") + "/" + path)
    return path


def apply_change(config: dict[str, Any], text: str) -> dict[str, Any]:
    """A configuration after one `docker commit --change`. DockerlabError in docker's words for an instruction that makes a layer."""
    from dockerlab.dockerfile.parser import parse_trigger

    keyword = text.split()[0].upper() if text.split() else ""
    if keyword not in {"CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}:
        raise DockerlabError(
            f"{keyword} is not a valid change command",
            hint="one of CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR",
        )
    try:
        instruction = parse_trigger(text)
        state = StageState("", {key: value for key, value in config.items()}, [], [], "")
        state.scope = environment_of(config)
        state.cmd_set = True
        if instruction.keyword == "WORKDIR":
            state.config["WorkingDir"] = workdir(instruction, state)
        else:
            apply(instruction, state)
    except DockerfileError as error:
        raise DockerlabError(error.message) from None
    except ValueError as error:
        raise DockerlabError(str(error)) from None
    return {key: value for key, value in state.config.items() if key != "ArgsEscaped" or key in config}

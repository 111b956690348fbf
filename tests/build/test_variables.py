"""ARG and ENV line by line: what is told with nothing built is what a build, its container and its history have."""

from __future__ import annotations

import json
import random
import re

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.engine.specs import BuildOptions
from dockerlab.errors import BuildError
from tests.conftest import Docker, build

OF_THE_SHELL = {"HOME", "PWD", "OLDPWD", "SHLVL", "_", "HOSTNAME"}
FIXED = {
    "a global argument is for FROM lines": "ARG A=1\nFROM busybox\nRUN env\nARG A\nRUN env\n",
    "the later of ARG and ENV wins at build": "FROM busybox\nENV A=env\nARG A=arg\nRUN env\nENV A=again\nRUN env\n",
    "an ARG without a value": "FROM busybox\nARG A\nRUN env\nENV B=${A:-none}\nRUN env\n",
    "a stage on a stage has its ARGs": "FROM busybox AS one\nARG A=1\nENV B=2\nFROM one\nRUN env\nARG A=3\nRUN env\n",
    "a stage beside it has nothing": "FROM busybox AS one\nARG A=1\nENV B=2\nFROM busybox\nRUN env\nCOPY --from=one /bin/sh /x\n",
    "platforms are there if asked for": "FROM busybox\nRUN env\nARG TARGETARCH BUILDPLATFORM\nRUN env\n",
    "values are expanded where they stand": "FROM busybox\nARG A=x\nENV B=\"$A y\" C='$A' D=\\$A\nRUN env\n",
    "what a base says first": "FROM base:1\nENV OF_BASE=mine\nARG PATH\nRUN env\nWORKDIR /w/$OF_BASE\nUSER root\nLABEL a=$OF_BASE\n",
    "a trigger of the base": "FROM triggers:1\nRUN env\n",
}


def some_dockerfile(seed: int) -> str:
    """Instructions about four names, in up to three stages."""
    dice = random.Random(seed)
    names = ["A", "B", "C", "D"]

    def value() -> str:
        return dice.choice(["1", "two", "$A", "${B:-b}", "${C:+c}x", "$D$A", "''"])

    lines = [f"ARG {name}={value()}" for name in dice.sample(names, dice.randrange(3))]
    for stage in range(dice.randrange(1, 4)):
        lines.append(f"FROM {dice.choice(['busybox', *(f's{n}' for n in range(stage))])} AS s{stage}")
        for _ in range(dice.randrange(2, 6)):
            name = dice.choice(names)
            kind = dice.randrange(4)
            lines.append(
                f"ARG {name}"
                if kind == 0
                else f"ARG {name}={value()}"
                if kind == 1
                else f"ENV {name}={value()}"
                if kind == 2
                else "RUN env"
            )
        lines.append("RUN env")
    return "\n".join(lines) + "\n"


@pytest.fixture
def bases(docker: Docker) -> None:
    assert build(docker, "FROM busybox\nENV OF_BASE=1 OTHER=2\n", tag="base:1").code == 0
    assert build(docker, "FROM busybox\nONBUILD ARG A=of-trigger\nONBUILD ENV B=$A\n", tag="triggers:1").code == 0


@pytest.mark.parametrize("text", [*FIXED.values(), *map(some_dockerfile, range(20))], ids=[*FIXED, *map(str, range(20))])
@pytest.mark.parametrize("given", [{}, {"A": "given", "D": ""}], ids=["defaults", "given"])
def test_a_build_has_what_was_told(docker: Docker, engine: EmbeddedEngine, bases: None, text: str, given: dict[str, str]) -> None:
    told = engine.variables(BuildOptions(context=None, dockerfile_text=text, build_args=dict(given)))
    flags = [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]
    # each RUN says what it has, and on which line it stands
    lines = [f"RUN echo line {n}; env" if line == "RUN env" else line for n, line in enumerate(text.splitlines(), 1)]
    built = build(docker, "\n".join(lines) + "\n", "--progress=plain", "--no-cache", *flags)
    assert built.code == 0, built.err
    said: dict[int, dict[str, str]] = {}
    at: dict[str, int] = {}
    for step, out in re.findall(r"(?m)^#(\d+) [\d.]+ (.*)$", built.err):
        if found := re.fullmatch(r"line (\d+)", out):
            at[step] = int(found[1])
            said[at[step]] = {}
        else:
            name, _, value = out.partition("=")
            said[at[step]][name] = value
    runs = {line.number: line for line in told.lines if line.text == "RUN env"}
    assert said.keys() == runs.keys()
    for number, environment in said.items():
        expected = {name: one.value for name, one in runs[number].visible.items() if one.value is not None}
        assert {name: value for name, value in environment.items() if name not in OF_THE_SHELL} == expected, f"line {number}"
    image = json.loads(docker("image", "inspect", "t:1").out)[0]
    assert dict(pair.partition("=")[::2] for pair in image["Config"]["Env"]) == told.at_run
    history = [line["CreatedBy"].removesuffix(" # buildkit") for line in reversed(engine.history("t:1"))]
    for name in told.names:
        readable = [re.sub(r"echo line \d+; env", "env", line) for line in history if f" {name}=" in line]
        own = [line for line in readable if not line.startswith("ENV OF_BASE=1")]
        assert own == list(told.readable.get(name, ())), name


@pytest.mark.parametrize(
    ("text", "unseen"),
    [
        ("ARG A=1\nFROM busybox\nRUN echo $A\n", [(3, "A", 1, False, False)]),
        ("FROM busybox AS one\nARG A=1\nFROM busybox\nLABEL a=$A\nCOPY --from=one /bin/sh /\n", [(4, "A", 2, False, False)]),
        ("FROM busybox\nARG A=1\nCMD echo $A\n", [(3, "A", 2, True, True)]),
        ("FROM busybox\nARG A=1\nENV A=$A\nCMD echo $A\n", []),
        ('FROM busybox\nARG A=1\nCMD ["echo", "$A"]\n', []),
        ("FROM busybox\nARG A\nRUN echo $A\n", []),
        ("FROM busybox\nRUN for i in a; do echo $i; done\nARG i=1\n", []),
        ("ARG A=1\nFROM busybox\nRUN echo '$A'\n", []),
        ("FROM busybox AS one\nARG A=1\nFROM busybox\nCOPY --from=one /bin/sh /\nENTRYPOINT echo $A\n", [(5, "A", 2, True, False)]),
    ],
)
def test_who_asks_in_vain_is_named(engine: EmbeddedEngine, text: str, unseen: list[tuple[int, str, int, bool, bool]]) -> None:
    found = engine.variables(BuildOptions(context=None, dockerfile_text=text)).unseen
    assert [(one.line, one.name, one.declared, one.at_run, one.here) for one in found] == unseen


def test_arguments_that_nobody_declares_are_named(engine: EmbeddedEngine) -> None:
    text = "FROM busybox AS other\nARG IN_OTHER\nFROM busybox\nARG A=1\nARG A=2\n"
    given = {"A": "3", "B": "1", "HTTP_PROXY": "http://localhost", "IN_OTHER": "1"}
    found = engine.variables(BuildOptions(context=None, dockerfile_text=text, build_args=given))
    assert found.unused == ("B",) and found.arguments == {"A": "3"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM nosuch-image\n", "nosuch-image"),
        ("FROM busybox\nARG A=${\n", "Dockerfile:2"),
        ("FROM busybox\nENV A=${B:?needed}\n", "needed"),
    ],
)
def test_what_a_build_would_refuse_is_refused_in_its_place(engine: EmbeddedEngine, text: str, said: str) -> None:
    with pytest.raises(BuildError) as caught:
        engine.variables(BuildOptions(context=None, dockerfile_text=text))
    assert said in f"{caught.value.message}\n{caught.value.excerpt}" and "Dockerfile:" in caught.value.excerpt

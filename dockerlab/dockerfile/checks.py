"""Build checks: what is allowed, but probably not meant — under BuildKit's names, with its words and lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dockerlab.dockerfile.model import Dockerfile


@dataclass(frozen=True)
class BuildCheck:
    """One warning."""

    rule: str
    detail: str
    lines: tuple[int, ...] = ()
    description: str = ""

    @property
    def url(self) -> str:
        """Docker's page about the rule."""
        import re

        return "https://docs.docker.com/go/dockerfile/rule/" + re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", self.rule).lower() + "/"


def warnings(dockerfile: Dockerfile, given: set[str]) -> Iterator[BuildCheck]:
    """Every warning of a file; `given` are the names of build arguments."""
    yield from ()

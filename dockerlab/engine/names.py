"""Names of containers: which are allowed, and readable pairs for those that were given none."""

from __future__ import annotations

import re
import secrets

from dockerlab.errors import UsageError

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+\Z")
_ADJECTIVES = (
    "able brave bright busy calm clear clever curious eager early easy fair fast fine fresh gentle glad grand happy honest keen kind late light "
    "lively lucky mellow merry modest neat nimble patient plain polite proud quick quiet rapid ready sharp shiny simple sleepy smart snappy "
    "solid steady sunny swift tidy tiny vivid warm wise witty young"
).split()
_NOUNS = (
    "anchor badger barge beacon beaver bison boat bridge canoe castle cedar cliff comet coral crane dolphin dune eagle falcon fern ferry finch "
    "forest fox glacier harbor hawk heron island jetty lagoon lake lantern lark lighthouse maple meadow moon narwhal oak orca otter owl panda "
    "pelican pier pine planet puffin raven reef river robin sail salmon seal shell spruce squid star stork tide tiger tulip turtle valley whale willow wolf"
).split()


def check_name(name: str) -> str:
    """The name itself. UsageError in docker's words if it is not allowed."""
    if not _NAME.match(name):
        raise UsageError(
            f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
            hint="use at least two letters, digits, dots, dashes or underscores",
        )
    return name


def made_up_name() -> str:
    """Such as `steady_heron`."""
    return f"{secrets.choice(_ADJECTIVES)}_{secrets.choice(_NOUNS)}"

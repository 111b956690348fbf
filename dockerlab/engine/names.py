"""Names of containers: which are allowed, and readable pairs for those that were given none."""

from __future__ import annotations

import os
import re

from dockerlab.engine.records import Records
from dockerlab.errors import ConflictError, UsageError

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+\Z")
_ADJECTIVES = [
    "able",
    "brave",
    "bright",
    "busy",
    "calm",
    "clear",
    "clever",
    "curious",
    "eager",
    "early",
    "easy",
    "fair",
    "fast",
    "fine",
    "fresh",
    "gentle",
    "glad",
    "grand",
    "happy",
    "honest",
    "keen",
    "kind",
    "late",
    "light",
    "lively",
    "lucky",
    "mellow",
    "merry",
    "modest",
    "neat",
    "nimble",
    "patient",
    "plain",
    "polite",
    "proud",
    "quick",
    "quiet",
    "rapid",
    "ready",
    "sharp",
    "shiny",
    "simple",
    "sleepy",
    "smart",
    "snappy",
    "solid",
    "steady",
    "sunny",
    "swift",
    "tidy",
    "tiny",
    "vivid",
    "warm",
    "wise",
    "witty",
    "young",
]
_NOUNS = [
    "anchor",
    "badger",
    "barge",
    "beacon",
    "beaver",
    "bison",
    "boat",
    "bridge",
    "canoe",
    "castle",
    "cedar",
    "cliff",
    "comet",
    "coral",
    "crane",
    "dolphin",
    "dune",
    "eagle",
    "falcon",
    "fern",
    "ferry",
    "finch",
    "forest",
    "fox",
    "glacier",
    "harbor",
    "hawk",
    "heron",
    "island",
    "jetty",
    "lagoon",
    "lake",
    "lantern",
    "lark",
    "lighthouse",
    "maple",
    "meadow",
    "moon",
    "narwhal",
    "oak",
    "orca",
    "otter",
    "owl",
    "panda",
    "pelican",
    "pier",
    "pine",
    "planet",
    "puffin",
    "raven",
    "reef",
    "river",
    "robin",
    "sail",
    "salmon",
    "seal",
    "shell",
    "spruce",
    "squid",
    "star",
    "stork",
    "tide",
    "tiger",
    "tulip",
    "turtle",
    "valley",
    "whale",
    "willow",
    "wolf",
]


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
    first, second = os.urandom(4), os.urandom(4)
    return f"{_ADJECTIVES[int.from_bytes(first) % len(_ADJECTIVES)]}_{_NOUNS[int.from_bytes(second) % len(_NOUNS)]}"


def take_name(records: Records, name: str, identifier: str) -> str:
    """Take this name for a container, or one that is made up. ConflictError if somebody has it."""
    if name:
        records.claim_name(name, identifier)
        return name
    while True:
        made_up = made_up_name()
        try:
            records.claim_name(made_up, identifier)
            return made_up
        except ConflictError:
            continue

"""What each prediction of the course is compared with when its experiment has been made as the lab says: the letter that is true of Docker."""

from collections.abc import Collection

from dockerlab.course.predictions import NOT_HERE

OUTCOMES = {
    "tour": {"inside": "c"},
    "layers": {"base": "b", "instructions": "c", "containers": "c", "third": "b", "deleted": "a", "chmod": "c", "cache": "c"},
    "commit": {"undone": "c", "path": "c", "old": "a", "starts": "b", "volume": "c", "latest": "b", "history": "b"},
    "build": {"cmd": "c", "cmds": "c", "classic": "a", "cd": "a", "stamp": "b", "fewer": "b", "mount": "c"},
    "context": {
        "dot": "c", "sent": "b", "depth": "b", "named": "c", "wildcard": "b", "order": "b", "path": "b", "parent": "b", "own": "c", "itself": "c", "add": "b",
    },
    "directives": {
        "settings": "c", "workdir": "b", "volume": "c", "arg": "b", "two": "b", "scope": "c", "again": "b", "secret": "c", "words": "b", "shell": "b",
        "exec": "c", "dropped": "b", "expose": "c",
    },
    "multistage": {"compiler": "c", "removed": "b", "left": "a", "alone": "c", "tests": "b", "disk": "a", "argument": "b"},
    "capstone": {"token": "c", "again": "b", "user": "a", "stop": "b"},
}  # fmt: skip


NEEDS = {"commit-volume": "mounts", "layers-containers": "overlay_roots", "directives-expose": "own_network"}
"""Of doctor's capabilities the one without which an experiment shows something else."""


def outcomes_of(lab: str, emulated: Collection[str] = ()) -> dict[str, str]:
    """Prediction → letter, in the order of the lab; NOT_HERE for what can't be shown where these capabilities are emulated."""
    found = {f"{lab}-{name}": letter for name, letter in OUTCOMES[lab].items()}
    return {name: NOT_HERE if NEEDS.get(name) in emulated else letter for name, letter in found.items()}

"""What a process of a container finds in its environment: docker's own variables, the image's, the user's."""

from __future__ import annotations

from typing import Any

from dockerlab.oci.config import DEFAULT_PATH

Json = dict[str, Any]


def process_environment(config: Json, home: str, *, terminal: bool, extra: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What a process of the container finds: docker's own variables, in their place what the container's Config says, then `extra` (exec's -e).

    `home` is the user's folder, for a HOME that nobody set.
    """
    found = {"PATH": DEFAULT_PATH, "HOSTNAME": f"{config['Hostname']}", **({"TERM": "xterm"} if terminal else {})}
    for pair in (*(config["Env"] or ()), *extra):
        name, equals, value = pair.partition("=")
        if equals:
            found[name] = value
        else:
            found.pop(name, None)
    return tuple(f"{name}={value}" for name, value in {**found, "HOME": found.get("HOME", home)}.items())

"""Platforms as `--platform` takes them: `linux/amd64`, `linux/arm/v7`, `arm64`. (containerd/platforms)"""

from __future__ import annotations

import re

_SYSTEMS = frozenset(
    [
        "aix",
        "android",
        "darwin",
        "dragonfly",
        "freebsd",
        "hurd",
        "illumos",
        "ios",
        "js",
        "linux",
        "nacl",
        "netbsd",
        "openbsd",
        "plan9",
        "solaris",
        "windows",
        "zos",
    ]
)
_MACHINES = frozenset(
    [
        "386",
        "amd64",
        "amd64p32",
        "arm",
        "armbe",
        "arm64",
        "arm64be",
        "loong64",
        "mips",
        "mipsle",
        "mips64",
        "mips64le",
        "mips64p32",
        "mips64p32le",
        "ppc",
        "ppc64",
        "ppc64le",
        "riscv",
        "riscv64",
        "s390",
        "s390x",
        "sparc",
        "sparc64",
        "wasm",
    ]
)
_ALIASES = {"i386": "386", "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm/v7", "armel": "arm/v6"}
_PART = re.compile(r"[A-Za-z0-9_.-]+\Z")


def parse_platform(text: str, own_machine: str) -> str:
    """`os/architecture`, with a variant if there is one. ValueError in docker's words for what is none; `own_machine` fills in a missing architecture."""
    parts = text.split("/")
    if len(parts) > 3 or not all(_PART.match(part) for part in parts):
        raise ValueError(f'"{text}" is an invalid platform: invalid argument')
    parts = [part.lower() for part in parts]
    if len(parts) == 1:
        if parts[0] in _SYSTEMS:
            return f"{parts[0]}/{own_machine}"
        machine = _ALIASES.get(parts[0], parts[0])
        if machine.split("/")[0] not in _MACHINES:
            raise ValueError(f'"{text}": unknown operating system or architecture: invalid argument')
        return f"linux/{machine}"
    system, machine, *variant = parts
    machine = _ALIASES.get(machine, machine)
    if variant == ["v8"] and machine == "arm64":
        variant = []  # there is no other
    return "/".join(["darwin" if system == "macos" else system, machine, *variant])

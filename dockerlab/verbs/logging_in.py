"""Verbs about a user's passwords for registries: login, logout. They are kept where docker keeps them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dockerlab.errors import RegistryError, UsageError
from dockerlab.oci.reference import HUB
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed

if TYPE_CHECKING:
    from dockerlab.engine import Engine

_LONGEST = 64 << 10


def login(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker login [-u NAME] [-p PASSWORD | --password-stdin] [SERVER]`."""
    from dockerlab.transfer.registry.credentials import Credentials, keep
    from dockerlab.transfer.registry.endpoints import endpoint_of

    domain = _domain(parsed)
    key = endpoint_of(domain).key
    name, password = parsed.text("username"), parsed.text("password")
    if not (name or password or parsed.on("password-stdin")) and _with_what_is_kept(domain, key, engine, terminal):
        return 0
    if parsed.on("password-stdin"):
        if password:
            raise UsageError("--password and --password-stdin are mutually exclusive", exit_code=1)
        if not name:
            raise UsageError("the --password-stdin option requires --username to be set", exit_code=1)
        password = _standard_input(terminal).rstrip("\r\n")
    elif password:
        terminal.complain("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    if not name or not password:
        name, password = _asked_for(terminal, name, password)
    credentials = Credentials(name, password)
    engine.login(domain, credentials)
    if (file := keep(key, credentials)) is not None:
        terminal.complain(
            f"\nWARNING! Your credentials are stored unencrypted in '{file}'.\nConfigure a credential helper to remove this warning. See\n"
            "https://docs.docker.com/go/credential-store/\n"
        )
    terminal.line("Login Succeeded")
    return 0


def _with_what_is_kept(domain: str, key: str, engine: Engine, terminal: Terminal) -> bool:
    """Whether the password that is kept for this registry is still right; if not, another is asked for."""
    from dockerlab.transfer.registry.credentials import find

    known = find(key)
    if known is None or not known.username or not known.password:
        return False
    terminal.complain(
        f"Authenticating with existing credentials... [Username: {known.username}]\n\n"
        " Info -> To login with a different account, run 'docker logout' followed by 'docker login'\n"
    )
    try:
        engine.login(domain, known)
    except RegistryError as error:
        terminal.complain(f"Login did not succeed, error: {error.message}")
        return False
    terminal.line("Login Succeeded")
    return True


def logout(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker logout [SERVER]`."""
    from dockerlab.transfer.registry.credentials import forget
    from dockerlab.transfer.registry.endpoints import endpoint_of

    key = endpoint_of(_domain(parsed)).key
    terminal.line(f"Removing login credentials for {key}" if forget(key) else f"Not logged in to {key}")
    return 0


def _domain(parsed: Parsed) -> str:
    """The registry that is meant, however its address is written."""
    server = parsed.words[0] if parsed.words else HUB
    host = server.rpartition("://")[2].partition("/")[0]
    return HUB if host in ("", HUB, "index.docker.io", "registry-1.docker.io") else host


def _standard_input(terminal: Terminal) -> str:
    from dockerlab.verbs.images import stdin_of

    with stdin_of(terminal) as file:
        return file.read(_LONGEST).decode("utf-8", "replace")


def _asked_for(terminal: Terminal, name: str, password: str) -> tuple[str, str]:
    if terminal.stdin is None or not os.isatty(terminal.stdin):
        raise UsageError(
            "cannot perform an interactive login from a non-TTY device",
            hint="dockerlab login -u NAME --password-stdin < FILE",
            exit_code=1,
        )
    from getpass import getpass

    name = name or input("Username: ").strip()
    if not name:
        raise UsageError("username is required", exit_code=1)
    password = password or getpass("Password: ")
    if not password:
        raise UsageError("password is required", exit_code=1)
    return name, password

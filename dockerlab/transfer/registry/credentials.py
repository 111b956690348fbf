"""A user's passwords for registries, in Docker's own configuration: DOCKER_CONFIG, else ~/.docker, its config.json.

`auths` has them as base64, `credsStore` and `credHelpers` name programs that keep them (`docker-credential-X`). What `docker login` has written is found here,
and what is written here `docker` finds. (docker/cli: cli/config/credentials; docker-credential-helpers)
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError
from dockerlab.transfer.registry.endpoints import HUB_KEY

Json = dict[str, Any]
_LARGEST = 1 << 20
_PATIENCE = 30.0
"""Seconds that a helper may take: one that asks a key ring may have to ask somebody."""
_TOKEN = "<token>"
"""The user's name that says that the password is an identity token."""
_HELPER = re.compile(r"[A-Za-z0-9_.-]+\Z")


@dataclass(frozen=True)
class Credentials:
    """A name and a password, or the identity token that stands for them."""

    username: str = ""
    password: str = ""
    identity_token: str = ""

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + b64encode(f"{self.username}:{self.password}".encode()).decode()


def config_file() -> Path:
    """Docker's configuration."""
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path(os.path.expanduser("~"), ".docker")) / "config.json"


def find(key: str) -> Credentials | None:
    """What is kept for a registry, or None. DockerlabError if the configuration, or a helper, can't be asked."""
    config = _read()
    if helper := _helper_of(config, key):
        answer = _ask(helper, "get", key)
        return _credentials(str(answer.get("Username", "")), str(answer.get("Secret", ""))) if answer else None
    auths = config.get("auths")
    for name, entry in (auths if isinstance(auths, dict) else {}).items():
        if _host(name) == _host(key) and isinstance(entry, dict) and (found := _written(entry)):
            return found
    return None


def keep(key: str, credentials: Credentials) -> Path | None:
    """Remember them as `docker login` does; the file, if they are in it unencrypted."""
    config = _read()
    auths = config["auths"] if isinstance(config.get("auths"), dict) else {}
    config["auths"] = auths
    secret = credentials.identity_token or credentials.password
    name = _TOKEN if credentials.identity_token else credentials.username
    if helper := _helper_of(config, key):
        _ask(helper, "store", json.dumps({"ServerURL": key, "Username": name, "Secret": secret}))
        auths[key] = {}
        _write(config)
        return None
    if credentials.identity_token:
        auths[key] = {"auth": b64encode(f"{credentials.username}:".encode()).decode(), "identitytoken": credentials.identity_token}
    else:
        auths[key] = {"auth": b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()}
    _write(config)
    return config_file()


def forget(key: str) -> bool:
    """Forget them as `docker logout` does; whether there were any."""
    config = _read()
    found = False
    if helper := _helper_of(config, key):
        found = _ask(helper, "erase", key) is not None
    auths = config.get("auths")
    if isinstance(auths, dict):
        for name in [name for name in auths if _host(name) == _host(key)]:
            del auths[name]
            found = True
        _write(config)
    return found


def _host(key: str) -> str:
    """What an entry is about: it may be written as an address, and Docker Hub's always is."""
    return key.rpartition("://")[2].partition("/")[0]


def _read() -> Json:
    path = config_file()
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise DockerlabError(f"Docker's configuration {path} can't be read: {os.strerror(error.errno or 0).lower()}") from None
    try:
        found = json.loads(data) if len(data) <= _LARGEST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DockerlabError(f"Docker's configuration {path} is damaged: it is no JSON object", hint="mend it, or move it away")
    return found


def _write(config: Json) -> None:
    path = config_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = Path(os.path.realpath(path))  # the configuration may be a link to where somebody keeps it
    aside = target.with_name(f"{target.name}.{os.urandom(4).hex()}~")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(config, file, indent="\t")
        os.replace(aside, target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _helper_of(config: Json, key: str) -> str:
    helpers = config.get("credHelpers")
    named = (helpers if isinstance(helpers, dict) else {}).get(_host(key) if key != HUB_KEY else key)
    return str(named or config.get("credsStore") or "")


def _credentials(name: str, secret: str) -> Credentials | None:
    if not secret:
        return None
    return Credentials(identity_token=secret) if name == _TOKEN else Credentials(name, secret)


def _written(entry: Json) -> Credentials | None:
    """An entry of `auths`."""
    if token := entry.get("identitytoken"):
        return Credentials(identity_token=str(token))
    if auth := entry.get("auth"):
        try:
            name, colon, password = b64decode(str(auth), validate=True).decode().rstrip("\0").partition(":")
        except ValueError:
            return None
        return Credentials(name, password) if colon else None
    return _credentials(str(entry.get("username", "")), str(entry.get("password", "")))


def _ask(helper: str, verb: str, given: str) -> Json | None:
    """What a helper says; None if it knows of nothing. DockerlabError if it can't be run, or fails otherwise."""
    if not _HELPER.match(helper):
        raise DockerlabError(f'Docker\'s configuration {config_file()} names a helper "{helper}", which is no name of a program')
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run([program, verb], input=given.encode(), capture_output=True, timeout=_PATIENCE, check=False)
    except FileNotFoundError:
        raise DockerlabError(
            f"error getting credentials - {program} is not installed, and {config_file()} says that it keeps the passwords",
            hint=f"install {program}, or take credsStore and credHelpers out of that file",
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DockerlabError(f"error getting credentials - {program} {verb}: {error}") from None
    said = done.stdout[:_LARGEST].decode("utf-8", "replace").strip()
    if done.returncode:
        if "not found" in said.lower():
            return None
        raise DockerlabError(f"error getting credentials - {program} {verb}: {said or f'exit status {done.returncode}'}")
    if verb != "get":
        return {}
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise DockerlabError(f"error getting credentials - {program} get answered no JSON object")
    return answer

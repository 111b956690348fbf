"""BuildKit at work: its trace, and the ID of the image at the end; through docker's own client where there is one, else by POST /build.

The second way has no session, over which BuildKit would ask for secrets and other contexts, and the Dockerfile travels in the context: it lies there under
a name of its own, which `COPY . .` would copy.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
from base64 import b64decode
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, cast

from dockerlab.engine.daemon.building import Order, as_json, build_arguments
from dockerlab.engine.daemon.calls import Calls, objects
from dockerlab.engine.daemon.trace import Status, read_status, status_of
from dockerlab.errors import BuildError, DockerlabError, UsageError

if TYPE_CHECKING:
    from dockerlab.build.context import BuildContext
    from dockerlab.engine.daemon.connection import Address

Json = dict[str, Any]
Trace = Generator[Status | str, None, None]
DOCKERFILE = ".dockerlab.Dockerfile"
_IN_MEMORY = 32 << 20
_PREFIXES = ("ERROR: ", "failed to build: ", "failed to solve: ")


def solve(calls: Calls, where: Address, order: Order) -> Trace:
    """The trace as it comes, and the image's ID. BuildError in BuildKit's words."""
    client = shutil.which("docker")
    if client is not None and _has_buildx(client, where):
        return _by_client(client, where, order)
    return _by_socket(calls, order)


def _environment(where: Address) -> dict[str, str]:
    kept = {
        key: value for key, value in os.environ.items() if key not in ("DOCKER_CONTEXT", "DOCKER_BUILDKIT", "BUILDX_BUILDER", "DOCKER_HOST")
    }
    return {**kept, "DOCKER_HOST": where.host, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "rawjson"}


def _has_buildx(client: str, where: Address) -> bool:
    """Whether the client can speak of a build as JSON (buildx 0.13, 2024)."""
    try:
        said = subprocess.run([client, "buildx", "build", "--help"], env=_environment(where), capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.returncode == 0 and "rawjson" in said.stdout


def _by_client(client: str, where: Address, order: Order) -> Trace:
    """docker build of the folder itself, with the Dockerfile, and what it leaves out, from a folder of our own."""
    options = order.options
    folder = order.scratch / "dockerfile"
    folder.mkdir()
    (folder / "Dockerfile").write_text(order.text, encoding="utf-8", errors="surrogateescape", newline="")
    (folder / "Dockerfile.dockerignore").write_text(_ignored(order.context), encoding="utf-8", errors="surrogateescape")
    words = [client, "build", "--progress", "rawjson", "--iidfile", str(order.scratch / "iid"), "-f", str(folder / "Dockerfile")]
    words += [word for tag in options.tags for word in ("-t", tag)]
    for name, value in build_arguments(order).items():
        words += ["--build-arg", f"{name}={value}"]
    for name, value in options.labels.items():
        words += ["--label", f"{name}={value}"]
    for number, (name, secret) in enumerate(options.secrets.items()):
        path = order.scratch / f"secret-{number}"
        path.touch(0o600)
        path.write_bytes(secret)
        words += ["--secret", f"id={name},src={path}"]
    for flag, value in (("--target", options.target), ("--platform", options.platform), ("--network", options.network)):
        words += [flag, value] if value and value != "default" else []
    words += ["--no-cache"] if options.no_cache else []
    words += ["--pull"] if options.pull else []
    words += [word for name in options.no_cache_filter for word in ("--no-cache-filter", name)]
    words += [word for one in options.add_hosts for word in ("--add-host", one)]
    words += [word for name, value in options.contexts.items() for word in ("--build-context", f"{name}={value}")]
    words.append(order.context.root)
    process = subprocess.Popen(
        words, env=_environment(where), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stderr is not None
    said: list[str] = []
    try:
        for line in process.stderr:
            try:
                yield status_of(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError):
                said.append(line.decode("utf-8", "replace").rstrip())
        if process.wait():
            raise BuildError(_message(said))
        yield (order.scratch / "iid").read_text().strip()
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)  # the client tells the daemon
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        process.stderr.close()


def _message(said: list[str]) -> str:
    """What the client says last, without what it always says before."""
    text = next(
        (line for line in reversed(said) if line.startswith("ERROR: ")),
        said[-1] if said else "the build failed, and docker does not say why",
    )
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return text


def _ignored(context: BuildContext) -> str:
    """The patterns of a context as a .dockerignore, those that it was given from elsewhere too."""
    return "".join(f"{pattern.text}\n" for pattern in context.rules.patterns)


# --- without the client


def _by_socket(calls: Calls, order: Order) -> Trace:
    options = order.options
    for name, wanted in (
        ("--secret", options.secrets),
        ("--build-context", options.contexts),
        ("--no-cache-filter", options.no_cache_filter),
    ):
        if wanted:
            raise UsageError(
                f"{name} needs docker's own client beside the daemon, and buildx in it: BuildKit asks it over a session",
                hint="install the client (docker, docker-buildx), or build with DOCKERLAB_ENGINE=embedded",
            )
    own = _in_context(order)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(order.scratch)) as file:
        write_context(order.context, cast(IO[bytes], file), {} if own else {DOCKERFILE: order.text}, own)
        file.seek(0)
        answer = calls.post("/build", as_stream=True, body=cast(IO[bytes], file), **parameters(order, own or DOCKERFILE, version="2"))
    image = ""
    try:
        for item in objects(answer):
            if item.get("id") == "moby.buildkit.trace":
                yield read_status(b64decode(item["aux"]))
            elif "error" in item:
                raise BuildError(str(item["error"]))
            elif isinstance(item.get("aux"), dict):
                image = str(item["aux"].get("ID", image))
    except DockerlabError as error:
        raise BuildError.of(error) from None
    finally:
        answer.close()  # who goes away cancels the build
    yield image


def _in_context(order: Order) -> str:
    """Where the Dockerfile lies in what is sent, word for word; "" if it does not."""
    for name in (order.options.dockerfile, order.request.dockerfile.name):
        path = os.path.relpath(os.path.join(order.context.root, name), order.context.root)
        node = order.context.lookup(path) if name and not path.startswith("..") else None
        if node is not None and node.is_file and node.read() == order.text.encode("utf-8", "surrogateescape"):
            return path
    return ""


def parameters(order: Order, dockerfile: str, version: str) -> Json:
    """The query of POST /build."""
    options = order.options
    network = {"default": None, "": None}.get(options.network, options.network)
    asked: Json = {
        "version": version,
        "dockerfile": dockerfile,
        "t": list(options.tags),
        "buildargs": as_json(build_arguments(order)),
        "labels": as_json(dict(options.labels)),
        "target": options.target,
        "platform": options.platform,
        "networkmode": network,
        "nocache": 1 if options.no_cache else None,
        "pull": 1 if options.pull else None,
        "extrahosts": as_json(list(options.add_hosts)) if version == "2" and options.add_hosts else ",".join(options.add_hosts) or None,
        "rm": 1,
        "forcerm": 1,
    }
    return {key: value for key, value in asked.items() if value not in (None, "", [])}


def write_context(context: BuildContext, out: IO[bytes], extra: dict[str, str], first: str = "") -> int:
    """The context as a tar, with texts before it that lie nowhere on the disk; how many bytes. (As docker's client sends it: root's, links as they are.)

    `first`: a file of the context that comes first. BuildKit takes the body for a tar only if its first block is a whole header, as a short name's is.
    """
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in extra.items():
            data = text.encode("utf-8", "surrogateescape")
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o600
            with tempfile.TemporaryFile() as file:
                file.write(data)
                file.seek(0)
                tar.addfile(member, file)
        for node in sorted(_nodes(context), key=lambda node: node.path.lstrip("/") != first):
            member = tar.gettarinfo(node.real, arcname=node.path.lstrip("/"))
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = int(member.mtime)
            if member.isreg():
                with node.open() as file:
                    tar.addfile(member, cast(IO[bytes], file))
            else:
                tar.addfile(member)
    return out.tell()


def _nodes(context: BuildContext) -> Iterator[Any]:
    return (node for node in context.walk() if node.path != "/" and (node.is_file or node.is_dir or node.is_link))

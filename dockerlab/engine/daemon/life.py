"""The life of a daemon's containers: made, started with streams at them, looked at, ended (see `Engine` for what each method does)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, cast

from dockerlab.engine.daemon.calls import Calls, told
from dockerlab.engine.daemon.names import Names
from dockerlab.errors import ConflictError, ContainerStartError, DockerlabError, NotFoundError
from dockerlab.store import Store

if TYPE_CHECKING:
    from dockerlab.engine.daemon.attachment import DaemonControl
    from dockerlab.engine.specs import ContainerSpec, ExecSpec, Streams
    from dockerlab.layers import TreeView
    from dockerlab.runtime.container import ProcessRow

Json = dict[str, Any]
_KINDS = {0: "C", 1: "A", 2: "D"}


class ContainerLife:
    """The methods of an engine on a daemon that are about containers."""

    calls: Calls
    names: Names
    store: Store
    podman: bool
    notice: Callable[[str], None]

    def image_files(self, name: str) -> TreeView:
        raise NotImplementedError

    @cached_property
    def _removes_itself(self) -> set[str]:
        """Those that were made with --rm: the daemon removes them."""
        return set()

    def create(self, spec: ContainerSpec) -> str:
        from dockerlab.engine.daemon.containers import create_body
        from dockerlab.engine.names import check_name

        if spec.name:
            check_name(spec.name)
        if spec.pull == "never":
            name = str(self.names.local(spec.image)["Id"])
        else:
            name = (self.names.anew if spec.pull == "always" else self.names.given)(spec.image)
        made = self.calls.post("/containers/create", body=create_body(spec, name), name=spec.name or None).json()
        for warning in made.get("Warnings") or ():
            self.notice(f"WARNING: {warning}")
        if spec.auto_remove:
            self._removes_itself.add(made["Id"])
        return str(made["Id"])

    def start(self, container: str, streams: Streams | None = None) -> None:
        if streams is not None:
            self.start_attached(container, streams)
            return
        self._started(container)

    def _started(self, container: str) -> None:
        try:
            self.calls.post(f"/containers/{container}/start")
        except (ConflictError, NotFoundError):
            raise
        except DockerlabError as error:
            text = error.message
            code = (
                127
                if "executable file not found" in text or "no such file or directory" in text
                else 126
                if "permission denied" in text
                else 125
            )
            raise ContainerStartError(text, exit_code=code, hint=error.hint) from None

    def start_attached(self, container: str, streams: Streams) -> DaemonControl | None:
        """Attach, ask to be told the exit code (with --rm: when it is gone), start: in this order nothing is missed."""
        about = self.container_inspect(container)
        if about["State"]["Running"]:
            return None
        identifier = str(about["Id"])
        control = self._attached(about, streams, ended=None)
        answer = self.calls.post(
            f"/containers/{identifier}/wait", as_stream=True, condition="removed" if about["HostConfig"]["AutoRemove"] else "next-exit"
        )
        try:
            self._started(identifier)
        except BaseException:
            control.close()
            answer.close()
            raise
        control.end_from(lambda: int(answer.json()["StatusCode"]))
        return control

    def attach(self, container: str, streams: Streams) -> DaemonControl:
        about = self.container_inspect(container)
        return self._attached(about, streams, ended=lambda: self.wait(str(about["Id"])))

    def _attached(self, about: Json, streams: Streams, ended: Callable[[], int] | None) -> DaemonControl:
        from dockerlab.engine.daemon.attachment import DaemonControl, Pump, socket_of

        identifier = str(about["Id"])
        wanted = {"stream": 1, "stdin": int(streams.stdin is not None), "stdout": 1, "stderr": 1, "logs": 0}
        with told():
            channel = self.calls.client.attach_socket(identifier, params=wanted)
        pump = Pump(socket_of(channel), streams, tty=bool(about["Config"]["Tty"]), keep=channel)

        def resized(rows: int, columns: int) -> None:
            with suppress(DockerlabError):  # it has ended meanwhile
                self.calls.post(f"/containers/{identifier}/resize", h=rows, w=columns)

        return DaemonControl(pump, ended or (lambda: self.wait(identifier)), resized, lambda number: self.kill(identifier, str(number)))

    def wait(self, container: str) -> int:
        return int(self.calls.post(f"/containers/{container}/wait").json()["StatusCode"])

    def stop(self, container: str, timeout: int | None = None) -> None:
        self.calls.post(f"/containers/{container}/stop", t=timeout)

    def restart(self, container: str, timeout: int | None = None) -> None:
        self.calls.post(f"/containers/{container}/restart", t=timeout)

    def kill(self, container: str, signal: str = "KILL") -> None:
        self.calls.post(f"/containers/{container}/kill", signal=signal)

    def remove(self, container: str, *, force: bool = False, volumes: bool = False) -> None:
        try:
            self.calls.delete(f"/containers/{container}", force=int(force), v=int(volumes))
        except (NotFoundError, ConflictError):
            if container not in self._removes_itself:  # else the daemon does it, or has done it
                raise

    def rename(self, container: str, name: str) -> None:
        self.calls.post(f"/containers/{container}/rename", name=name)

    def containers(self, *, all: bool = False) -> list[Json]:
        out = []
        for item in self.calls.get("/containers/json", all=int(all)).json():
            with suppress(NotFoundError):  # removed meanwhile
                out.append(self.container_inspect(item["Id"]))
        return out

    def container_inspect(self, container: str) -> Json:
        return cast(Json, self.calls.get(f"/containers/{container}/json").json())

    def container_sizes(self, container: str) -> tuple[int, int]:
        found = self.calls.get(f"/containers/{container}/json", size=1).json()
        return int(found.get("SizeRw") or 0), int(found.get("SizeRootFs") or 0)

    def logs(self, container: str, *, follow: bool = False, tail: int | None = None) -> Iterator[tuple[float, str, bytes]]:
        from dockerlab.engine.daemon.observed import logged

        return logged(self.calls, container, follow, tail)

    def exec(self, container: str, spec: ExecSpec, streams: Streams) -> int:
        from dockerlab.engine.daemon.executing import run_in

        return run_in(self.calls, container, spec, streams)

    def pause(self, container: str) -> None:
        self.calls.post(f"/containers/{container}/pause")

    def unpause(self, container: str) -> None:
        self.calls.post(f"/containers/{container}/unpause")

    def top(self, container: str) -> list[ProcessRow]:
        from dockerlab.engine.daemon.observed import processes

        return processes(self.calls, container)

    def stats(self, container: str) -> Json:
        from dockerlab.engine.daemon.observed import usage

        return usage(self.calls, container)

    def commit(
        self, container: str, reference: str = "", *, message: str = "", author: str = "", changes: Iterable[str] = (), pause: bool = True
    ) -> str:
        from dockerlab.oci import Reference

        name = Reference.parse(reference) if reference else None
        asked: Json = {"container": container, "comment": message, "author": author, "changes": list(changes), "pause": int(pause)}
        if name is not None:
            asked |= {"repo": f"{name.domain}/{name.path}", "tag": name.tag}
        return str(
            self.calls.post("/commit", body={} if self.podman else None, **asked).json()["Id"]
        )  # podman reads one, docker takes the container's

    def diff(self, container: str) -> list[Json]:
        found = self.calls.get(f"/containers/{container}/changes").json() or []
        return sorted(({"Path": one["Path"], "Kind": _KINDS[one["Kind"]]} for one in found), key=lambda one: one["Path"])

    def changes(self, container: str) -> list[Json]:
        from dockerlab.engine.daemon.files import changed

        found = self.diff(container)
        view = self.image_files(str(self.container_inspect(container)["Image"])) if any(one["Kind"] != "A" for one in found) else None
        return [changed(self.calls, container, one, view) for one in found]

    def copy_in(self, container: str, source: str, path: str, *, follow: bool = False) -> None:
        from dockerlab.engine.daemon.files import copy_in

        copy_in(self.calls, self._there(container), source, path, follow)

    def copy_out(self, container: str, path: str, target: str, *, follow: bool = False) -> None:
        from dockerlab.engine.daemon.files import copy_out

        copy_out(self.calls, self.store, self._there(container), path, target, follow)

    def unpack_in(self, container: str, source: IO[bytes], path: str) -> None:
        from dockerlab.engine.daemon.files import unpack_in

        unpack_in(self.calls, self._there(container), source, path)

    def archive_out(self, container: str, path: str, out: IO[bytes], *, follow: bool = False) -> None:
        from dockerlab.engine.daemon.files import archive_out

        archive_out(self.calls, self._there(container), path, out, follow)

    def _there(self, container: str) -> str:
        """Itself: HEAD says of a path no more than that it is not there, nor does it of a container."""
        self.container_inspect(container)
        return container

    def export(self, container: str, out: IO[bytes]) -> None:
        from dockerlab.engine.daemon.files import poured

        poured(self.calls, f"/containers/{container}/export", out)

    def prune_containers(self, keep: Callable[[Json], bool] = lambda item: False) -> tuple[list[str], int]:
        gone: list[str] = []
        freed = 0
        for item in self.calls.get("/containers/json", all=1, size=1).json():
            if item["State"] in ("running", "paused", "restarting"):
                continue
            with suppress(NotFoundError, ConflictError):
                if not keep(self.container_inspect(item["Id"])):
                    self.calls.delete(f"/containers/{item['Id']}")
                    gone.append(item["Id"])
                    freed += int(item.get("SizeRw") or 0)
        return gone, freed

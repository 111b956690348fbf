"""Containers whose root is a copy: what the engine does before it reads their changes, makes one, or takes one away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dockerlab.engine.specs import ContainerSpec
from dockerlab.layers import TreeView
from dockerlab.layers.held import hold
from dockerlab.runtime.container import ContainerDirectory
from dockerlab.runtime.helper import WITHOUT_NAMESPACES
from dockerlab.store.rootfs import LAID

if TYPE_CHECKING:
    from dockerlab.runtime.runtime import Runtime


def settled(folder: Path, layers: Callable[[], object]) -> Path:
    """The container's folder, whose `diff` is what it has changed until now. `layers` gets those of its image, and says why where one is not there."""
    if (folder / LAID).exists():
        from dockerlab.runtime.copied_root import bring_up

        layers()
        bring_up(folder)
    return folder


def give_up(folder: Path) -> None:
    """The container goes, with its changes: what lies in its root and belongs elsewhere is put there."""
    if (folder / LAID).exists():
        from dockerlab.runtime.copied_root import give_up

        give_up(folder)


def running_root(folder: Path, pid: int) -> Path:
    """The root of a running container, by which its files can be reached at once; `pid` is its process 1."""
    return folder / "merged" if ContainerDirectory(folder).is_this_machines() else Path(f"/proc/{pid}/root")


def as_it_runs(folder: Path) -> TreeView | None:
    """The root of a running container that is a copy, as it is, without a comparison; None for all others."""
    return TreeView([hold(folder / "merged")]) if (folder / LAID).exists() else None


def refuse(spec: ContainerSpec, runtime: Callable[[], Runtime]) -> None:
    """RuntimeUnavailableError for what only a namespace or a mount could give, where there are none."""
    if not (
        spec.binds or spec.volumes_from or spec.hostname or spec.read_only or spec.network == "none" or spec.init or spec.extra_host_config
    ):
        return
    isolation = runtime().capabilities.isolation
    if isolation in WITHOUT_NAMESPACES:
        from dockerlab.engine.create import host_config
        from dockerlab.engine.limits import limits_of
        from dockerlab.runtime.copied_root import refuse_options

        host = host_config(spec)
        refuse_options(
            isolation,
            binds=bool(spec.binds or spec.volumes_from),
            hostname=spec.hostname,
            readonly=spec.read_only,
            network=spec.network,
            limits=limits_of(host) is not None,
            restart=host["RestartPolicy"]["Name"] not in ("", "no"),
            init=bool(spec.init),
        )

"""The --mount flags of a RUN: what is bound over its file system while it runs, and is in no layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dockerlab.build.context import BuildContext
from dockerlab.build.copying import Layout
from dockerlab.build.digests import FileDigests
from dockerlab.build.sources import Source, SourceTree, describe
from dockerlab.build.state import StageState
from dockerlab.build.wording import not_found
from dockerlab.data import dataclass, replace
from dockerlab.dockerfile.mounts import mount_fields
from dockerlab.errors import BuildError
from dockerlab.layers import Owners, Tree, TreeView
from dockerlab.oci.digest import digest_of
from dockerlab.runtime.spec import Mount, Waiting
from dockerlab.store import Store
from dockerlab.store.files import Lock
from dockerlab.truth import TRUE

_LOOK_AGAIN = 0.05  # seconds between two looks at a cache that somebody else has


@dataclass(frozen=True)
class _Cache:
    """A cache that a mount asks for, and how to make it if it is new."""

    identifier: str
    sharing: str
    fill: Callable[[Path], None]


class RunMounts:
    """The --mount flags of one RUN: folders made ready in `scratch` where it needs any, and what of them the cache key holds."""

    def __init__(
        self,
        scratch: Callable[[], Path],
        store: Store,
        context: BuildContext,
        find_tree: Callable[[str], SourceTree],
        secrets: Mapping[str, bytes],
        digests: FileDigests,
        renewed: set[str] | None = None,
    ) -> None:
        """`renewed`: this step may find nothing of earlier builds in its caches, but for those that the build has renewed already."""
        self._digests, self._renewed = digests, renewed
        self._scratch, self._store, self._context, self._find_tree, self._secrets = scratch, store, context, find_tree, secrets
        self.mounts: list[Mount] = []
        self.environment: dict[str, str] = {}
        self._reads: list[tuple[str, dict[str, str]]] = []
        """What is read of contexts, stages and images: target, and path → what it is."""
        self._fills: list[Callable[[], None]] = []
        self._caches: dict[int, _Cache] = {}
        """By their place among the mounts."""
        self._count = self._agents = 0

    @property
    def made_of(self) -> dict[str, str]:
        """Path → what it is, of all that is read: a part of what the step is made of."""
        several = len(self._reads) > 1
        return {f"{target}: {path}" if several else path: what for target, found in self._reads for path, what in found.items()}

    @contextmanager
    def ready(self) -> Iterator[Iterator[Waiting]]:
        """While it lasts the caches that it asks for are its own as far as `sharing` says. Go through what is yielded first: until a cache is free."""
        locks: list[Lock] = []
        try:
            yield self._prepared(locks)
        finally:
            for lock in locks:
                lock.release()

    def _prepared(self, locks: list[Lock]) -> Iterator[Waiting]:
        for fill in self._fills:
            fill()
        taken: dict[str, Path] = {}
        for at, cache in self._caches.items():
            if cache.identifier not in taken:
                if self._renewed is not None and cache.identifier not in self._renewed:
                    self._renewed.add(cache.identifier)
                    self._store.cache_mounts.forget(cache.identifier)
                while (found := self._store.cache_mounts.take(cache.identifier, cache.sharing)) is None:
                    yield Waiting((), _LOOK_AGAIN)
                taken[cache.identifier], lock = found
                locks.append(lock)
                with self._store.cache_mounts.making(taken[cache.identifier]) as made:
                    if made is not None:
                        cache.fill(made / "tree")
            self.mounts[at] = replace(self.mounts[at], source=str(taken[cache.identifier] / "tree"))

    def add(self, text: str, state: StageState) -> None:
        """One flag. BuildError in BuildKit's words for a wrong one."""
        fields = mount_fields(text, state.expand().word)
        kind = fields["type"]
        target = fields.get("target") or fields.get("dst") or fields.get("destination") or ""
        if target and not target.startswith("/"):
            target = (state.config.get("WorkingDir") or "/").rstrip("/") + "/" + target
        if kind == "secret":
            self._secret(fields, target)
        elif kind == "ssh":
            if _on(fields, "required"):
                raise BuildError("no SSH key forwarded from the client", hint="this build has no ssh agent: remove the mount")
            if not target:  # BuildKit names the socket of an agent, whether there is one or not
                self.environment["SSH_AUTH_SOCK"] = f"/run/buildkit/ssh_agent.{self._agents}"
                self._agents += 1
        elif target.rstrip("/") == "":
            raise BuildError(f'invalid mount target "{target or "/"}"', hint="write target=/a/path")
        elif kind == "tmpfs":
            self.mounts.append(Mount(f"size={fields['size']}" if fields.get("size") else "", target, False, "tmpfs"))
        elif kind == "cache":
            self._cache(fields, target)
        else:
            self._bind(fields, target)

    def _folder(self) -> Path:
        self._count += 1
        folder = self._scratch() / f"mount{self._count}"
        folder.mkdir(parents=True)
        return folder

    def _secret(self, fields: Mapping[str, str], target: str) -> None:
        name = fields.get("source") or fields.get("src") or fields.get("id") or target.rpartition("/")[2]
        data = self._secrets.get(name)
        if data is None:
            if _on(fields, "required"):
                raise BuildError(f"secret {name}: not found", hint=f"give it with --secret id={name},src=FILE")
            return
        if fields.get("env"):
            self.environment[fields["env"]] = data.decode("utf-8", "replace")
            if not target:
                return
        file = self._folder() / "secret"
        file.write_bytes(data)
        file.chmod(int(fields.get("mode", "0400"), 8))
        Owners.here().set(str(file), int(fields.get("uid", "0")), int(fields.get("gid", "0")))
        self.mounts.append(Mount(str(file), target or f"/run/secrets/{name.rpartition('/')[2]}", True))

    def _cache(self, fields: Mapping[str, str], target: str) -> None:
        source = self._source(self._find_tree(fields["from"]), _path_of(fields), target) if fields.get("from") else None
        mode, uid, gid = int(fields.get("mode", "0755"), 8), int(fields.get("uid", "0")), int(fields.get("gid", "0"))
        identifier = fields.get("id") or target
        if not fields.keys().isdisjoint(("mode", "uid", "gid")):  # another cache than that of this id without them
            identifier += f" {mode:o} {uid}:{gid}"
        if source is not None:  # one for each that it began with
            identifier += f" {digest_of(repr(self._reads[-1][1]).encode())}"
        self._caches[len(self.mounts)] = _Cache(
            identifier, fields.get("sharing", "shared"), lambda path: _filled(path, source, mode, uid, gid)
        )
        self.mounts.append(Mount("", target, _on(fields, "ro") or _on(fields, "readonly")))

    def _bind(self, fields: Mapping[str, str], target: str) -> None:
        tree: SourceTree = self._find_tree(fields["from"]) if fields.get("from") else self._context
        folder = self._folder()
        source = self._source(tree, _path_of(fields), target)
        self._fills.append(lambda: _put(Layout(Tree(folder / "tree"), TreeView([]), 0), source, "/" + source.name))
        made = folder / "tree" / source.name  # a folder too, for the sake of its own time, mode and owner
        writable = _on(fields, "rw") or _on(fields, "readwrite")
        self.mounts.append(Mount(str(made), target, not writable))

    def _source(self, tree: SourceTree, path: str, target: str) -> Source:
        """What a mount reads, of which it is noted what it is."""
        node = tree.lookup(path)
        if node is None:
            raise BuildError(
                not_found(path),
                hint="what a mount reads lies in the build context, or in the stage or image that from= names",
            )
        source = Source(path.rpartition("/")[2], node, tree=tree, asked=path)
        self._reads.append((target, describe(source, tree, self._digests, isinstance(tree, TreeView), lambda rel: False)))
        return source


def _path_of(fields: Mapping[str, str]) -> str:
    return "/" + (fields.get("source") or fields.get("src") or "").lstrip("/")


def _put(layout: Layout, source: Source, target: str) -> None:
    assert source.node is not None
    layout.put(source, target)
    if source.node.is_dir and target != "/":  # unlike COPY's, a bound folder is the source itself
        entry = source.node.entry
        layout.tree.mkdir(target[1:], entry.mode, entry.uid, entry.gid, entry.mtime)
    layout.tree.close()


def _filled(path: Path, source: Source | None, mode: int, uid: int, gid: int) -> None:
    """A new cache: empty, or a copy of what `from` names."""
    tree = Tree(path)
    if source is not None:
        assert source.node is not None
        _put(Layout(tree, TreeView([]), 0), source, "/" if source.node.is_dir else "/" + source.name)
    tree.close()
    path.chmod(mode)
    Owners.here().set(str(path), uid, gid)


def _on(fields: Mapping[str, str], name: str) -> bool:
    return name in fields and fields[name] in TRUE

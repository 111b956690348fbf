"""Looking the whole store through: is everything there that was promised, and is it what it was?

    examine(store) → Examination(checked={"images": 3, "layers": 5, …}, problems=(Problem("damaged", "layer sha256:…", …), …))
    repair(store)  → what was put right: remains of killed processes, names and records that lead nowhere

Nothing here changes what a user made: an image whose layer was lost is named, and stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dockerlab.data import dataclass, replace
from dockerlab.errors import DockerlabError
from dockerlab.layers import LayerSummary, write_layer
from dockerlab.layers.writer import summarized
from dockerlab.oci import ImageConfig
from dockerlab.oci.digest import hex_of, is_digest, short_id
from dockerlab.store.bases import Base
from dockerlab.store.borrowing import readable_form
from dockerlab.store.files import Lock
from dockerlab.store.images import ImageStore
from dockerlab.store.layers import LayerStore
from dockerlab.store.store import Store

Found = Iterator["Problem | None"]
"""A problem, or None for each thing that is as it should be."""
LOST, DAMAGED, LEFT = "lost", "damaged", "left over"
_LATER = "dockerlab fsck --repair removes it, as the next rmi or prune does"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be. `kind`: "lost" (promised, and gone), "damaged" (not what it was), "left over" (of a killed process; harmless)."""

    kind: str
    what: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}: {self.why} ({self.remedy})"


@dataclass(frozen=True)
class Examination:
    """What was looked at, and what was found."""

    checked: dict[str, int]
    problems: tuple[Problem, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is lost or damaged."""
        return all(problem.kind == LEFT for problem in self.problems)


def examine(store: Store, *, contents: bool = True) -> Examination:
    """Look at everything; `contents`: read every layer and compare it with its digest. StoreError only if the store can't be read at all."""
    checked: dict[str, int] = {}
    problems: list[Problem] = []
    looks: dict[str, Found] = {
        "layers": _layers(store.layers, write_layer if contents else None),
        "images": _images(store.images.own, store.layers),
        "names": _names(store.images.own, store.images),
        "containers": _containers(store),
        "volumes": _volumes(store),
        "cached steps": _cache(store),
        "indices": _indices(store),
    }
    with store.using():  # nothing that is found may be swept away before it is looked at
        for kind, look in looks.items():
            checked[kind] = 0
            for found in look:
                if found is None:
                    checked[kind] += 1
                else:
                    problems.append(found)
    problems += _remains(store)
    return Examination(checked, tuple(problems))


def examine_base(store: Store, base: Base, *, contents: bool = True) -> Examination:
    """The same for layers, images and names of a base store of `store`, which nothing here repairs, and where no lock is taken: who changes it meanwhile may be seen doing it."""

    def read(tree: Path) -> LayerSummary:
        return summarized(readable_form(base, f"sha256:{tree.parent.name}")[1])

    looks: dict[str, Found] = {
        "layers": _layers(base.layers, read if contents else None),
        "images": _images(base.images, store.layers),
        "names": _names(base.images, base.images),
    }
    checked = dict.fromkeys(looks, 0)
    problems: list[Problem] = []
    with base.looked_into():
        for kind, look in looks.items():
            for found in look:
                if found is None:
                    checked[kind] += 1
                else:
                    problems.append(replace(found, remedy=f"its owner: DOCKERLAB_HOME={base} dockerlab fsck --repair"))
    return Examination(checked, tuple(problems))


def repair(store: Store) -> list[Problem]:
    """Put right what can be without losing anything that a user made; what was done. Nothing while another process uses the store."""
    before = [problem for problem in examine(store, contents=False).problems if problem.kind == LEFT or problem.what.startswith("name ")]
    for path in _loose_names(store.images.own, store.images):
        path.unlink(missing_ok=True)
    for name, record, _ in store.cache.records():
        if record.get("layer") and not store.layers.has(str(record["layer"])):
            store.cache.forget(name)
    store.sweep()
    after = {str(problem) for problem in examine(store, contents=False).problems}
    return [problem for problem in before if str(problem) not in after]


def _layers(layers: LayerStore, read: Callable[[Path], LayerSummary] | None) -> Found:
    for diff_id in layers.all():
        folder = layers.tree(diff_id).parent
        try:
            record = json.loads((folder / "layer.json").read_bytes())
            canonical = str(record["canonical"])
        except FileNotFoundError:
            continue  # removed meanwhile
        except (ValueError, KeyError, TypeError):
            yield _damaged_layer(diff_id, "its record can't be read")
            continue
        try:
            if read is None or (read(folder / "tree").diff_id == canonical and _tar_is(folder / "layer.tar", diff_id, canonical)):
                yield None
                continue
        except OSError as error:
            if not folder.exists():
                continue
            yield _damaged_layer(diff_id, str(error.strerror or error))
            continue
        yield _damaged_layer(diff_id, "its content is not what its digest says")


def _tar_is(path: Path, diff_id: str, canonical: str) -> bool:
    """Whether the tar that came from outside is the layer's (there is none where our own writer makes the same bytes)."""
    if not path.exists():
        return canonical == diff_id
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return "sha256:" + digest.hexdigest() == diff_id


def _damaged_layer(diff_id: str, why: str) -> Problem:
    return Problem(DAMAGED, f"layer {diff_id}", why, "build or load its image again")


def _images(images: ImageStore, layers: LayerStore) -> Found:
    for identifier in images.ids():
        what = f"image {short_id(identifier)}"
        try:
            config = ImageConfig.from_bytes(images.raw(identifier))
        except DockerlabError as error:
            yield Problem(DAMAGED, what, error.message, f"build or load it again, or remove it: dockerlab rmi -f {short_id(identifier)}")
            continue
        lost = [diff_id for diff_id in config.diff_ids if not layers.has(diff_id)]
        yield (
            None
            if not lost
            else Problem(LOST, what, f"its layer {lost[0]} is not here", layers.absent(lost[0]).hint or "build or load it again")
        )


def _names(images: ImageStore, all_: ImageStore) -> Found:
    loose = set(_loose_names(images, all_))
    for path in images.name_files():
        lost = Problem(LOST, f"name {path.name}", "its image is not here", "dockerlab fsck --repair forgets it")
        yield lost if path in loose else None


def _loose_names(images: ImageStore, all_: ImageStore) -> Iterator[Path]:
    """The files of names in `images` that lead to none of `all_`."""
    known = set(all_.ids())
    for path in images.name_files():
        try:
            identifier = path.read_text(encoding="ascii", errors="replace").partition("\n")[0]
        except FileNotFoundError:
            continue
        if not is_digest(identifier) or identifier not in known:
            yield path


def _containers(store: Store) -> Found:
    for folder in store.containers_dir.iterdir():
        what = f"container {folder.name[:12]}"
        try:
            record: dict[str, Any] = json.loads((folder / "config.json").read_bytes())
            image, layers = str(record["image"]), [str(diff_id) for diff_id in record["layers"]]
        except FileNotFoundError:
            continue  # being made or being removed; what a killed process left is found among the remains
        except (ValueError, KeyError, TypeError):
            yield Problem(DAMAGED, what, "its record can't be read", f"dockerlab rm -f {folder.name[:12]}")
            continue
        lost = next((diff_id for diff_id in layers if not store.layers.has(diff_id)), "")
        if lost:
            yield Problem(LOST, what, f"the layer {lost} of its image is not here", "build or load the image again")
        elif not (store.home / "blobs/sha256" / hex_of(image)).exists() and not store.images.base_of(image):
            yield Problem(LOST, what, f"the configuration of its image {short_id(image)} is not here", "build or load the image again")
        else:
            yield None


def _volumes(store: Store) -> Found:
    for folder in store.volumes_dir.iterdir():
        if folder.name.endswith("~"):
            continue
        try:
            json.loads((folder / "volume.json").read_bytes())
        except FileNotFoundError:
            if folder.exists():
                yield Problem(DAMAGED, f"volume {folder.name}", "its record is not here", f"dockerlab volume rm {folder.name}")
            continue
        except ValueError:
            yield Problem(DAMAGED, f"volume {folder.name}", "its record can't be read", f"dockerlab volume rm {folder.name}")
            continue
        yield (
            None
            if (folder / "_data").is_dir()
            else Problem(LOST, f"volume {folder.name}", "its files are not here", f"dockerlab volume rm {folder.name}")
        )


def _cache(store: Store) -> Found:
    for record in store.cache.values():
        if not record.get("layer") or store.layers.has(str(record["layer"])):
            yield None
        else:
            yield Problem(LEFT, "cached step", f"its layer {record['layer']} is not here", "the step is done again when it is needed")


def _indices(store: Store) -> Found:
    known = store.needed_layers() | set(store.layers.all())
    for path in store.indices.all():
        sound = store.indices.is_sound(path, known)
        yield None if sound else Problem(LEFT, f"index {path.name}", "it is damaged, or its layer is not here", _LATER)


def _remains(store: Store) -> list[Problem]:
    """What killed processes left, looked for only while nobody uses the store."""
    try:
        lock = Lock(store.home / "lock", wait=False)
    except BlockingIOError:
        return []
    with lock:
        return [
            Problem(LEFT, str(path.relative_to(store.home)), "a process was killed while it wrote this", _LATER)
            for path in store.abandoned()
        ]

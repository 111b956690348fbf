"""`%cow`, alive: the writable layers of containers above the read-only ones that they share, followed while the containers run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import traitlets

from dockerlab.data import asdict
from dockerlab.errors import NotFoundError
from dockerlab.layers.inside import LayerInside
from dockerlab.notebook.layer_stack import bands_of, base_of
from dockerlab.notebook.widgets.asking import AskingWidget, Json
from dockerlab.notebook.widgets.labels import labels
from dockerlab.notebook.widgets.modules import script, styles

if TYPE_CHECKING:
    from dockerlab.engine import Engine

MOST = 300  # changes of a container that are shown


class CopyOnWriteWidget(AskingWidget):
    """Containers; what they have written is asked for again and again."""

    _esm = script("copy_on_write.js")
    _css = styles("theme.css", "bands.css", "copy_on_write.css")

    groups: Any = traitlets.List().tag(sync=True)
    """[{"image", "bands", "containers": [state]}], an image each; a state is what `answer_state` tells."""

    def __init__(self, engine: Engine, containers: Sequence[str]) -> None:
        self._engine, self._began = engine, time.time()
        self._images: dict[str, str] = {}
        self._insides: dict[str, list[LayerInside]] = {}
        super().__init__(words=labels(), groups=self._grouped(containers))

    def _grouped(self, containers: Sequence[str]) -> list[Json]:
        groups: dict[str, Json] = {}
        for name in containers:
            found = self._engine.container_inspect(name)
            self._images[name] = image = found["Image"]
            if image not in groups:
                bands = bands_of(self._engine.history(image), base_of(self._engine, image))
                layers = [asdict(band) for band in bands if band.number]
                groups[image] = {"image": found["Config"]["Image"], "bands": layers, "containers": []}
            groups[image]["containers"].append(self.answer_state(name))
        return list(groups.values())

    def answer_state(self, container: str) -> Json:
        """What a container is and has written: name, status, written [{kind, path, size, below, folder, layer}], total, committed (names of images)."""
        try:
            status = self._engine.container_inspect(container)["State"]["Status"]
            changes = self._engine.changes(container)
        except NotFoundError:
            return {"name": container, "status": "removed", "written": [], "total": 0, "committed": self._committed(container)}
        written = [
            {
                "kind": one["Kind"],
                "path": one["Path"],
                "size": one["Size"],
                "below": one["Below"],
                "folder": one["Folder"],
                "layer": one["Layer"],
            }
            for one in changes[:MOST]
        ]
        return {"name": container, "status": status, "written": written, "total": len(changes), "committed": self._committed(container)}

    def _committed(self, container: str) -> list[str]:
        found = []
        for event in self._engine.events(self._began, time.time()):
            about = event["Actor"]["Attributes"]
            if event["Type"] == "container" and event["Action"] == "commit" and about.get("name") == container:
                found.append(about.get("imageRef") or about.get("imageID", "")[:19])
        return found

    def answer_reading(self, container: str, path: str) -> Json:
        """Which layer answers who reads a path in a container: {"layer": number, 0 for the container's own, -1 for none, "hidden": by a deletion}."""
        wanted = "/" + path.strip("/")
        kinds = {one["Path"]: one["Kind"] for one in self._engine.changes(container)}
        above = [wanted[: at or 1] for at in range(len(wanted)) if wanted[at] == "/"] + [wanted]
        if any(kinds.get(folder) == "D" for folder in above):
            return {"layer": -1, "hidden": True}
        if wanted in kinds:
            return {"layer": 0, "hidden": False}
        layers = self._layers(self._images[container])
        for number in range(len(layers), 0, -1):
            if said := layers[number - 1].says(wanted):
                return {"layer": number, "hidden": False} if said == "holds" else {"layer": -1, "hidden": True}
        return {"layer": -1, "hidden": False}

    def _layers(self, image: str) -> list[LayerInside]:
        if image not in self._insides:
            count = len(self._engine.image_inspect(image)["RootFS"]["Layers"])
            self._insides[image] = [self._engine.layer_inside(image, number) for number in range(1, count + 1)]
        return self._insides[image]

"""`docker system df`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dockerlab.errors import DockerlabError, UsageError
from dockerlab.verbs.containers import row as container_row
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.images import image_row
from dockerlab.verbs.listing import align, show_list
from dockerlab.verbs.template import Template
from dockerlab.verbs.template_functions import Row, TemplateRunError, TemplateSyntaxError
from dockerlab.verbs.units import ago, human_size, shown_time
from dockerlab.verbs.volumes import volume_row

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]
_HEADS = {"Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE"}
_TABLES = {
    "Images": {"Repository": "REPOSITORY", "Tag": "TAG", "ID": "IMAGE ID", "CreatedSince": "CREATED", "Size": "SIZE", "SharedSize": "SHARED SIZE",
               "UniqueSize": "UNIQUE SIZE", "Containers": "CONTAINERS"},
    "Containers": {"ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "LocalVolumes": "LOCAL VOLUMES", "Size": "SIZE",
                   "RunningFor": "CREATED", "Status": "STATUS", "Names": "NAMES"},
    "Volumes": {"Name": "VOLUME NAME", "Links": "LINKS", "Size": "SIZE"},
    "BuildCache": {"ID": "CACHE ID", "CacheType": "CACHE TYPE", "Size": "SIZE", "CreatedSince": "CREATED", "LastUsedSince": "LAST USED",
                   "UsageCount": "USAGE", "Shared": "SHARED"},
}  # fmt: skip


def system_df(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker system df [-v] [--format FORMAT]`."""
    form = parsed.text("format")
    if form.startswith("table") and parsed.on("verbose"):
        raise UsageError(
            "--verbose has no table of one's own", hint="leave --format away, or write a template: {{range .Images}}…{{end}}", exit_code=1
        )
    found = engine.disk_usage()
    terminal.results.append(found)
    if parsed.on("verbose"):
        return _verbose(found, engine, form, terminal)
    rows = [_images(found), _containers(found), _volumes(found), _cache(found)]
    show_list(terminal, rows, form, _HEADS, _HEADS, "*formatter.diskUsageImagesContext")
    if not form:
        for base in found["BaseStores"]:
            terminal.line(f"{size4(base['Size'])} of the images is in the base store {base['Path']}: nothing here frees it")
    return 0


def size4(count: float) -> str:
    """Bytes with four significant digits, as docker's totals have them."""
    return human_size(count, 4)


def _with_share(part: int, whole: int) -> str:
    return f"{size4(part)} ({part * 100 // whole}%)" if whole > 0 else size4(part)


def _summary(kind: str, items: list[Json], active: int, size: int, reclaimable: str) -> Json:
    return {"Type": kind, "TotalCount": str(len(items)), "Active": str(active), "Size": size4(size), "Reclaimable": reclaimable}


def _images(found: Json) -> Json:
    used = [image for image in found["Images"] if image["Containers"]]
    whole = found["LayersSize"]
    own = whole - sum(base["Size"] for base in found["BaseStores"])
    free = own - sum(image["Size"] - image["SharedSize"] - image["BaseSize"] for image in used)
    return _summary("Images", found["Images"], len(used), whole, _with_share(free, whole))


def _containers(found: Json) -> Json:
    ended = [item for item in found["Containers"] if not item["State"]["Running"]]
    whole = sum(item["SizeRw"] for item in found["Containers"])
    free = sum(item["SizeRw"] for item in ended)
    return _summary("Containers", found["Containers"], len(found["Containers"]) - len(ended), whole, _with_share(free, whole))


def _volumes(found: Json) -> Json:
    unused = [volume["UsageData"] for volume in found["Volumes"] if not volume["UsageData"]["RefCount"]]
    whole = sum(volume["UsageData"]["Size"] for volume in found["Volumes"])
    free = sum(usage["Size"] for usage in unused)
    return _summary("Local Volumes", found["Volumes"], len(found["Volumes"]) - len(unused), whole, _with_share(free, whole))


def cache_size(found: Json) -> int:
    """The bytes that only the build cache holds."""
    return sum(one["Size"] for one in found["BuildCache"] if not one["Shared"])


def _cache(found: Json) -> Json:
    own = cache_size(found)
    return _summary("Build Cache", found["BuildCache"], 0, own, size4(own))


def _verbose(found: Json, engine: Engine, form: str, terminal: Terminal) -> int:
    long = bool(form)
    rows = {
        "Images": [_image_row(image, long) for image in found["Images"]],
        "Containers": [{**container_row(item, engine, long, False), "Size": human_size(item["SizeRw"])} for item in found["Containers"]],
        "Volumes": [
            {**volume_row(one), "Links": str(one["UsageData"]["RefCount"]), "Size": size4(one["UsageData"]["Size"])}
            for one in found["Volumes"]
        ],
        "BuildCache": [_cache_row(one, long) for one in found["BuildCache"]],
    }
    if form:
        whole = {kind: [Row(_columns(row)) for row in kept] for kind, kept in rows.items()}
        try:
            terminal.line(Template("{{json .}}" if form == "json" else form, "*formatter.diskUsageContext").execute(whole))
        except (TemplateSyntaxError, TemplateRunError) as error:
            raise DockerlabError(error.message, exit_code=1) from None
        return 0
    titles = {
        "Images": "Images space usage:",
        "Containers": "Containers space usage:",
        "Volumes": "Local Volumes space usage:",
        "BuildCache": f"Build cache usage: {size4(cache_size(found))}",
    }
    parts = []
    for kind, columns in _TABLES.items():
        cells = [list(columns.values()), *([str(row[name]) for name in columns] for row in rows[kind])]
        parts.append(f"{titles[kind]}\n\n{align(cells)}")
    terminal.say("\n".join(parts))
    return 0


def _columns(row: Json) -> Json:
    return {key: value for key, value in row.items() if not callable(value)}


def _image_row(image: Json, long: bool) -> Json:
    return {
        **image_row(image, image["RepoTags"][0] if image["RepoTags"] else "", long),
        "Digest": "",
        "SharedSize": size4(image["SharedSize"]),
        "UniqueSize": size4(image["Size"] - image["SharedSize"]),
        "VirtualSize": size4(image["Size"]),
    }


def _cache_row(one: Json, long: bool) -> Json:
    return {
        "ID": one["ID"] if long else one["ID"][:12],
        "CacheType": one["Type"],
        "Size": size4(one["Size"]),
        "CreatedAt": shown_time(one["CreatedAt"]),
        "CreatedSince": ago(one["CreatedAt"]),
        "LastUsedAt": "",
        "LastUsedSince": "",
        "UsageCount": "",
        "InUse": str(one["InUse"]).lower(),
        "Shared": str(one["Shared"]).lower(),
        "Parent": "",
        "Description": "",
    }

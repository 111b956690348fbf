"""Verbs about images: images, history, tag, rmi, image prune."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from dockerlab.errors import DockerlabError, UsageError
from dockerlab.oci import Reference, short_id
from dockerlab.verbs.dispatch import Terminal, each_word
from dockerlab.verbs.filters import boolean, label_matches, moment, prune_filters, read_filters, reference_matches, spared_by_label
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.listing import show_list
from dockerlab.verbs.units import ago, cut, human_size, shown_time

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]
IMAGE_HEADS = {
    "Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", "ID": "IMAGE ID", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT", "Size": "SIZE",
}  # fmt: skip
_FILTERS = ("dangling", "label", "before", "since", "reference", "until")


def images(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker images [REPOSITORY[:TAG]]`."""
    long = parsed.on("no-trunc")
    chosen = _filtered(engine, parsed)
    rows = [image_row(item, name, long) for item in chosen for name in (item["_names"] or [""])]
    terminal.results.append(chosen)
    if parsed.on("quiet"):
        terminal.say("".join(row["ID"] + "\n" for row in rows))
        return 0
    columns = {name: IMAGE_HEADS[name] for name in ("Repository", "Tag", "ID", "CreatedSince", "Size")}
    if parsed.on("digests"):
        columns = {name: IMAGE_HEADS[name] for name in ("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size")}
    show_list(terminal, rows, parsed.text("format"), columns, IMAGE_HEADS, "*formatter.imageContext")
    return 0


def _filtered(engine: Engine, parsed: Parsed) -> list[Json]:
    filters = read_filters(parsed.all("filter"), _FILTERS)
    items = engine.images(all=parsed.on("all"))
    parents = {item["ParentId"] for item in items}
    pattern = parsed.words[0] if parsed.words else ""
    order = [item["Id"] for item in items]
    for key in ("before", "since"):
        for name in filters.get(key, ()):
            edge = engine.image_inspect(name)["Id"]
            at = order.index(edge) if edge in order else len(order)
            allowed = set(order[at + 1 :] if key == "before" else order[:at])
            items = [item for item in items if item["Id"] in allowed]
    for text in filters.get("until", ()):
        items = [item for item in items if item["Created"] <= moment(text, "until")]
    out = []
    for item in items:
        tagged = {Reference.parse(name).repository for name in item["RepoTags"]}
        item["_names"] = list(item["RepoTags"])
        item["_names"] += [name for name in item["RepoDigests"] if Reference.parse(name).repository not in tagged]
        if not item["_names"] and item["Id"] in parents and not parsed.on("all"):
            continue
        if "dangling" in filters and (item["RepoTags"] if boolean("dangling", filters["dangling"][0]) else not item["_names"]):
            continue
        if not all(label_matches(item["Labels"], wanted) for wanted in filters.get("label", ())):
            continue
        patterns = ([pattern] if pattern else []) + filters.get("reference", [])
        if patterns:
            wanted_all = [pattern] if pattern else []
            names = [name for name in item["_names"] if all(_matches(name, one) for one in wanted_all)]
            if references := filters.get("reference"):
                names = [name for name in names if any(_matches(name, one) for one in references)]
            if not names:
                continue
            item["_names"] = names
        out.append(item)
    return out


def _matches(name: str, pattern: str) -> bool:
    reference = Reference.parse(name)
    return reference_matches(pattern, reference.repository, reference.tag)


def image_row(item: Json, name: str, long: bool) -> Json:
    """The fields of one name of an image, "" for none, as `docker images` shows them."""
    reference = Reference.parse(name) if name else None
    digests = [Reference.parse(one) for one in item["RepoDigests"]] if reference else []
    return {
        "Repository": reference.repository if reference else "<none>",
        "Tag": (reference.tag if reference else "") or "<none>",
        "Digest": next((one.digest for one in digests if reference and one.repository == reference.repository), "<none>"),
        "ID": item["Id"] if long else short_id(item["Id"]),
        "CreatedSince": ago(item["Created"]),
        "CreatedAt": shown_time(item["Created"]),
        "Size": human_size(item["Size"]),
        "VirtualSize": human_size(item["Size"]),
        "Containers": str(item["Containers"]),
        "SharedSize": "N/A",
        "UniqueSize": "N/A",
    }


HISTORY_HEADS = {
    "ID": "IMAGE",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "CreatedBy": "CREATED BY",
    "Size": "SIZE",
    "Comment": "COMMENT",
}


def history(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker history IMAGE`; `--json` gives a list with created_by, size (bytes) and empty_layer, newest first."""
    lines = engine.history(parsed.words[0])
    terminal.results.append(lines)
    if parsed.on("json"):
        import json

        terminal.line(json.dumps([history_json(line) for line in lines], indent=2, ensure_ascii=False))
        return 0
    long, plain = parsed.on("no-trunc"), parsed.flags.get("human") is False
    rows = [_history_row(line, long, plain) for line in lines]
    if parsed.on("quiet"):
        terminal.say("".join(row["ID"] + "\n" for row in rows))
        return 0
    columns = {name: HISTORY_HEADS[name] for name in ("ID", "CreatedSince", "CreatedBy", "Size", "Comment")}
    if plain:
        columns = {"ID": "IMAGE", "CreatedAt": "CREATED AT", "CreatedBy": "CREATED BY", "Size": "SIZE", "Comment": "COMMENT"}
    show_list(terminal, rows, parsed.text("format"), columns, HISTORY_HEADS, "*image.historyContext")
    return 0


def history_json(line: Json) -> Json:
    """One line of a history with the names of the image specification."""
    return {
        "id": line["Id"],
        "created": line["Created"],
        "created_by": line["CreatedBy"],
        "size": line["Size"],
        "comment": line["Comment"],
        "empty_layer": line["EmptyLayer"],
        "tags": line["Tags"],
    }


def _history_row(line: Json, long: bool, plain: bool) -> Json:
    import time

    created_by = str(line["CreatedBy"]).replace("\t", " ")
    identifier = line["Id"]
    return {
        "ID": identifier if long or identifier == "<missing>" else short_id(identifier),
        "CreatedSince": ago(line["Created"]),
        "CreatedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(line["Created"])),
        "CreatedBy": created_by if long else cut(created_by, 45),
        "Size": str(line["Size"]) if plain else human_size(line["Size"]),
        "Comment": line["Comment"],
    }


def tag(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker tag SOURCE TARGET`."""
    engine.tag(*parsed.words)
    return 0


def rmi(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker rmi IMAGE…`: goes on after a mistake; -f makes an unknown name no failure, --no-prune keeps untagged parents."""

    def remove(name: str) -> str:
        done = engine.image_remove(name, force=parsed.on("force"), prune=not parsed.on("no-prune"))
        return "\n".join(f"{key}: {value}" for item in done for key, value in item.items())

    return each_word(parsed, terminal, remove)


def image_prune(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker image prune [-a] [-f]`."""
    what = "all images without at least one container associated to them" if parsed.on("all") else "all dangling images"
    filters = prune_filters(parsed, "label", "until", "dangling")
    every = parsed.on("all") or any(not boolean("dangling", text) for text in filters.get("dangling", ()))
    if not parsed.on("force") and not confirmed(terminal, f"WARNING! This will remove {what}."):
        return 0
    gone, freed = prune_images(engine, filters, all=every)
    if gone:
        terminal.say("Deleted Images:\n" + "".join(f"{one}\n" for one in gone) + "\n")
    terminal.line(f"Total reclaimed space: {human_size(freed, 4)}")
    return 0


def prune_images(engine: Engine, filters: dict[str, list[str]], *, all: bool) -> tuple[list[str], int]:
    """What was untagged and deleted, a line each, and the bytes set free: none while the build cache knows a layer, as in docker."""
    edges = [moment(text, "until") for text in filters.get("until", ())]
    done, freed = engine.image_prune(
        all=all, keep=lambda item: spared_by_label(item["Labels"], filters) or any(item["Created"] > edge for edge in edges)
    )
    return [f"{key.lower()}: {value}" for item in done for key, value in item.items()], freed


def refuse_flags(parsed: Parsed, *names: str) -> None:
    """UsageError for flags that would have narrowed what is deleted, and are not done here."""
    for name in names:
        if parsed.flags.get(name):
            raise UsageError(
                f"docker {parsed.verb} --{name} is not done here: nothing was removed",
                hint="name what to remove, with rm or rmi",
                exit_code=1,
            )


def confirmed(terminal: Terminal, warning: str) -> bool:
    """Docker's question; anything but y means no, and so does a closed standard input."""
    terminal.line(warning)
    terminal.say("Are you sure you want to continue? [y/N] ")
    if terminal.stdin is None:
        terminal.line("")
        return False
    answer = os.read(terminal.stdin, 100).decode(errors="replace").strip().lower()
    if not answer:
        terminal.line("")
    return answer in ("y", "yes")


def writer(terminal: Terminal) -> IO[bytes]:
    """Standard output as a binary file."""
    return cast(IO[bytes], _Writer(terminal))


class _Writer:
    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, data: bytes) -> int:
        self._terminal.write(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def tell(self) -> int:
        return 0


def stdin_of(terminal: Terminal) -> BinaryIO:
    """Standard input as a binary file."""
    if terminal.stdin is None:
        raise DockerlabError("there is no standard input here", hint="name a file")
    return open(terminal.stdin, "rb", closefd=False)

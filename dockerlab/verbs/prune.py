"""`docker system prune`: what the single prunes take, in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dockerlab.errors import UsageError
from dockerlab.verbs.containers import prune_ended
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.filters import prune_filters, spared_by_label
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.images import confirmed, prune_images
from dockerlab.verbs.units import human_size

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]


def system_prune(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker system prune [-a] [-f] [--volumes] [--filter label=…] [--filter until=…]`: ended containers, images and the build cache."""
    filters = prune_filters(parsed, "label", "until")
    if parsed.on("volumes") and "until" in filters:
        raise UsageError('ERROR: The "until" filter is not supported with "--volumes"', exit_code=1)
    if not parsed.on("force") and not confirmed(terminal, _warning(parsed)):
        return 0
    gone, freed = prune_ended(engine, filters)
    _tell(terminal, "Deleted Containers:", gone)
    if parsed.on("volumes"):
        gone, size = engine.volume_prune(keep=lambda item: spared_by_label(item["Labels"] or {}, filters))
        freed += size
        _tell(terminal, "Deleted Volumes:", gone)
    gone, size = prune_images(engine, filters, all=parsed.on("all"))
    freed += size
    _tell(terminal, "Deleted Images:", gone)
    if not filters:  # what the cache holds has no labels
        steps, size = engine.prune_build_cache(all=parsed.on("all"))
        freed += size
        _tell(terminal, "Deleted build cache objects:", [step["ID"] for step in steps])
    terminal.line(f"Total reclaimed space: {human_size(freed, 4)}")
    return 0


def _warning(parsed: Parsed) -> str:
    everything = parsed.on("all")
    what = [
        "all stopped containers",
        "all networks not used by at least one container",
        *(["all anonymous volumes not used by at least one container"] if parsed.on("volumes") else []),
        "all images without at least one container associated to them" if everything else "all dangling images",
        "all build cache" if everything else "unused build cache",
    ]
    text = "WARNING! This will remove:\n" + "".join(f"  - {one}\n" for one in what)
    if wanted := sorted(parsed.all("filter")):
        text += "\n  Items to be pruned will be filtered with:\n" + "".join(f"  - {one}\n" for one in wanted)
    return text


def _tell(terminal: Terminal, head: str, gone: list[str]) -> None:
    if gone:
        terminal.say(f"{head}\n" + "".join(f"{one}\n" for one in gone) + "\n")

"""`dockerlab doctor`: what this machine allows, which isolation is in force and why, what is emulated, and the one thing that would improve matters."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
from typing import Any

from dockerlab.distribution import ADVICE, OTHER, intruder
from dockerlab.errors import DockerlabError
from dockerlab.runtime.capabilities import Capabilities
from dockerlab.runtime.limits import keepers
from dockerlab.store.bases import OURS, RECORDED, Base, named_bases
from dockerlab.store.layers import SHARED
from dockerlab.store.store import default_home
from dockerlab.verbs.units import human_size

_IDENTITY = {
    "root": "we are root, so owners and users are the kernel's own",
    "mapped": "a user namespace with every ID, so owners and users are the kernel's own",
    "single": "an ordinary user: a user namespace with one ID; owners and users are emulated, true for teaching, no border for security (ps shows root)",
}
"""Why containers look as they do, by what IDs there are."""

_FORMS = {
    OURS: "their layers are used as they lie there",
    SHARED: "it is another user's, so a layer gets inodes of ours when its files are first needed; its contents stay there if this machine has "
    "borrowed_bytes (above), else they are copied",
    RECORDED: "it is an ordinary user's, so a layer is copied when its files are first needed",
}
"""How the layers of a base store are used (`store.bases`)."""


def main(words: list[str]) -> int:
    """Look and tell; always 0."""
    parser = argparse.ArgumentParser(prog="dockerlab doctor", description="What this machine allows, and what is emulated for lack of it.")
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    options = parser.parse_args(words)
    found = examination()
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print(as_text(found))
    return 0


def examination() -> dict[str, Any]:
    """Everything that is known about this machine."""
    home = default_home()
    folder = home
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    machine = Capabilities.load(home / "capabilities.json" if home.is_dir() else None)
    return {
        "isolation": machine.isolation,
        "identity": machine.identity,
        "reason": machine.reason,
        "capabilities": [
            {
                "name": item.name,
                "available": item.available,
                "probed": item.probed,
                "used for": item.purpose,
                "emulated": item.emulated,
                "remedy": item.remedy,
                "refused": item.refused,
            }
            for item in machine.items
        ],
        "limits": {name: {"kept": keeper.keeps, "by": keeper.why} for name, keeper in keepers(machine.isolation).items()},
        "engine": _engine(),
        "store": {"path": str(home), "free": usage.free, "writable": os.access(folder, os.W_OK)},
        "bases": [_base(base) for base in named_bases(home)],
        "catalogue": {name: shutil.which(name) or "" for name in ("apt-get", "dpkg-deb")},
        "system": {"kernel": platform.release(), "machine": platform.machine(), "python": platform.python_version(), "user": os.geteuid()},
        "distribution": {"in the way": (other := _other_distribution()), "advice": ADVICE if other else ""},
    }


def _engine() -> dict[str, str]:
    """What DOCKERLAB_ENGINE says, the daemon that it would mean, and whether one listens there."""
    from dockerlab.engine.daemon.connection import address, listens

    try:
        where = address(os.environ)
        host, answers = where.host, "yes" if listens(where) else "no" if where.host.startswith("unix://") else "not tried"
    except DockerlabError as error:
        host, answers = "", error.message
    return {"asked for": os.environ.get("DOCKERLAB_ENGINE") or "embedded", "daemon": host, "listens": answers}


def _base(base: Base) -> dict[str, str]:
    """Where a base store lies and how its layers are used, or what is wrong with it."""
    try:
        return {"path": str(base), "form": base.form, "images": str(len(base.images.all())), "problem": ""}
    except DockerlabError as error:
        return {"path": str(base), "form": "", "images": "", "problem": str(error)}


def _other_distribution() -> str:
    """Where the other `dockerlab` is installed, anywhere on the path of imports (ours may lie elsewhere, as an editable install does), or ""."""
    from importlib.metadata import distributions

    return intruder() or next((str(found.locate_file("")) for found in distributions(name=OTHER)), "")


def as_text(found: dict[str, Any]) -> str:
    """The findings for a person."""
    lines = [f"isolation: {found['isolation']}: {found['reason'] or _IDENTITY[found['identity']]}", ""]
    for item in found["capabilities"]:
        lines.append(f"{'yes' if item['available'] else 'no ':3}  {item['name']}: {item['used for']}")
        lines.append(f"     probed: {item['probed']}")
        for key in ("refused", "emulated", "remedy"):
            if item[key] and not item["available"]:
                lines.append(f"     {key}: {item[key]}")
    lines += ["", "limits of a container (run --memory, --pids-limit, --cpus, --disk, --timeout):"]
    for name, keeper in found["limits"].items():
        lines.append(f"{'yes' if keeper['kept'] else 'no ':3}  {name}: {keeper['by']}")
    store, engine = found["store"], found["engine"]
    daemon = {"yes": f"a daemon listens at {engine['daemon']}: DOCKERLAB_ENGINE=daemon uses it", "no": "no Docker daemon listens here"}
    told = daemon.get(engine["listens"]) or f"daemon {engine['daemon']}: {engine['listens']}"
    lines += [
        "",
        f"engine: {engine['asked for']}; {told}",
        f"store: {store['path']}, {human_size(store['free'])} free" + ("" if store["writable"] else ", NOT WRITABLE: set DOCKERLAB_HOME"),
    ]
    for base in found["bases"]:
        lines.append(f"base store: {base['path']}, " + (base["problem"] or f"{base['images']} images; {_FORMS[base['form']]}"))
    missing = [name for name, path in found["catalogue"].items() if not path]
    lines.append(
        "catalogue: base images can be composed"
        if not missing
        else f"catalogue: no {' and no '.join(missing)} here: bring base images in with docker save on another machine and dockerlab load"
    )
    system = found["system"]
    lines.append(f"system: Linux {system['kernel']} on {system['machine']}, Python {system['python']}, user {system['user']}")
    if found["distribution"]["in the way"]:
        lines.append(f"another distribution is in the way ({found['distribution']['in the way']}): {found['distribution']['advice']}")
    return "\n".join(lines)

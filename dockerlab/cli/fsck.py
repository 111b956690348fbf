"""`dockerlab fsck`: whether everything in the store is there and is what it was."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockerlab.data import asdict
from dockerlab.store import Store
from dockerlab.store.store import default_home

if TYPE_CHECKING:
    from dockerlab.store.fsck import Examination


def main(words: list[str]) -> int:
    """Look, tell, and put right if asked to; 0 if nothing is lost or damaged, else 1."""
    parser = argparse.ArgumentParser(
        prog="dockerlab fsck", description="Look the store through: is everything there, and is it what it was?"
    )
    parser.add_argument("--repair", action="store_true", help="remove what killed processes left, and names that lead nowhere")
    parser.add_argument("--quick", action="store_true", help="do not read the layers' contents")
    parser.add_argument("--bases", action="store_true", help="look through the base stores too, which only their owners repair")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    options = parser.parse_args(words)
    from dockerlab.store.fsck import examine, examine_base, repair

    home = default_home()
    if not Path(home / "layers").is_dir():
        print(json.dumps({"checked": {}, "problems": [], "repaired": []}) if options.json else f"{home}: no store yet")
        return 0
    store = Store.open(home)
    repaired = repair(store) if options.repair else []
    found = examine(store, contents=not options.quick)
    below = {str(base): examine_base(store, base, contents=not options.quick) for base in (store.bases if options.bases else ())}
    sound = found.sound and all(one.sound for one in below.values())
    if options.json:
        whole = {**_as_json(found), "repaired": [asdict(one) for one in repaired]}
        print(json.dumps({**whole, "bases": {path: _as_json(one) for path, one in below.items()}} if options.bases else whole, indent=2))
        return 0 if sound else 1
    for problem in repaired:
        print(f"repaired: {problem.what}: {problem.why}")
    _tell(str(home), found, "; --repair removes what is left over")
    for path, one in below.items():
        _tell(path, one, "")
    return 0 if sound else 1


def _as_json(found: Examination) -> dict[str, Any]:
    return {"checked": found.checked, "problems": [asdict(problem) for problem in found.problems]}


def _tell(home: str, found: Examination, remedy: str) -> None:
    print(f"{home}: " + ", ".join(f"{count} {kind}" for kind, count in found.checked.items()))
    for problem in found.problems:
        print(problem)
    if found.sound:
        print("nothing is lost or damaged" + (remedy if found.problems else ""))

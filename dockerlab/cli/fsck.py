"""`dockerlab fsck`: whether everything in the store is there and is what it was."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from dockerlab.data import asdict
from dockerlab.store import Store
from dockerlab.store.store import default_home


def main(words: list[str]) -> int:
    """Look, tell, and put right if asked to; 0 if nothing is lost or damaged, else 1."""
    parser = argparse.ArgumentParser(
        prog="dockerlab fsck", description="Look the store through: is everything there, and is it what it was?"
    )
    parser.add_argument("--repair", action="store_true", help="remove what killed processes left, and names that lead nowhere")
    parser.add_argument("--quick", action="store_true", help="do not read the layers' contents")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    options = parser.parse_args(words)
    from dockerlab.store.fsck import examine, repair

    home = default_home()
    if not Path(home / "layers").is_dir():
        print(json.dumps({"checked": {}, "problems": [], "repaired": []}) if options.json else f"{home}: no store yet")
        return 0
    store = Store.open(home)
    repaired = repair(store) if options.repair else []
    found = examine(store, contents=not options.quick)
    if options.json:
        problems = [asdict(problem) for problem in found.problems]
        print(json.dumps({"checked": found.checked, "problems": problems, "repaired": [asdict(one) for one in repaired]}, indent=2))
        return 0 if found.sound else 1
    print(f"{home}: " + ", ".join(f"{count} {kind}" for kind, count in found.checked.items()))
    for problem in repaired:
        print(f"repaired: {problem.what}: {problem.why}")
    for problem in found.problems:
        print(problem)
    if found.sound:
        print("nothing is lost or damaged" + ("; --repair removes what is left over" if found.problems else ""))
    return 0 if found.sound else 1

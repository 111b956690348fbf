"""`dockerlab compare IMAGE1 IMAGE2`: which layers both have, how their configurations differ, and their files. `docker diff` is another thing: a container's changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dockerlab.language import say
from dockerlab.layers.entry import Entry
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.listing import align
from dockerlab.verbs.sharing import User, shared_layers, user_of
from dockerlab.verbs.units import counted, cut, human_size

if TYPE_CHECKING:
    from dockerlab.engine import Engine
    from dockerlab.layers.compare import Difference

Json = dict[str, Any]
_SHOWN = 20
"""Paths in the summary; --files shows all."""
_KEYS = ("Architecture", "Os", "Author", "Created")
_TABLES = ("Labels", "ExposedPorts", "Volumes")


def compare(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`dockerlab compare [--files] [--json] IMAGE1 IMAGE2`; a container's name stands for the image that it was made of, and its own layer is told apart."""
    users = [user_of(engine, name) for name in parsed.words]
    inspected = [engine.image_inspect(user.image) for user in users]
    config = list(config_differences(*inspected))
    files = _differences(engine, users)
    if parsed.text("format") == "json":
        for text in _json(engine, users, config, files):
            terminal.say(text)
        return 0
    terminal.say(_layers_text(engine, users) + "\n" + _config_text(users, config) + "\n")
    for text in _files_text(files, parsed.on("files")):
        terminal.say(text)
    return 0


def _differences(engine: Engine, users: list[User]) -> Iterator[Difference]:
    from dockerlab.layers.compare import differences

    first, second = (engine.image_inside(user.image) for user in users)
    if first.config.diff_ids != second.config.diff_ids:
        yield from differences(first.files, second.files)


# --- layers


def _layers_text(engine: Engine, users: list[User]) -> str:
    first, second = (dict(user.layers) for user in users)
    rows = [["LAYER", "SIZE", *("IN " + user.name for user in users), "INSTRUCTION"]]
    seen: set[str] = set()
    for user in users:
        for facts in engine.image_inside(user.image).layers:
            if facts.diff_id not in seen:
                seen.add(facts.diff_id)
                marks = ["yes" if facts.diff_id in own else "-" for own in (first, second)]
                rows.append([facts.diff_id[7:19], human_size(facts.size), *marks, cut(" ".join(facts.instruction.split()), 60)])
    rows += [
        [
            "(container)",
            human_size(user.own),
            *("yes" if other is user else "-" for other in users),
            say("writable layer", "쓰기 가능한 컨테이너 레이어"),
        ]
        for user in users
        if user.container
    ]
    count, saved = _shared(users)
    return align(rows, 8) + say(
        f"{counted(count, 'layer')} in both, stored once: that saves {human_size(saved, 4)}.\n",
        f"레이어 {count}개가 양쪽에 있고 한 번만 저장됩니다: {human_size(saved, 4)}를 아낍니다.\n",
    )


def _shared(users: list[User]) -> tuple[int, int]:
    """How many layers both have, and the bytes that saves."""
    shared = shared_layers([User(str(number), user.image, user.layers) for number, user in enumerate(users)])
    return len(shared), sum(one.saved for one in shared)


# --- configurations


def config_differences(first: Json, second: Json) -> Iterator[tuple[str, Any, Any]]:
    """(key, the first's value, the second's; None where there is none) of what two images' `inspect` tells of their configuration."""
    one, other = _flat(first), _flat(second)
    for key in dict.fromkeys([*one, *other]):
        if one.get(key) != other.get(key):
            yield key, one.get(key), other.get(key)


def _flat(image: Json) -> Json:
    out: Json = {key: image.get(key) for key in _KEYS}
    for key, value in (image.get("Config") or {}).items():
        if key == "Env":
            out.update({f"Env.{name}": text for name, _, text in (pair.partition("=") for pair in value or ())})
        elif key in _TABLES:
            out.update({f"{key}.{name}": text for name, text in (value or {}).items()})
        elif value not in (None, "", [], {}, False):
            out[key] = value
    return out


def _shown(value: Any) -> str:
    return "-" if value is None else cut(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 50)


def _config_text(users: list[User], config: list[tuple[str, Any, Any]]) -> str:
    if not config:
        return say("The configurations are the same.\n", "설정은 같습니다.\n")
    return align([["CONFIGURATION", *(user.name for user in users)], *([key, _shown(one), _shown(other)] for key, one, other in config)])


# --- files


def _files_text(files: Iterator[Difference], every: bool) -> Iterator[str]:
    counts, more, batch = dict.fromkeys("ACD", 0), 0, []
    for one in files:
        counts[one.change] += 1
        if every or sum(counts.values()) <= _SHOWN:
            batch.append(_line(one))
        else:
            more += 1
        if len(batch) > 1000:
            yield "".join(batch)
            batch.clear()
    yield "".join(batch)
    if more:
        yield say(f"… and {counted(more, 'path')} more; --files shows all\n", f"… 그 밖에 경로 {more}개; --files로 모두 볼 수 있습니다\n")
    if not any(counts.values()):
        yield say("The files are the same.\n", "파일은 같습니다.\n")
        return
    yield say(
        f"{counted(counts['A'], 'path')} only in the second, {counts['D']} only in the first, {counts['C']} differ (times are not compared).\n",
        f"두 번째에만 있는 경로 {counts['A']}개, 첫 번째에만 있는 경로 {counts['D']}개, 서로 다른 경로 {counts['C']}개 (시각은 비교하지 않습니다).\n",
    )


def _line(one: Difference) -> str:
    entries = [entry for entry in (one.first, one.second) if entry is not None]
    sizes = " -> ".join(dict.fromkeys(human_size(entry.size) for entry in entries if entry.kind == "file"))
    path = one.path if one.path.isprintable() else json.dumps(one.path)
    return f"{one.change} {path}" + (f"  {', '.join(one.what)}" if one.what else "") + (f"  {sizes}" if sizes else "") + "\n"


# --- as JSON


def _json(engine: Engine, users: list[User], config: list[tuple[str, Any, Any]], files: Iterator[Difference]) -> Iterator[str]:
    """One object, a line a path; its schema is in docs/images.md."""
    first, second = (dict(user.layers) for user in users)
    count, saved = _shared(users)
    head = {
        "images": [
            {"name": user.name, "id": user.image} | ({"container": True, "own": user.own} if user.container else {}) for user in users
        ],
        "shared": {"layers": [diff_id for diff_id in first if diff_id in second], "count": count, "saved": saved},
        "only_first": [diff_id for diff_id in first if diff_id not in second],
        "only_second": [diff_id for diff_id in second if diff_id not in first],
        "config": [{"key": key, "first": one, "second": other} for key, one, other in config],
    }
    yield json.dumps(head)[:-1] + ',"files":[\n'
    comma = ""
    for one in files:
        both = {key: _entry_json(entry) for key, entry in (("first", one.first), ("second", one.second))}
        yield comma + json.dumps({"path": one.path, "change": one.change, "what": list(one.what), **both})
        comma = ",\n"
    yield "]}\n"


def _entry_json(entry: Entry | None) -> Json | None:
    if entry is None:
        return None
    out: Json = {"kind": entry.kind, "size": entry.size, "mode": f"{entry.mode:04o}", "uid": entry.uid, "gid": entry.gid}
    return out | ({"link": entry.link} if entry.link else {})

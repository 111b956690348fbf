"""The rooms that are played elsewhere, played by a process of its own beside the rest of the suite, which uses one core of two.

begin([("user", "runtime"), ("user", "verbs"), ("root-in-a-pod", "runtime")])     each after the one before it
played("user", "verbs")                                                           waits for it, and tells how it went
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from dockerlab.runtime import Capabilities
from tests.isolations.places import ISOLATIONS, NotHere, Place, entered, own_name
from tests.isolations.played import PLAYED
from tests.isolations.playing import Counts, Failed, play

Chosen = tuple[str, str, str]


@dataclass
class Played:
    """How a room went in an isolation: what was chosen there, the counts, pytest's words if some failed; or why it could not be entered, and what to install."""

    chosen: Chosen = ("", "", "")
    counts: Counts = field(default_factory=Counts)
    failed: str = ""
    not_here: str = ""
    remedy: str = ""


_FUTURES: dict[tuple[str, str], Future[Played]] = {}


def begin(rows: Iterable[tuple[str, str]]) -> None:
    """Play all of them, in this order, with the environment and from the folder that there are now."""
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    _FUTURES.update({(name, room): pool.submit(_play, name, room) for name, room in rows})
    pool.shutdown(wait=False)


def played(name: str, room: str) -> Played:
    """How it went, as soon as it is over."""
    return _FUTURES[name, room].result()


def end() -> None:
    """What was not begun will not be."""
    for future in _FUTURES.values():
        future.cancel()


def enter(name: str, here: Capabilities, stack: ExitStack) -> Place:
    """An isolation that gives what it is there for; NotHere where this machine does not have it. `here`: what dockerlab chooses where the suite itself runs."""
    one = ISOLATIONS[name]
    place = stack.enter_context(entered(one))
    isolation, _, reason = place.chosen
    if isolation not in one.gives and here.isolation != "namespaces":
        raise NotHere(f"this machine refuses what would make it one: {here.reason}")
    assert isolation in one.gives, f"{isolation} was chosen, not {' or '.join(one.gives)}: {reason}"
    return place


def _play(name: str, room: str) -> Played:
    """In the other process; in a home of its own."""
    here = Capabilities.load(None)
    if name == own_name(here.isolation):
        return Played(not_here="that is what this run itself is in")
    with ExitStack() as stack:
        try:
            place = enter(name, here, stack)
            return Played(place.chosen, play(place, PLAYED[name][room]))
        except NotHere as error:
            return Played(not_here=str(error), remedy=error.remedy)
        except Failed as failed:
            return Played(place.chosen, failed.counts, str(failed))

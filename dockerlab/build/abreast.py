"""Stages side by side, in one thread: each is a generator that says when it waits, for a process or for another stage, and the others go on meanwhile.

    build: FROM, RUN make ···waits for the process······· done
    tests: FROM, RUN pytest ····waits for the process· done
    final: FROM, RUN apk add ····waits·· COPY --from=build: waits until build has ended ··· done

Processes do run at the same time; what we do ourselves (COPY, hashing) is done in turn. Nothing is shared between threads, an interrupt arrives in one
place, and the same build tells the same steps whatever the clock does, but for what they wait for.
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator

from dockerlab.build.events import BuildEvent, StepDone
from dockerlab.data import dataclass
from dockerlab.runtime.spec import Waiting


@dataclass(frozen=True)
class Until:
    """Go on with me when this holds; one of the others will make it so."""

    holds: Callable[[], bool]


Task = Generator[BuildEvent | Waiting | Until, None, None]


def abreast(tasks: Iterable[Task]) -> Iterator[BuildEvent]:
    """The events of all tasks as they come. The first error ends them all: processes are killed, and it is raised; so does closing it."""
    ready: deque[Task] = deque(tasks)
    parked: dict[Task, Waiting | Until] = {}
    try:
        while ready or parked:
            while ready:
                task = ready[0]
                for item in task:
                    if isinstance(item, Waiting | Until):
                        parked[ready.popleft()] = item
                        break
                    yield item
                    if isinstance(item, StepDone):  # a step of this stage, then one of the next
                        ready.rotate(-1)
                        break
                else:
                    ready.popleft()
                _wake(parked, ready)
            if parked:
                _wait(parked, ready)
    finally:
        for task in (*ready, *parked):
            task.close()


def _wake(parked: dict[Task, Waiting | Until], ready: deque[Task]) -> None:
    """Those whose condition holds now."""
    for task, item in list(parked.items()):
        if isinstance(item, Until) and item.holds():
            del parked[task]
            ready.append(task)


def _wait(parked: dict[Task, Waiting | Until], ready: deque[Task]) -> None:
    """Sleep until a process has something to say, or somebody wants to look again."""
    poll = select.poll()
    owner: dict[int, Task] = {}
    pauses: dict[Task, float] = {}
    for task, item in parked.items():
        if isinstance(item, Waiting):
            for fd in item.fds:
                owner[fd] = task
                poll.register(fd, select.POLLIN)
            if item.seconds is not None:
                pauses[task] = item.seconds
    assert owner or pauses, "every stage waits for another one"
    heard = {owner[fd] for fd, _ in poll.poll(min(pauses.values()) * 1000 if pauses else None)}
    for task in [task for task in parked if task in heard or task in pauses]:
        del parked[task]
        ready.append(task)

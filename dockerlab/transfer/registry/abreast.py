"""Several layers at once, each in a thread of its own, and one stream of what they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from dockerlab.transfer.registry.client import Registry, Stopped
from dockerlab.transfer.registry.progress import Progress

Tell = Callable[[Progress], None]
_T = TypeVar("_T")
_PATIENCE = 10.0
"""Seconds that threads have to let go once their connections were shut."""


def abreast(registry: Registry, items: Iterable[_T], at_once: int, do: Callable[[_T, Tell], None]) -> Iterator[Progress]:
    """Do it with every item, in order, so many at a time; what they tell as it comes.

    The first error is raised, and what the others do ends then, as it does when the generator is closed.
    """
    todo = list(reversed(list(items)))
    told: SimpleQueue[Progress | BaseException | None] = SimpleQueue()

    def work() -> None:
        try:
            while todo:
                try:
                    item = todo.pop()
                except IndexError:  # another thread was quicker
                    break
                do(item, told.put)
        except Stopped:
            pass
        except BaseException as error:  # whoever waits for us raises it
            told.put(error)
        finally:
            told.put(None)

    threads = [Thread(target=work, daemon=True) for _ in range(min(at_once, len(todo)))]
    for thread in threads:
        thread.start()
    at_work = len(threads)
    try:
        while at_work:
            said = told.get()
            if said is None:
                at_work -= 1
            elif isinstance(said, BaseException):
                raise said
            else:
                yield said
    except BaseException:
        todo.clear()
        registry.stop()
        raise
    finally:
        for thread in threads:
            thread.join(_PATIENCE)

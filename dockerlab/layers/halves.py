"""Work that is mostly the kernel's, done by two threads: it lets go of the interpreter meanwhile, and files are copied in little more than half the time.

Which of the items comes first is not settled; whoever calls sees to it that none needs another.
"""

from __future__ import annotations

import os
from _thread import allocate_lock, start_new_thread  # `threading` has the same ones, and takes a millisecond
from collections.abc import Callable, Sequence
from typing import TypeVar

FEW = 256
"""Below so many items a second thread is not worth its while."""
_T = TypeVar("_T")


def in_halves(items: Sequence[_T], do: Callable[[_T], None]) -> None:
    """Do it with every item. The first error ends both halves, and is raised once neither is at work any more; so is an interrupt."""
    if len(items) < FEW or (os.cpu_count() or 1) < 2:
        for item in items:
            do(item)
        return
    half = _Half(items[len(items) // 2 :], do)
    start_new_thread(half.run, ())
    try:
        for item in items[: len(items) // 2]:
            if half.error is not None:
                break
            do(item)
    except BaseException:
        half.stop()
        raise
    half.join()
    if half.error is not None:
        raise half.error


class _Half:
    """The half that the second thread does."""

    def __init__(self, items: Sequence[_T], do: Callable[[_T], None]) -> None:
        self._items, self._do, self._stopped = items, do, False
        self.error: BaseException | None = None
        self._at_work = allocate_lock()
        self._at_work.acquire()

    def run(self) -> None:
        try:
            for item in self._items:
                if self._stopped:
                    break
                self._do(item)
        except BaseException as error:  # whatever it is, it is raised where it was asked for
            self.error = error
        finally:
            self._at_work.release()

    def join(self) -> None:
        """Wait for its end. An interrupt meanwhile stops it first."""
        try:
            self._at_work.acquire()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Wait for the end of what it is doing; nothing more is begun."""
        self._stopped = True
        self._at_work.acquire()

"""The channel between whoever started or attached to a process and its keeper: its end, signals, the size of its terminal."""

from __future__ import annotations

import select
from _socket import socket as Socket
from collections.abc import Callable

from dockerlab.errors import ContainerStartError, Detached, RuntimeUnavailableError
from dockerlab.runtime.helper import wire
from dockerlab.store.files import FULL


class Control:
    """The channel to a keeper, held by who started it. Closing it detaches: the container goes on."""

    def __init__(self, channel: Socket) -> None:
        self._channel = channel
        self.error = ""
        """Why the container was ended, where one of our own limits did it."""
        self.on_resize: Callable[[int, int], None] = lambda rows, columns: None
        """Called with the terminal's new size."""

    def wait(self) -> int:
        """The exit code; KeyboardInterrupt passes through and leaves the container running. Detached if the detach keys were typed."""
        message = next_message(self._channel)
        if message is None:
            return 137  # the keeper was killed, and everything with it
        if message["event"] == "detached":
            raise Detached
        self.error = str(message.get("error", ""))
        return int(str(message["code"]))

    def ends_within(self, seconds: float) -> bool:
        """Wait so long at most for the end, which `wait` then tells at once."""
        poll = select.poll()
        poll.register(self._channel.fileno(), select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def signal(self, number: int, *, group: bool = False) -> None:
        """Signal the process; `group`: of an exec, the processes that it has started too, as a terminal's Ctrl-C does."""
        wire.send(self._channel, {"signal": int(number), "group": group})

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of its terminal."""
        wire.send(self._channel, {"size": [rows, columns]})
        self.on_resize(rows, columns)

    def close(self) -> None:
        """Detach."""
        self._channel.close()

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def checked(message: wire.Message) -> wire.Message:
    """An event, or the error that it tells."""
    if message["event"] != "failed":
        return message
    text = str(message["message"])
    if message["kind"] == "unavailable":
        if full := FULL.get(int(str(message["errno"]))):
            raise ContainerStartError(f"the store can't be written: {full[0]}", hint=full[1])
        raise RuntimeUnavailableError(
            f"this machine refused to make a container: {text}", hint="`dockerlab doctor` says what is missing and what would help"
        )
    raise ContainerStartError(text, exit_code=int(message["code"]))  # type: ignore[call-overload]


def next_message(channel: Socket) -> wire.Message | None:
    """What the keeper says next, None if it is gone; raises the error that it tells."""
    message, _ = wire.receive(channel)
    return None if message is None else checked(message)

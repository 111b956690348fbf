"""Cells, one after the other, in a room's kernel: fed when their turn comes, each with its time, and whatever they do the next one is reached."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from nbformat.v4 import output_from_msg

from dockerlab.course.room.integrity import JUDGES
from dockerlab.course.room.room import Room
from dockerlab.data import dataclass, replace

Json = dict[str, Any]
START_SECONDS = 60.0
GRACE = 5.0
"""Seconds for a cell to heed an interrupt."""
MOST_OUTPUT = 4 << 20
"""Characters of a cell's output that are kept."""
_CHANNELS = ("shell", "iopub", "stdin", "control", "hb")


@dataclass(frozen=True)
class Ran:
    """What came of a cell. `status`: "ok", "error", "late" (interrupted), "deaf" (late, and killed since it heeded no interrupt), "dead" (the kernel ended).

    `outputs` are the notebook format's; `count` is the number that the kernel gave the cell; `over` is what there was too much of, if that ended it.
    """

    status: str
    outputs: tuple[Json, ...] = ()
    error: str = ""
    count: int = 0
    over: str = ""


class Kernel:
    """A kernel in a room. It is there after `start`, and gone where a cell's status is "dead" or "deaf"."""

    def __init__(self, room: Room, folder: str, environment: dict[str, str]) -> None:
        """`folder`: the name of the one in the room's own where cells run."""
        self._room, self._folder, self._environment = room, folder, environment
        self._client: BlockingKernelClient | None = None
        self._started = 0

    def start(self) -> bool:
        """Whether it answers."""
        self.close()
        self._started += 1
        name = f"kernel-{self._started}"
        ports = {f"{channel}_port": number for number, channel in enumerate(_CHANNELS, 1)}
        info: Json = {"transport": "ipc", "key": uuid.uuid4().hex, "signature_scheme": "hmac-sha256", "kernel_name": "python3", **ports}
        scratch, inside = self._room.plan.scratch, self._room.inside
        path = scratch / f"{name}.json"
        path.write_text(json.dumps({**info, "ip": str(inside / name)}))
        self._room.start_kernel(inside / path.name, inside / self._folder, self._environment)
        self._client = BlockingKernelClient()
        ours: Any = {**info, "ip": str(scratch / name)}
        self._client.load_connection_info(ours)
        return self._is_ready(scratch / f"{name}-{ports['iopub_port']}")

    def _is_ready(self, socket: Path) -> bool:
        """Connect when its last socket is there (a failed connect is tried again only later), and speak until it is heard on both channels."""
        end = time.monotonic() + START_SECONDS
        while not socket.exists():
            event = self._room.heard(0.002)
            if (event and event[0] == "ended") or time.monotonic() > end:
                return False
        client = self._connected()
        client.start_channels(shell=True, iopub=True, stdin=False, hb=False, control=False)
        asked = set()
        replied = heard = False
        while time.monotonic() < end:
            if not replied or not heard:
                asked.add(client.kernel_info())
            for channel in (client.shell_channel, client.iopub_channel):
                while channel.socket.poll(0 if channel is client.iopub_channel and not replied else 50):
                    message = channel.get_msg(timeout=0)
                    if message["parent_header"].get("msg_id") in asked:
                        replied, heard = replied or channel is client.shell_channel, heard or channel is client.iopub_channel
                    if replied and heard:
                        return True
            event = self._room.heard()
            if event and event[0] == "ended":
                return False
        return False

    def _connected(self) -> BlockingKernelClient:
        assert self._client is not None
        return self._client

    def run(self, source: str, seconds: float, *, judges: bool = False) -> Ran:
        """Run one cell. `judges`: it is one of the instructor's that decides about points."""
        client = self._connected()
        request = client.session.msg(
            "execute_request",
            {
                "code": source,
                "silent": False,
                "store_history": not judges,
                "user_expressions": {},
                "allow_stdin": False,
                "stop_on_error": False,
            },
            metadata={JUDGES: True} if judges else {},
        )
        client.shell_channel.send(request)
        ran = _Watched(self._room, client, request["header"]["msg_id"], seconds).ran()
        # a reply tells the number before the next one, which a cell that is not kept in the history has itself
        return replace(ran, count=ran.count + judges)

    def close(self) -> None:
        """Let go of it."""
        if self._client is not None:
            self._client.stop_channels()
            self._client.context.destroy(linger=0)
            self._client = None


class _Watched:
    """One request, until it is answered or nobody is left to answer."""

    def __init__(self, room: Room, client: BlockingKernelClient, request: str, seconds: float) -> None:
        self._room, self._client, self._request = room, client, request
        self._end = time.monotonic() + seconds
        self._outputs: list[Json] = []
        self._size = 0
        self._reply: Json | None = None
        self._idle = self._late = self._killed = False
        self._over = ""
        self._poller = zmq.Poller()
        for what in (client.shell_channel.socket, client.iopub_channel.socket, room.events.fileno()):
            self._poller.register(what, zmq.POLLIN)

    def ran(self) -> Ran:
        dead = False
        while not dead and not (self._reply and self._idle):
            left = self._end - time.monotonic()
            ready = dict(self._poller.poll(int(max(0, left) * 1000)))
            if self._client.iopub_channel.socket in ready:
                self._take_output(self._client.iopub_channel.get_msg(timeout=0))
            if self._client.shell_channel.socket in ready:
                self._take_reply(self._client.shell_channel.get_msg(timeout=0))
            if self._room.events.fileno() in ready:
                event = self._room.heard()
                dead = event is None or event[0] == "ended"
                if event and event[0] == "over":
                    self._over = str(event[1])
            elif not ready and left <= 0:
                self._hurry()
        return self._told(dead)

    def _hurry(self) -> None:
        """Its time is over: interrupt it, then kill it."""
        if self._reply:  # and only the last of its outputs is missing
            self._idle = True
        elif not self._late:
            self._late = True
            self._room.tell("interrupt")
        else:
            self._killed = True
            self._room.tell("kill")
        self._end = time.monotonic() + GRACE

    def _take_reply(self, message: Json) -> None:
        if message["parent_header"].get("msg_id") == self._request and message["msg_type"] == "execute_reply":
            self._reply = message["content"]
            self._end = max(self._end, time.monotonic() + GRACE)

    def _take_output(self, message: Json) -> None:
        if message["parent_header"].get("msg_id") != self._request:
            return
        kind = message["msg_type"]
        if kind == "status":
            self._idle = self._idle or message["content"]["execution_state"] == "idle"
        elif kind in ("stream", "display_data", "execute_result", "error"):
            self._size += len(str(message["content"]))
            if self._size <= MOST_OUTPUT or kind in ("execute_result", "error"):
                self._outputs.append(dict(output_from_msg(message)))

    def _told(self, dead: bool) -> Ran:
        outputs = tuple(self._outputs)
        if dead:
            return Ran("deaf" if self._killed else "dead", outputs, over=self._over)
        reply = self._reply or {}
        error = f"{reply.get('ename', '')}: {reply.get('evalue', '')}".split("\n")[0][:500] if reply.get("status") != "ok" else ""
        status = "late" if self._late else "error" if error else "ok"
        return Ran(status, outputs, error, int(reply.get("execution_count") or 0), self._over)

"""What a container of an image does, for checks: run it with a command, or ask its server for a page; it is gone afterwards, whatever it did.

The image is a learner's own and may be anything: its container gets some seconds, of its output and answer no more than a megabyte is read.
"""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dockerlab.course.expectations import About, Expectation, Number, Words
from dockerlab.course.saying import Text, filled, same, say
from dockerlab.engine import ContainerSpec, Engine
from dockerlab.engine.specs import PortBinding
from dockerlab.errors import DockerlabError

if TYPE_CHECKING:
    from dockerlab.course.images import ImageSubject

_MOST = 1 << 20
_PAUSE = 0.05
"""Seconds between two questions to a server that is not there yet."""
_ANOTHER = 1.0
"""Seconds for which one answer may take."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""No proxy of the environment stands between a check and a container."""


class Ran:
    """A command that ran to its end in a container."""

    def __init__(self, about: About, code: int, output: str) -> None:
        self._about, self._code, self._output = about, code, output

    def _named(self, en: str, ko: str) -> About:
        return About(filled(say(en, ko), command=self._about.what), self._about.where, self._about.missing)

    @property
    def code(self) -> Number:
        """Its exit code."""
        return Number(self._named("exit code of {command}", "{command}의 종료 코드"), self._code)

    @property
    def output(self) -> Words:
        """What it printed, errors too."""
        return Words(self._named("output of {command}", "{command}의 출력"), self._output)

    def prints(self, *texts: str) -> Expectation:
        """These stand in its output."""
        return self.output.contains(*texts)

    def exits(self, code: int = 0) -> Expectation:
        """It ended with this code."""
        return self.code == code


class Answer:
    """What a server said."""

    def __init__(self, about: About, status: int, text: str) -> None:
        self._about, self._status, self._text = about, status, text

    @property
    def status(self) -> Number:
        """HTTP's status: 200, 404 …"""
        return Number(self._about, self._status)

    @property
    def text(self) -> Words:
        """The page."""
        return Words(self._about, self._text)

    def contains(self, *texts: str) -> Expectation:
        """The page has these parts."""
        return self.text.contains(*texts)


def run(
    image: ImageSubject, command: Sequence[str], *, entrypoint: str | None, env: Sequence[str], user: str | None, seconds: float
) -> Ran:
    """See `ImageSubject.run`."""
    shown = " ".join(["%docker run --rm", *(f"-e {one}" for one in env), *([f"-u {user}"] if user else []), image.name, *command])
    about = About(same(shown.removeprefix("%")), same(shown), image.missing)
    if image.missing:
        return Ran(about, 0, "")
    spec = ContainerSpec(
        image.name, tuple(command), entrypoint=None if entrypoint is None else (entrypoint,), env=tuple(env), user=user, pull="never"
    )
    try:
        with _container(image.engine, spec) as name:
            late = _wait(image.engine, name, seconds)
            output = output_of(image.engine, name)
            code = int(image.engine.container_inspect(name)["State"]["ExitCode"])
    except DockerlabError as error:
        return Ran(About(about.what, about.where, same(error.message)), 0, "")
    if late:
        missing = filled(say("it had not ended after {n} seconds", "{n}초가 지나도 끝나지 않았습니다"), n=f"{seconds:g}")
        return Ran(About(about.what, about.where, missing), code, output)
    return Ran(about, code, output)


def ask(image: ImageSubject, path: str, port: int, command: Sequence[str], seconds: float) -> Answer:
    """See `ImageSubject.answers`."""
    what = filled(say("http://…:{port}{path} of {image}", "{image}의 http://…:{port}{path}"), port=port, path=path, image=image.name)
    where = same(f"%docker run -d -p 8080:{port} {image.name}, %docker logs")
    if image.missing:
        return Answer(About(what, where, image.missing), 0, "")
    spec = ContainerSpec(image.name, tuple(command), ports=(PortBinding(port, host_ip="127.0.0.1"),), pull="never")
    try:
        with _container(image.engine, spec) as name:
            status, text = _fetched(image.engine, name, path, port, seconds)
            said = "" if status else output_of(image.engine, name)
    except DockerlabError as error:
        return Answer(About(what, where, same(error.message)), 0, "")
    if not status:
        missing: Text = say("nobody answers", "응답이 없습니다")
        if said.strip():
            missing = filled(
                say("nobody answers; its log: {said}", "응답이 없습니다. 로그: {said}"), said=said.strip().splitlines()[-1][:120]
            )
        return Answer(About(what, where, missing), 0, "")
    return Answer(About(what, where), status, text)


@contextmanager
def _container(engine: Engine, spec: ContainerSpec) -> Iterator[str]:
    name = engine.create(spec)
    try:
        engine.start(name)
        yield name
    finally:
        engine.remove(name, force=True, volumes=True)


def _wait(engine: Engine, name: str, seconds: float) -> bool:
    """Wait for its end; whether it had to be made."""
    late = threading.Event()

    def end() -> None:
        late.set()
        with suppress(DockerlabError):
            engine.kill(name)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        engine.wait(name)
    finally:
        timer.cancel()
    return late.is_set()


def output_of(engine: Engine, name: str) -> str:
    """What a container has printed; the first megabyte."""
    kept, size = [], 0
    for _, _, data in engine.logs(name):
        kept.append(data)
        size += len(data)
        if size > _MOST:
            break
    return b"".join(kept).decode("utf-8", "replace")[:_MOST]


def _fetched(engine: Engine, name: str, path: str, port: int, seconds: float) -> tuple[int, str]:
    """(status, page) once a server answers; (0, "") if the container ends before, or the time does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = engine.container_inspect(name)
        bound = (state["NetworkSettings"]["Ports"] or {}).get(f"{port}/tcp") or []
        if not state["State"]["Running"]:
            break
        if bound:
            try:
                return _page(f"http://127.0.0.1:{bound[0]['HostPort']}{path}")
            except urllib.error.HTTPError as error:
                return error.code, ""
            except (TimeoutError, OSError, ValueError):
                pass  # not there yet
        time.sleep(_PAUSE)
    return 0, ""


def _page(address: str) -> tuple[int, str]:
    with _DIRECT.open(address, timeout=_ANOTHER) as answer:
        return int(answer.status), answer.read(_MOST).decode("utf-8", "replace")

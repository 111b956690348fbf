"""`dockerlab tour`: the course's whole story in a terminal, every line of output real."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from dockerlab.engine import Engine, open_engine
from dockerlab.notebook.layer_stack import LayerStack
from dockerlab.notebook.words import language
from dockerlab.oci import short_id
from dockerlab.runtime.capabilities import Capabilities
from dockerlab.store.store import default_home
from dockerlab.verbs.dispatch import execute, standard_terminal
from dockerlab.verbs.units import human_size

_FILES = {
    "Dockerfile": "FROM nginx\nCOPY default.conf /etc/nginx/conf.d/default.conf\nCOPY index.html /usr/share/nginx/html/index.html\n",
    "default.conf": "server {\n    listen 80;\n    root /usr/share/nginx/html;\n    add_header X-Tour yes;\n}\n",
    "index.html": "<h1>Built layer by layer</h1>\n",
}
_NAMES = ("one", "two", "site")
_SAYS = {
    "bases": {
        "en": "The base image. Here it comes from the catalogue, composed from Debian packages: no registry, no root.",
        "ko": "베이스 이미지입니다. 카탈로그에서 데비안 패키지로 만들었습니다. 레지스트리도 루트 권한도 필요 없습니다.",
    },
    "dockerfile": {"en": "A Dockerfile: nginx, then its configuration, then the page.", "ko": "Dockerfile입니다. nginx, 설정, 페이지의 순서로 쌓습니다."},
    "build": {"en": "Each COPY becomes one read-only layer above nginx.", "ko": "COPY마다 nginx 위에 읽기 전용 레이어가 하나씩 생깁니다."},
    "again": {"en": "The same again: nothing changed, so every step comes from the cache.", "ko": "다시 빌드하면 바뀐 것이 없으므로 모든 단계가 캐시에서 나옵니다."},
    "layers": {"en": "The image, newest layer on top:", "ko": "이미지의 레이어입니다. 가장 새 레이어가 위에 있습니다."},
    "history": {"en": "The history, newest first. Lines of 0B changed only metadata.", "ko": "이력입니다. 최신이 위에 있습니다. 0B인 줄은 메타데이터만 바꾼 것입니다."},
    "run": {"en": "Two containers of one image. They share its layers; each has a writable layer of its own.", "ko": "이미지 하나로 컨테이너 두 개를 실행합니다. 레이어는 공유하고 쓰기 가능한 레이어는 따로 있습니다."},
    "create": {"en": "This machine starts no containers ({}), so these two are only created; layers are layers all the same.", "ko": "이 컴퓨터에서는 컨테이너를 시작할 수 없어({}) 두 컨테이너를 만들기만 합니다. 레이어는 똑같이 볼 수 있습니다."},
    "change": {"en": "Change the page in one of them …", "ko": "그중 하나에서 페이지를 바꿉니다 …"},
    "diff": {"en": "… and only that container's writable layer has it (copy-on-write).", "ko": "… 그 컨테이너의 쓰기 가능한 레이어에만 나타납니다(카피 온 라이트)."},
    "nothing": {"en": "  (nothing: this container's writable layer is empty)", "ko": "  (없음: 이 컨테이너의 쓰기 가능한 레이어는 비어 있습니다)"},
    "commit": {"en": "Commit: the writable layer becomes one more read-only layer of a new image.", "ko": "커밋하면 쓰기 가능한 레이어가 새 이미지의 읽기 전용 레이어가 됩니다."},
    "shared": {"en": "One new layer; the others are the same in both images, and lie on the disk once:", "ko": "새 레이어는 하나입니다. 나머지는 두 이미지가 공유하며 디스크에는 한 번만 있습니다:"},
    "layer": {"en": "layer", "ko": "레이어"},
    "only": {"en": "tour:2 only", "ko": "tour:2에만"},
    "serve": {"en": "Serve the new image on loopback and ask it for the page.", "ko": "새 이미지를 루프백에서 실행하고 페이지를 요청합니다."},
    "unserved": {"en": "Here a container would serve the page; `dockerlab doctor` says what this machine lacks for it.", "ko": "여기서 컨테이너가 페이지를 보여 줄 차례입니다. 무엇이 부족한지는 `dockerlab doctor`가 알려 줍니다."},
    "clean": {"en": "Clear up: the containers go, the images stay.", "ko": "정리합니다. 컨테이너는 지우고 이미지는 남깁니다."},
}  # fmt: skip
_PAGE = "/usr/share/nginx/html/index.html"
_CHANGED = "<h1>Changed in a container</h1>"


def _quoted(word: str) -> str:
    """The word as a shell takes it, and as few marks as that needs."""
    if " " not in word:
        return word
    return f"'{word}'" if '"' in word else f'"{word}"'


class Tour:
    """One walk through the story. `obstacle` says why this machine starts no containers, or is empty."""

    def __init__(self, engine: Engine, language: str, folder: Path, obstacle: str = "") -> None:
        self.engine, self.language, self.folder, self.obstacle = engine, language, folder, obstacle
        self.terminal = standard_terminal()
        self.terminal.cwd = str(folder)
        self.terminal.stdin = None
        self.made: list[str] = []
        taken = {item["Name"].lstrip("/") for item in engine.containers(all=True)}
        suffix = next(
            text for text in ("", *(f"-{number}" for number in range(2, 1000))) if not {f"tour-{n}{text}" for n in _NAMES} & taken
        )
        self.one, self.two, self.site = (f"tour-{name}{suffix}" for name in _NAMES)

    def say(self, key: str) -> None:
        """A sentence of the story."""
        self.terminal.line(f"\n# {_SAYS[key][self.language].format(self.obstacle)}")

    def docker(self, *words: str) -> None:
        """Show a command and do it. DockerlabError if it fails: the story can't go on without it."""
        self.terminal.line("$ docker " + " ".join(_quoted(word) for word in words))
        execute(list(words), lambda: self.engine, self.terminal)

    def walk(self) -> None:
        """The whole story."""
        self._build()
        try:
            self._containers()
            self._change()
            self._commit()
            if self.obstacle:
                self.say("unserved")
            else:
                self._serve()
        finally:
            self._clean()

    def _clean(self) -> None:
        """Remove the story's containers, also where nobody reads on."""
        if not self.made:
            return
        try:
            self.say("clean")
            self.docker("rm", "-f", *self.made)
        except BrokenPipeError:
            for name in self.made:
                self.engine.remove(name, force=True)
            raise

    def _build(self) -> None:
        self.say("bases")
        self.terminal.line("FROM nginx → " + short_id(self.engine.resolve_name("nginx")))
        self.say("dockerfile")
        for name, text in _FILES.items():
            (self.folder / name).write_text(text)
        self.terminal.say("".join(f"  {line}\n" for line in _FILES["Dockerfile"].splitlines()))
        self.say("build")
        self.docker("build", "-t", "tour:1", ".")
        self.say("again")
        self.docker("build", "-t", "tour:1", ".")
        self.say("layers")
        self.terminal.line(str(LayerStack.of(self.engine, "tour:1")))
        self.say("history")
        self.docker("history", "tour:1")

    def _container(self, name: str, *words: str) -> None:
        self.made.append(name)
        self.docker(*(("create",) if self.obstacle else ("run", "-d")), "--name", name, *words)

    def _containers(self) -> None:
        self.say("create" if self.obstacle else "run")
        for name in (self.one, self.two):
            self._container(name, "tour:1", "sleep", "300")
        self.docker("ps", "-a")

    def _change(self) -> None:
        self.say("change")
        if self.obstacle:
            (self.folder / "changed.html").write_text(_CHANGED + "\n")
            self.docker("cp", "changed.html", f"{self.one}:{_PAGE}")
        else:
            self.docker("exec", self.one, "sh", "-c", f"echo '{_CHANGED}' > {_PAGE}")
        self.say("diff")
        for name in (self.one, self.two):
            self.docker("diff", name)
            if not self.engine.diff(name):
                self.terminal.line(_SAYS["nothing"][self.language])

    def _commit(self) -> None:
        self.say("commit")
        self.docker("commit", "-m", "a page changed by hand", "-c", 'CMD ["nginx", "-g", "daemon off;"]', self.one, "tour:2")
        self.say("shared")
        old, new = (self.engine.image_inspect(image)["RootFS"]["Layers"] for image in ("tour:1", "tour:2"))
        sizes = [line["Size"] for line in reversed(self.engine.history("tour:2")) if not line["EmptyLayer"]]
        for number, (layer, size) in enumerate(zip(new, sizes, strict=True), 1):
            where = "tour:1, tour:2" if layer in old else _SAYS["only"][self.language]
            self.terminal.line(f"  {_SAYS['layer'][self.language]} {number}  {short_id(layer)}  {human_size(size):>8}  {where}")

    def _serve(self) -> None:
        import urllib.request

        self.say("serve")
        self._container(self.site, "-p", "127.0.0.1::80", "tour:2")
        bound = self.engine.container_inspect(self.site)["NetworkSettings"]["Ports"]["80/tcp"][0]
        url = f"http://{bound['HostIp']}:{bound['HostPort']}/"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is never a proxy's business
        for attempt in range(100):
            try:
                with opener.open(url, timeout=5) as answer:
                    self.terminal.line(f"GET {url} → {answer.status}\n{answer.read().decode()}".rstrip())
                return
            except OSError:
                if attempt == 99:
                    raise
                time.sleep(0.05)


def main(words: list[str]) -> int:
    """Walk; 0 at the end of the story."""
    parser = argparse.ArgumentParser(prog="dockerlab tour", description="The story of image layers, told by really doing it.")
    parser.add_argument("--lang", choices=("en", "ko"), default=language())
    options = parser.parse_args(words)
    os.environ["DOCKERLAB_BASES"], os.environ["DOCKERLAB_LANG"] = "catalogue", options.lang
    engine = open_engine()
    engine.notice = lambda text: print(f"  {text}", file=sys.stderr)
    began = time.monotonic()
    try:
        none = engine.info()["Isolation"] == "none"
        reason = Capabilities.load(default_home() / "capabilities.json").reason if none else ""
        with tempfile.TemporaryDirectory(prefix="dockerlab-tour-") as folder:
            Tour(engine, options.lang, Path(folder), reason).walk()
    finally:
        engine.close()
    print(f"\n{time.monotonic() - began:.1f} s")
    return 0

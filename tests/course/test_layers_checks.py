"""layers-2 and layers-3: right answers of different style pass, typical wrong ones are told which part, and lose only that."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockerlab.course import CheckFailed, Finding, Verdict
from dockerlab.course.checks import verdict
from dockerlab.engine import BuildOptions, ContainerSpec
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.errors import DockerlabError
from dockerlab.store import Store

pytestmark = [pytest.mark.network, pytest.mark.usefixtures("containers_run_here")]
PAGE = "/usr/share/nginx/html/index.html"
Build = Callable[[str, str], None]


@pytest.fixture(scope="module")
def engine(composed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    home = tmp_path_factory.mktemp("copy") / "home"
    subprocess.run(["cp", "-a", "--reflink=auto", str(composed), str(home)], check=True)
    one = EmbeddedEngine(Store.open(home))
    yield one
    one.close()


@pytest.fixture
def build(engine: EmbeddedEngine, tmp_path: Path) -> Iterator[Build]:
    (tmp_path / "index.html").write_text("<h1>mine</h1>\n")
    tags: list[str] = []

    def run(tag: str, text: str) -> None:
        list(engine.build(BuildOptions(context=str(tmp_path), dockerfile_text=text, tags=(tag,))))
        tags.append(tag)

    yield run
    for item in engine.containers(all=True):
        engine.remove(item["Id"], force=True)
    for tag in tags:
        try:
            engine.image_remove(tag, force=True)
        except DockerlabError:
            pass


def container(engine: EmbeddedEngine, name: str, script: str = "true", image: str = "site:1") -> None:
    engine.create(ContainerSpec(image, ("sh", "-c", script), name=name))
    engine.start(name)
    engine.wait(name)


CHANGE = f"echo '<h1>changed</h1>' > {PAGE}"


@pytest.mark.parametrize("how", ["echo", "sed", "a new file in its place"])
def test_a_page_changed_in_one_container_passes(engine: EmbeddedEngine, build: Build, how: str) -> None:
    build("site:1", f"FROM nginx\nCOPY index.html {PAGE}\n")
    scripts = {"echo": CHANGE, "sed": f"sed -i s/mine/yours/ {PAGE}", "a new file in its place": f"rm {PAGE}; echo new > {PAGE}"}
    container(engine, "one", scripts[how])
    container(engine, "two", "echo other > /tmp/x")
    found = verdict("layers-2", engine, "ko")
    assert found.passed and found.points == 2, found


WRONG_CONTAINERS = {
    "none": ({}, 0, 0),
    "only one": ({"one": CHANGE}, 1, 1),
    "nothing written": ({"one": "true", "two": "true"}, 2, 0.5),
    "both changed": ({"one": CHANGE, "two": CHANGE}, 3, 1),
    "the other one changed": ({"one": "true", "two": CHANGE}, 2, 0.5),
    "deleted instead of changed": ({"one": f"rm {PAGE}", "two": "true"}, 2, 0.5),
    "written elsewhere": ({"one": "echo x > /index.html", "two": "true"}, 2, 0.5),
}


@pytest.mark.parametrize("case", WRONG_CONTAINERS)
def test_a_wrong_container_is_told_by_its_part(engine: EmbeddedEngine, build: Build, case: str) -> None:
    build("site:1", f"FROM nginx\nCOPY index.html {PAGE}\n")
    scripts, which, points = WRONG_CONTAINERS[case]
    for name, script in scripts.items():
        container(engine, name, script)
    found = verdict("layers-2", engine, "en")
    assert not found.passed and found.points == points
    part = found.findings[which]
    assert not part.passed and part.seen and part.expected and part.look, found


def test_a_container_of_another_image_is_told(engine: EmbeddedEngine, build: Build) -> None:
    build("site:1", f"FROM nginx\nCOPY index.html {PAGE}\n")
    container(engine, "one", CHANGE, image="nginx")
    container(engine, "two")
    assert verdict("layers-2", engine, "en").findings[0].seen == "nginx"


MAKE = "dd if=/dev/zero of=/download bs=1024 count=5120 2>/dev/null"
RIGHT_SMALL = {
    "one RUN": f"FROM busybox\nRUN {MAKE} && wc -c < /download > /result && rm /download\n",
    "two stages": f"FROM busybox AS big\nRUN {MAKE}\nRUN wc -c < /download > /result\nFROM busybox\nCOPY --from=big /result /result\n",
    "a here-document": f"FROM busybox\nRUN <<EOF\n{MAKE}\nstat -c %s /download > /result\nrm /download\nEOF\n",
    "exec form": f'FROM busybox\nRUN ["sh", "-c", "{MAKE}; wc -c < /download > /result; rm /download"]\n',
}


@pytest.mark.parametrize("style", RIGHT_SMALL)
def test_a_small_image_of_any_style_passes(engine: EmbeddedEngine, build: Build, style: str) -> None:
    build("small:1", RIGHT_SMALL[style])
    found = verdict("layers-3", engine, "en")
    assert found.passed and found.points == 3, found


WRONG_SMALL = {
    "deleted in a later RUN": (f"FROM busybox\nRUN {MAKE}; wc -c < /download > /result\nRUN rm /download\n", 3),
    "not deleted": (f"FROM busybox\nRUN {MAKE}; wc -c < /download > /result\n", 2),
    "no result": (f"FROM busybox\nRUN {MAKE}; rm /download\n", 1),
    "measured after it was deleted": (
        f"FROM busybox\nRUN {MAKE}; rm /download; touch /download; wc -c < /download > /result; rm /download\n",
        1,
    ),
    "another size": ("FROM busybox\nRUN echo abc > /download; wc -c < /download > /result; rm /download\n", 1),
    "emptied later": (f"FROM busybox\nRUN {MAKE}; wc -c < /download > /result\nRUN : > /download; rm /download\n", 3),
    "the layer kept by a copy": (f"FROM busybox\nRUN {MAKE}; wc -c < /download > /result; mv /download /kept\n", 3),
}


@pytest.mark.parametrize("case", WRONG_SMALL)
def test_a_wrong_small_image_is_told_by_its_part(engine: EmbeddedEngine, build: Build, case: str) -> None:
    text, which = WRONG_SMALL[case]
    build("small:1", text)
    found = verdict("layers-3", engine, "ko")
    part = found.findings[which]
    assert not part.passed and part.seen and part.expected and part.look and 0 < found.points < 3, found


def test_points_are_never_whole_while_a_part_is_wrong() -> None:
    parts = (*(Finding("a", True),) * 15, Finding("b", False))
    almost = Verdict("x-1", "en", 2, parts)
    assert almost.points == 1.5 and "(1.5/2 points)" in repr(almost)
    assert CheckFailed(almost).verdict is almost


def test_a_verdict_shows_what_was_seen_as_text_and_never_as_markup() -> None:
    shown = Verdict("x-1", "ko", 2, (Finding("페이지", False, seen="<script>", expected="<h1>", look="여기"),))._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "기대한 값" in shown


def test_an_image_that_is_no_stack_on_nginx_or_holds_no_file_is_told_and_no_error(engine: EmbeddedEngine, build: Build) -> None:
    import tarfile

    out = io.BytesIO()
    tarfile.open(fileobj=out, mode="w").close()
    out.seek(0)
    engine.import_(out, "site:1")
    found = verdict("layers-1", engine, "en")
    assert not found.passed and found.points <= 0.5
    engine.image_remove("site:1", force=True)

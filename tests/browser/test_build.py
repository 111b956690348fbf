"""A build in a real JupyterLab: its picture goes along with it, and what stays in the notebook says the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbformat
import pytest

from tests.browser.conftest import BUSY, Lab, Open
from tests.parts import whole

STAGES = r"""%%dockerfile -t staged:1
FROM busybox AS compile
RUN head -c 700000 /dev/zero > /toolchain && echo program > /program
FROM busybox AS docs
RUN echo manual > /manual
FROM busybox
COPY --from=compile /program /bin/program
COPY --from=docs /manual /manual
CMD ["program"]"""


LOOKS = [(1000, False, "en"), (400, True, "ko"), (1000, True, "en"), (400, False, "ko")]


@pytest.mark.parametrize(("width", "dark", "language"), LOOKS if whole() else LOOKS[:2])
def test_stages_are_a_graph_and_what_stays_behind_is_told(
    notebook: Open, photograph: Callable[[Any, str], None], width: int, dark: bool, language: str
) -> None:
    one = notebook(STAGES.replace("staged", f"staged{width}{language}"), width=width, dark=dark, language=language)
    area = one.run(1)
    picture = area.locator(".dockerlab").first
    picture.locator(".dl-graph svg").wait_for(timeout=BUSY)
    assert picture.locator(".dl-graph rect").count() == 3 and picture.locator(".dl-graph path").count() == 2
    assert picture.locator(".dl-graph").get_attribute("aria-label").count("→") == 2
    heads = picture.locator(".dl-stage-head").all_inner_texts()
    assert any("700kB" in head for head in heads) and len(heads) == 3
    photograph(picture, f"build-{width}-{'dark' if dark else 'light'}-{language}")
    assert picture.evaluate("element => element.scrollWidth <= element.clientWidth"), "nothing sticks out"
    assert area.locator(".dl-layer-stack").count() == 1, "the image's layers lie under the build"


def test_a_step_is_seen_running_and_why_the_next_build_takes_it_from_the_cache(notebook: Open) -> None:
    slow = "%%dockerfile -t slow:1\nFROM busybox\nRUN echo begun && sleep 6 && echo over"
    one = notebook(slow, slow)
    one.page.evaluate(
        """() => {
            window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1;
            window.jupyterapp.commands.execute("notebook:run-cell");
        }"""
    )
    running = one.page.locator(".dl-state-running", has_text="sleep 6")
    running.wait_for(timeout=BUSY)
    log = running.locator("pre", has_text="begun")
    log.wait_for(timeout=BUSY)
    assert "over" not in log.inner_text().split()
    done = one.page.locator(".dl-state-done", has_text="sleep 6")
    done.wait_for(timeout=BUSY)
    assert "over" in done.locator("pre").text_content() and done.locator("details").get_attribute("open") is None
    assert "not built before" in done.inner_text()
    cached = one.run(2).locator(".dl-state-cached", has_text="sleep 6")
    cached.wait_for(timeout=BUSY)
    assert "nothing that it depends on has changed" in cached.inner_text()


def test_a_step_that_fails_is_marked_and_the_error_comes_after_it(notebook: Open) -> None:
    area = notebook("%%dockerfile -t bad:1\nFROM busybox\nRUN echo why >&2 && exit 7").run(1)
    failed = area.locator(".dl-state-failed")
    failed.wait_for(timeout=BUSY)
    assert "why" in failed.locator("pre").inner_text()
    said = area.inner_text()
    assert "exit code: 7" in said and "Traceback" not in said and "--step" in said


def test_the_stop_button_stops_it_and_the_picture_says_so(notebook: Open) -> None:
    one = notebook("%%dockerfile -t stopped:1\nFROM busybox\nRUN echo begun && sleep 600")
    one.page.evaluate(
        """() => {
            window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1;
            window.jupyterapp.commands.execute("notebook:run-cell");
        }"""
    )
    one.page.locator(".dl-state-running pre", has_text="begun").wait_for(timeout=BUSY)
    one.page.evaluate("window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    one.page.locator(".dl-state-canceled").wait_for(timeout=BUSY)
    one.page.locator(".jp-OutputArea", has_text="interrupted").first.wait_for(timeout=BUSY)


def test_temporary_containers_are_shown_when_asked(notebook: Open) -> None:
    area = notebook("%%dockerfile -t traced:1 --trace --no-cache\nFROM busybox\nRUN echo x > /x\nENV A=1").run(1)
    trace = area.locator(".dl-trace", has_text="temporary container")
    trace.wait_for(timeout=BUSY)
    lines = trace.locator("li").all_inner_texts()
    assert "A /x" in lines[1] and lines[2].startswith("committed") and "removed" in lines[3]


def test_what_stays_in_the_notebook_is_the_text_and_the_table(notebook: Open, lab: Lab) -> None:
    one = notebook("%%dockerfile -t kept:1\nFROM busybox\nRUN echo said")
    one.run(1).locator(".dl-state-done").first.wait_for(timeout=BUSY)
    one.page.locator(".dl-layer-stack").wait_for(timeout=BUSY)
    saved = nbformat.read(lab.folder / one.save(), 4)
    shown = [output for output in saved.cells[1].outputs if output.output_type == "display_data"]
    assert len(shown) == 1 and "#2 [2/2] RUN echo said" in shown[0]["data"]["text/plain"] and "said\n" in shown[0]["data"]["text/plain"]
    assert "<table>" in shown[0]["data"]["text/html"] and "#2 DONE" in shown[0]["data"]["text/html"]

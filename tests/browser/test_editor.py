"""The editor of a real JupyterLab: a build cell looks like a Dockerfile."""

from __future__ import annotations

import itertools

from tests.browser.conftest import BUSY, Open


def mime(one: object, number: int) -> str:
    return str(one.page.evaluate("number => window.jupyterapp.shell.currentWidget.content.widgets[number].model.mimeType", number))  # type: ignore[attr-defined]


def test_a_build_cell_is_highlighted_as_a_dockerfile_and_all_others_as_python(notebook: Open) -> None:
    one = notebook("%%dockerfile -t a:1\nFROM busybox\nRUN true", "x = 1")
    one.page.wait_for_function(
        "window.jupyterapp.shell.currentWidget.content.widgets[1].model.mimeType === 'text/x-dockerfile'", timeout=BUSY
    )
    assert "python" in mime(one, 2)
    word = one.page.locator(".jp-Notebook-cell").nth(1).locator(".cm-line span", has_text="FROM").first
    word.wait_for(timeout=BUSY)
    one.page.evaluate("window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.setSource('y = 2')")
    one.page.wait_for_function("window.jupyterapp.shell.currentWidget.content.widgets[1].model.mimeType.includes('python')", timeout=BUSY)


def test_in_the_docker_lab_kernel_a_dockerfile_is_a_cell(notebook: Open) -> None:
    one = notebook("# docker build -t own:1 .\nFROM busybox\nRUN true", "x = 1\nx", "FROM = 2", kernel="dockerlab")
    one.page.wait_for_function(
        "window.jupyterapp.shell.currentWidget.content.widgets[1].model.mimeType === 'text/x-dockerfile'", timeout=BUSY
    )
    area = one.run(1)
    area.locator(".dl-layer-stack").wait_for(timeout=BUSY)
    assert "own:1" in area.inner_text() and one.run(2).inner_text().strip().endswith("1")
    assert "python" in mime(one, 2) and "python" in mime(one, 3)


def test_a_question_is_prose_a_script_is_a_shell_s_and_a_file_of_that_name_a_dockerfile(notebook: Open) -> None:
    one = notebook(
        "%%predict x\nWhat is in it?\na) one\nb) two",
        "%%exec web\nls | wc -l",
        "%%writefile web/Dockerfile\nFROM busybox",
        "%%writefile web.py\nx = 1",
    )
    for number, wanted in ((1, "text/plain"), (2, "text/x-sh"), (3, "text/x-dockerfile")):
        one.page.wait_for_function(
            f"window.jupyterapp.shell.currentWidget.content.widgets[{number}].model.mimeType === '{wanted}'", timeout=BUSY
        )
    assert "python" in mime(one, 4)


def test_a_choice_of_several_lines_lies_over_no_other(notebook: Open) -> None:
    long = "a whole virtual machine with a kernel of its own, and with everything that belongs to such a machine"
    one = notebook(f"%%predict x\nWhat is in it?\na) {long}\nb) {long}\nc) nothing", width=400)
    choices = one.run(1).locator(".widget-radio-box label")
    choices.nth(2).wait_for(timeout=BUSY)
    boxes = [choices.nth(at).bounding_box() for at in range(3)]
    assert boxes[0]["height"] > 30 and all(above["y"] + above["height"] <= below["y"] for above, below in itertools.pairwise(boxes))
    assert choices.nth(0).locator("input").bounding_box()["x"] < boxes[0]["x"] + 10, "the button stands before its words"
    choices.nth(1).locator("input").click()
    one.page.get_by_text("your guess is noted: b").wait_for(timeout=BUSY)

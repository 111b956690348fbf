"""`%check` in a real kernel: the verdict, and the button that looks again."""

from __future__ import annotations

import pytest

from tests.notebook.shown import error, html, shown
from tests.notebook.test_magics import Run, notebook  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("containers_run_here")
CLICK = """
import ipywidgets
button = [w for w in ipywidgets.widgets.widget._instances.values() if isinstance(w, ipywidgets.Button)][-1]
below = [w for w in ipywidgets.widgets.widget._instances.values() if isinstance(w, ipywidgets.HTML)][-1]
button.click()
print(button.description, below.value)
"""
SMALL = "%%dockerfile -q -t small:1\nFROM busybox\nRUN dd if=/dev/zero of=/download bs=1024 count=5120; wc -c < /download > /result; rm /download"


def test_the_button_looks_again_after_a_repair(notebook: Run) -> None:  # noqa: F811
    failed, again, _, repaired = notebook("%check layers-3", CLICK, SMALL, CLICK, language="ko", DOCKERLAB_WIDGETS="on")
    assert "layers-3: 아직 아닙니다" in shown(failed) and "아직 아닙니다" in error(failed)
    assert any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in failed.outputs)
    assert "다시 채점" in shown(again) and "힌트" in shown(again)
    assert "통과했습니다 (3/3 점)" in shown(repaired)


def test_where_nobody_looks_on_there_is_no_button(notebook: Run) -> None:  # noqa: F811
    (failed,) = notebook("%check layers-3", DOCKERLAB_WIDGETS="off")
    assert [output.output_type for output in failed.outputs] == ["display_data", "error"] and "layers-3: not yet" in html(failed)

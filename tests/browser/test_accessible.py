"""Every live picture as a screen reader and somebody with weak eyes meet it: the rules of axe-core for WCAG 2 A and AA, in both themes."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Open
from tests.parts import missing

CELLS = (
    '%%dockerfile -t seen:1\nFROM busybox AS build\nARG V=1\nRUN echo $V > /one\nFROM busybox\nCOPY --from=build /one /one\nENV A=1\nCMD ["sh"]',
    "%docker run -d --name seen seen:1 sh -c 'echo more >> /one; rm /bin/ls; sleep 600'",
    "%cow seen",
    "%layers seen:1 busybox",
    "%context",
    "%process seen:1 -c true",
    "%%variables\nARG V=1\nFROM busybox\nARG V\nENV M=$V\nCMD echo $V",
)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_picture_breaks_a_rule(notebook: Open, dark: bool) -> None:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        missing("axe-core", "pip install axe-playwright-python")
    one = notebook(*CELLS, dark=dark, height=4000)
    for number in range(1, len(CELLS) + 1):
        one.run(number)
    pictures = one.page.locator(".dockerlab")
    pictures.nth(6).wait_for()
    for name in (".dl-layer", "tbody .dl-line"):
        pictures.locator(name).first.click()
    one.page.locator(".dl-tree [role=treeitem]").first.wait_for()
    # JupyterLab's body has no height and its far cells are not rendered: axe would take all of them for hidden
    one.page.add_style_tag(content="* { content-visibility: visible !important; } body { height: 100vh !important; }")
    found = Axe().run(one.page, {"include": [[".dockerlab"]]}, {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})
    told = [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}" for rule in found.response["violations"] for node in rule["nodes"]
    ]
    assert not told, "\n".join(told)
    seen = {rule["id"]: len(rule["nodes"]) for rule in found.response["passes"]}
    assert seen["color-contrast"] > 50 and seen["aria-roles"] > 10, seen
    assert [rule["id"] for rule in found.response["incomplete"] if "duplicate-id" in rule["id"]] == []

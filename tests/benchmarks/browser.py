"""How long a layer of 10,000 files takes to open, measured in the browser: from the click until the rows are painted."""

from __future__ import annotations

import statistics
from pathlib import Path

from tests.browser.serving import BUSY, browsing, opened, serving

OPENING_GOAL = 100
"""Milliseconds."""
_MANY = "%%dockerfile -t many:1\nFROM busybox\nRUN mkdir /many && cd /many && seq 10000 | xargs touch"
_CLICKED = """async ([place, what, name]) => {
    const row = (name) => [...place.querySelectorAll("[role=treeitem]")].find((row) => row.getAttribute("aria-label").startsWith(name));
    const clicked = what ? row(what) : place.querySelector(".dl-layer");
    const began = performance.now();
    clicked.click();
    while (!row(name)) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""


def opening(top: Path, template_home: Path, runs: int) -> dict[str, float]:
    """Median milliseconds of the layer, and of the folder of 10,000 in it; each time in a picture that was just made."""
    times: dict[str, list[float]] = {"a layer of 10,000 files": [], "a folder of 10,000 files": []}
    with serving(top, template_home) as lab, browsing() as browser:
        one = opened(lab, browser.new_context(viewport={"width": 1000, "height": 900}), "many.ipynb", (_MANY, *["%layers many:1"] * runs))
        one.run(1)
        for number in range(runs):
            stack = one.widget(2 + number)
            place = stack.element_handle()
            times["a layer of 10,000 files"].append(one.page.evaluate(_CLICKED, [place, "", "many"]))
            stack.locator(".dl-count").first.wait_for(timeout=BUSY)  # the rest of what is told of the layer
            times["a folder of 10,000 files"].append(one.page.evaluate(_CLICKED, [place, "many", "10000,"]))
    return {name: statistics.median(values) for name, values in times.items()}

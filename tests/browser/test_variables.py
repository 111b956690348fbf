"""ARG and ENV in a real JupyterLab: who types another build argument sees the lines change, who chooses a line sees what it sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import BUSY, Open

CELL = """%%variables
ARG VERSION=1.0
FROM busybox AS build
ARG VERSION
ARG TOKEN=none
RUN echo building $VERSION > /built

FROM busybox
ARG MODE=fast
ENV MODE=$MODE GREETING=hello
COPY --from=build /built /built
LABEL version=$VERSION
CMD echo $GREETING $MODE $TOKEN"""


@pytest.mark.parametrize(("width", "dark", "language"), [(1000, False, "en"), (400, True, "ko")])
def test_the_lines_follow_the_arguments_that_are_typed(
    notebook: Open, photograph: Callable[[Any, str], None], width: int, dark: bool, language: str
) -> None:
    one = notebook(CELL, width=width, dark=dark, language=language)
    picture = one.widget(1)
    cells = picture.locator("tbody tr")
    assert cells.nth(0).locator(".dl-kind-ARG").all_inner_texts() == ["1.0"]
    assert cells.nth(7).locator(".dl-kind-ENV").all_inner_texts() == ["fast", "hello"]
    name = f"variables-{width}-{'dark' if dark else 'light'}-{language}"
    photograph(picture, name if language != "en" else "live-variables")  # the README's
    picture.get_by_label("--build-arg MODE").fill("slow")
    picture.locator(".dl-end .dl-kind-ENV", has_text="slow").wait_for(timeout=BUSY)
    assert picture.locator(".dl-history", has_text="ENV MODE=slow GREETING=hello").count() == 1
    picture.get_by_label("--build-arg VERSION").fill("2.0")
    cells.nth(2).locator(".dl-sets", has_text="2.0").wait_for(timeout=BUSY)
    cells.nth(4).get_by_role("button").focus()
    one.page.keyboard.press("Enter")
    seen = picture.locator(".dl-pair code").all_inner_texts()
    assert "VERSION=2.0" in seen and "TOKEN=none" in seen and any(text.startswith("PATH=") for text in seen)
    assert picture.locator(".dl-notes li").count() == 2
    photograph(picture, f"variables-chosen-{width}-{'dark' if dark else 'light'}-{language}")
    assert picture.evaluate("element => element.scrollWidth <= element.clientWidth"), "nothing sticks out"

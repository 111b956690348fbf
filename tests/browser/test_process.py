"""CMD and ENTRYPOINT in a real JupyterLab: who types arguments sees the process change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import BUSY, Open

IMAGE = '%%dockerfile -t proc:1\nFROM busybox\nENTRYPOINT ["ping", "-c", "1"]\nCMD ["localhost"]'


@pytest.mark.parametrize(("width", "dark", "language"), [(1000, False, "ko"), (400, True, "en")])
def test_each_word_says_where_it_came_from(
    notebook: Open, photograph: Callable[[Any, str], None], width: int, dark: bool, language: str
) -> None:
    one = notebook(IMAGE, "%process proc:1", width=width, dark=dark, language=language)
    one.run(1)
    picture = one.widget(2)
    words = picture.locator(".dl-word")
    assert words.locator("code").all_inner_texts() == ["ping", "-c", "1", "localhost"]
    assert words.locator(".dl-from").all_inner_texts() == ["ENTRYPOINT"] * 3 + ["CMD"]
    picture.get_by_role("textbox").fill("-q 'two words'")
    picture.locator(".dl-source-argument", has_text="two words").wait_for(timeout=BUSY)
    assert words.locator("code").all_inner_texts() == ["ping", "-c", "1", "-q", "two words"]
    assert "localhost" in picture.locator(".dl-notes").inner_text()
    photograph(picture, f"process-{width}-{'dark' if dark else 'light'}-{language}")
    picture.get_by_role("textbox").fill("'open")
    picture.get_by_role("alert").wait_for(timeout=BUSY)
    assert picture.evaluate("element => element.scrollWidth <= element.clientWidth"), "nothing sticks out"

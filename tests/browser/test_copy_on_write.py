"""Copy-on-write in a real JupyterLab: the picture follows containers that run, and answers who reads what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import BUSY, Open
from tests.parts import whole

BASE = "%%dockerfile -t cow:1\nFROM busybox\nRUN echo one > /one && echo two > /two && mkdir /d && echo x > /d/x"


def started(*names: str) -> list[str]:
    return [BASE, *(f"%docker rm -f {name}" for name in names), *(f"%docker run -d --name {name} cow:1 sleep 600" for name in names)]


LOOKS = [(1000, False, "en"), (400, True, "ko"), (1000, True, "ko"), (400, False, "en")]


@pytest.mark.parametrize(("width", "dark", "language"), LOOKS if whole() else LOOKS[:2])
def test_two_containers_stand_on_one_base(
    notebook: Open, photograph: Callable[[Any, str], None], width: int, dark: bool, language: str
) -> None:
    one = notebook(
        *started("first", "second"),
        '%docker exec first sh -c "echo more >> /one; rm /two; echo new > /new; rm -r /d"',
        "%cow first second",
        width=width, dark=dark, language=language,
    )  # fmt: skip
    for cell in range(1, len(one.cells)):
        one.run(cell)
    picture = one.widget(len(one.cells))
    boxes = picture.locator(".dl-writable")
    assert boxes.count() == 2 and picture.locator(".dl-layer").count() == 2
    lines = boxes.nth(0).locator(".dl-line").all_inner_texts()
    assert [line.split("\n")[0].strip() for line in lines] == ["−", "+", "~", "−"]
    assert ("copied up from layer 2 (4B)" if language == "en" else "레이어 2에서 복사해 올림 (4B)") in lines[2]
    assert boxes.nth(1).locator(".dl-line").count() == 0
    boxes.nth(0).locator(".dl-line").nth(2).hover()
    assert picture.locator(".dl-layer.dl-lit .dl-number").inner_text() == "2"
    name = f"cow-{width}-{'dark' if dark else 'light'}-{language}"
    photograph(picture, name if (width, language) != (1000, "en") else "live-copy-on-write")  # the README's
    assert picture.evaluate("element => element.scrollWidth <= element.clientWidth"), "nothing sticks out"


def test_what_a_container_writes_is_seen_as_it_writes(notebook: Open) -> None:
    one = notebook(*started("live"), "%cow live", '%docker exec live sh -c "echo x >> /one"', "%docker exec live rm /two")
    for cell in range(1, 4):
        one.run(cell)
    picture = one.widget(4)
    assert picture.locator(".dl-line").count() == 0
    one.run(5)
    line = picture.locator(".dl-line", has_text="/one")
    line.wait_for(timeout=BUSY)
    assert "changed" in line.text_content() and "copied up from layer 2 (4B)" in line.inner_text()
    one.run(6)
    gone = picture.locator(".dl-line", has_text="/two")
    gone.wait_for(timeout=BUSY)
    assert "whiteout hides the file of layer 2" in gone.inner_text()


def test_who_reads_a_path_is_told_which_layer_answers(notebook: Open) -> None:
    one = notebook(*started("asked"), '%docker exec asked sh -c "echo x >> /one; rm /two; rm -r /d"', "%cow asked")
    for cell in range(1, 5):
        one.run(cell)
    picture = one.widget(5)
    said = {}
    for path in ("/one", "/two", "/d/x", "/bin/sh", "/nosuch"):
        picture.get_by_role("textbox").fill(path)
        picture.get_by_role("textbox").press("Enter")
        answer = picture.locator(".dl-answer")
        one.page.wait_for_function(
            "([node, before]) => node.textContent && node.textContent !== before", arg=[answer.element_handle(), said.get("last", "")]
        )
        said[path] = said["last"] = answer.inner_text()
        one.page.evaluate("node => { node.textContent = '' }", answer.element_handle())
        said["last"] = ""
    assert said["/one"] == "asked: its own writable layer answers" and said["/bin/sh"] == "asked: layer 1 answers"
    assert "whiteout hides" in said["/two"] and "whiteout hides" in said["/d/x"] and said["/nosuch"] == "asked: no such file in any layer"


def test_a_commit_and_a_removal_are_seen(notebook: Open) -> None:
    one = notebook(*started("kept"), "%docker exec kept touch /new", "%cow kept", "%commit -m done kept kept:2", "%docker rm -f kept")
    for cell in range(1, 5):
        one.run(cell)
    picture = one.widget(5)
    one.run(6)
    picture.locator(".dl-committed").wait_for(timeout=BUSY)
    assert "read-only layer of kept:2" in picture.locator(".dl-kind").inner_text()
    one.run(7)
    picture.locator(".dl-gone").wait_for(timeout=BUSY)
    assert "its writable layer is gone with it" in picture.inner_text()

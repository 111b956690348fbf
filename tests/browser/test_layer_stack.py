"""The stack of layers in a real JupyterLab: clicked, typed at, narrow and wide, light and dark."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import BUSY, Open
from tests.parts import whole

SITE = r"""%%dockerfile -t site:1
FROM busybox
LABEL course=layers
RUN mkdir -p /srv/www && echo '<h1>hello</h1>' > /srv/www/index.html && head -c 400000 /dev/zero > /srv/www/picture.bin && rm /bin/vi
COPY --chown=7:8 <<EOF /etc/motd
welcome
EOF
RUN echo more >> /etc/motd && ln -s /srv/www /www && rm -r /home
ENV STAGE=production
CMD ["httpd", "-f", "-h", "/srv/www"]"""
SHOP = "%%dockerfile -t shop:1\nFROM busybox\nRUN echo shop > /shop && head -c 900000 /dev/zero > /goods"


LOOKS = [(1000, False, "en"), (400, True, "ko"), (1000, True, "ko"), (400, False, "en")]


@pytest.mark.parametrize(("width", "dark", "language"), LOOKS if whole() else LOOKS[:2])
def test_an_image_is_shown_and_a_layer_opened(
    notebook: Open, photograph: Callable[[Any, str], None], width: int, dark: bool, language: str
) -> None:
    one = notebook(SITE, width=width, dark=dark, language=language)
    stack = one.widget(1)
    assert stack.locator(".dl-layer").count() == 4 and stack.locator(".dl-metadata").count() >= 3
    numbers = stack.locator(".dl-number").all_inner_texts()
    assert numbers == ["4", "3", "2", "1"], "the base lies at the bottom"
    name = f"layer-stack-{width}-{'dark' if dark else 'light'}-{language}"
    photograph(stack, name)
    stack.locator(".dl-layer").nth(2).click()
    tree = stack.get_by_role("tree")
    tree.get_by_role("treeitem", name="srv").wait_for(timeout=BUSY)
    stack.locator(".dl-count").first.wait_for(timeout=BUSY)
    tree.get_by_role("treeitem", name="srv").click()
    tree.get_by_role("treeitem", name="www").first.click()
    tree.get_by_role("treeitem", name="index.html").click()
    preview = stack.locator(".dl-preview")
    preview.wait_for(timeout=BUSY)
    assert "<h1>hello</h1>" in preview.inner_text()
    photograph(stack, name + "-open" if (width, language) != (1000, "en") else "live-layers")  # the README's
    assert stack.evaluate("element => element.scrollWidth <= element.clientWidth"), "nothing sticks out"


def test_what_a_layer_deletes_and_changes_is_marked(notebook: Open) -> None:
    stack = notebook(SITE).widget(1)
    stack.locator(".dl-layer").nth(0).click()
    tree = stack.get_by_role("tree")
    gone = tree.get_by_role("treeitem", name="home")
    gone.wait_for(timeout=BUSY)
    assert "deleted" in gone.get_attribute("aria-label") and gone.get_attribute("aria-expanded") is None
    assert "added" in tree.get_by_role("treeitem", name="www").get_attribute("aria-label")
    tree.get_by_role("treeitem", name="etc").click()
    motd = tree.get_by_role("treeitem", name="motd")
    motd.wait_for(timeout=BUSY)
    assert "changed" in motd.get_attribute("aria-label") and "7:8" in motd.get_attribute("title")


def test_the_tree_is_gone_through_by_keys_alone(notebook: Open) -> None:
    one = notebook(SITE)
    stack = one.widget(1)
    layer = stack.locator(".dl-layer").nth(2)
    layer.focus()
    one.page.keyboard.press("Enter")
    tree = stack.get_by_role("tree")
    tree.get_by_role("treeitem", name="srv").wait_for(timeout=BUSY)
    tree.focus()
    press = one.page.keyboard.press
    press("s")
    press("ArrowRight")
    tree.get_by_role("treeitem", name="www").wait_for(timeout=BUSY)
    press("ArrowRight")
    press("ArrowRight")
    tree.get_by_role("treeitem", name="index.html").wait_for(timeout=BUSY)
    press("ArrowDown")
    active = one.page.locator(f"#{tree.get_attribute('aria-activedescendant')}")
    assert active.get_attribute("aria-selected") == "true" and "index.html" in active.get_attribute("aria-label")
    assert active.get_attribute("aria-level") == "3"
    press("Enter")
    stack.locator(".dl-preview", has_text="hello").wait_for(timeout=BUSY)
    press("ArrowLeft")
    press("ArrowLeft")
    assert tree.get_by_role("treeitem", name="index.html").count() == 0
    press("End")
    press("Home")
    assert tree.get_attribute("aria-activedescendant").endswith("-0")


def test_a_path_is_searched_for_in_the_whole_layer(notebook: Open) -> None:
    stack = notebook(SITE).widget(1)
    stack.locator(".dl-layer").nth(2).click()
    stack.get_by_role("searchbox").fill("INDEX")
    found = stack.get_by_role("treeitem", name="/srv/www/index.html")
    found.wait_for(timeout=BUSY)
    assert stack.locator(".dl-found").inner_text() == "1 found"
    stack.get_by_role("searchbox").fill("")
    stack.get_by_role("treeitem", name="srv").wait_for(timeout=BUSY)


def test_two_images_stand_on_one_base(notebook: Open, photograph: Callable[[Any, str], None]) -> None:
    one = notebook(SITE, SHOP, "%layers site:1 shop:1")
    one.widget(1)
    one.widget(2)
    pair = one.widget(3)
    assert pair.locator(".dl-base .dl-layer").count() == 1 and "stored once" in pair.locator(".dl-base-note").inner_text()
    assert pair.locator(".dl-side").nth(1).locator(".dl-layer").count() == 1
    photograph(pair, "layer-stack-pair")
    pair.locator(".dl-base .dl-layer").click()
    holders = pair.locator(".dl-holders", has_text="shop:1")
    holders.wait_for(timeout=BUSY)
    assert re.search(r"stored once, shared with .*shop:1", holders.inner_text())


def test_what_went_away_meanwhile_is_told_in_a_sentence(notebook: Open) -> None:
    one = notebook(SHOP.replace("shop:1", "gone:1").replace("/shop", "/gone"), "%docker rmi -f gone:1", "%docker builder prune -af")
    stack = one.widget(1)
    one.run(2)
    one.run(3)
    stack.locator(".dl-layer").nth(0).click()
    refused = stack.get_by_role("alert")
    refused.wait_for(timeout=BUSY)
    assert "No such image" in refused.inner_text() and "Traceback" not in refused.inner_text()


def test_ten_thousand_files_are_as_few_rows_as_can_be_seen(notebook: Open) -> None:
    many = "%%dockerfile -t many:1\nFROM busybox\nRUN mkdir /many && cd /many && seq 10000 | xargs touch"
    one = notebook(many)
    stack = one.widget(1)
    stack.locator(".dl-layer").nth(0).click()
    tree = stack.get_by_role("tree")
    tree.get_by_role("treeitem", name="many").click()
    rows = tree.get_by_role("treeitem")
    tree.get_by_role("treeitem", name="10000,").wait_for(timeout=BUSY)
    assert rows.count() < 40
    tree.focus()
    one.page.keyboard.press("End")
    last = one.page.locator(f"#{tree.get_attribute('aria-activedescendant')}")
    assert (
        "9999," in last.get_attribute("aria-label") and last.get_attribute("aria-posinset") == last.get_attribute("aria-setsize") == "10000"
    )
    assert rows.count() < 40 and last.is_visible()
    tree.get_by_role("treeitem", name=re.compile(r"^9999, file, added")).wait_for(
        timeout=BUSY
    )  # what is seen is asked for, whatever is not
    one.page.keyboard.press("Home")
    one.page.keyboard.press("ArrowDown")
    for key in "54":  # a name's first letter leads to the next such name, known or not
        one.page.keyboard.press(key)
    tree.get_by_role("treeitem", name=re.compile(r"^4, file, added")).wait_for(timeout=BUSY)

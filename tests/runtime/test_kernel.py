"""Mounts by the old and the new ways, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from dockerlab.runtime.helper.kernel import HAS_LOWERDIR_PLUS


def in_namespace(identity: str, script: str) -> str:
    prologue = f"""
        import os, sys
        from dockerlab.runtime.helper import kernel, namespaces, rootfs
        namespaces.enter_new({identity!r}, "host")
        kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    """
    text = textwrap.dedent(prologue) + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, env={"PYTHONPATH": ":".join(filter(None, sys.path))}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("way", "count"), [("_overlay_by_calls", 400), ("_overlay_by_string", 400)])
def test_many_layers(capabilities, tmp_path, way, count):
    for number in range(count):
        (tmp_path / f"l{number}/tree").mkdir(parents=True)
        (tmp_path / f"l{number}/tree/f{number}").touch()
    for name in ("upper", "work", "merged"):
        (tmp_path / name).mkdir()
    out = in_namespace(
        capabilities.identity,
        f"""
        top = {str(tmp_path)!r}
        lowers = [f"{{top}}/l{{n}}/tree" for n in range({count})]
        try:
            kernel.{way}(lowers, f"{{top}}/upper", f"{{top}}/work", f"{{top}}/merged", True)
            print(len(os.listdir(f"{{top}}/merged")))
        except OSError as error:
            print("errno", error.errno)
        """,
    ).strip()
    if way == "_overlay_by_calls" and out == "errno 22":
        pytest.skip("this kernel has no lowerdir+ (Linux 6.8)")
    assert out == str(count)


def test_a_layers_folder_may_have_any_name(capabilities, tmp_path):
    odd = tmp_path / "a,b:c\\d"
    for name in ("tree", "upper", "work", "merged"):
        (odd / name).mkdir(parents=True)
    (odd / "tree/file").touch()
    ways = ("_overlay_by_calls", "_overlay_by_string") if HAS_LOWERDIR_PLUS else ("_overlay_by_string",)
    for way in ways:
        out = in_namespace(
            capabilities.identity,
            f"""
            top = {str(odd)!r}
            kernel.{way}([f"{{top}}/tree"], f"{{top}}/upper", f"{{top}}/work", f"{{top}}/merged", True)
            print(os.listdir(f"{{top}}/merged"))
            """,
        )
        assert out == "['file']\n"


def test_a_path_of_the_image_is_resolved_inside_it(tmp_path):
    from dockerlab.runtime.helper.rootfs import RootError, inside

    (tmp_path / "etc").symlink_to("/real")
    (tmp_path / "up").symlink_to("../../../etc")
    (tmp_path / "loop").symlink_to("loop")
    root = str(tmp_path)
    assert inside(root, "/etc/hosts") == f"{root}/real/hosts"
    assert inside(root, "/up/../../x") == f"{root}/x"
    with pytest.raises(RootError, match="too many levels"):
        inside(root, "/loop")

"""Every recorded build of Docker 28.5's BuildKit, done by our builder: success or error, layers, history, configuration, what a container of it prints."""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import builds
from tests.conformance.contexts import write_context
from tests.conformance.program import Program, recorded_base

HERE = Path(__file__).parent
FACTS: dict[str, Any] = json.loads((HERE / "facts/docker-builds.json").read_text())
EXPECTED: dict[str, str] = tomllib.loads((HERE / "expected.toml").read_text()).get("builds", {})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, static_busybox: Path) -> Any:
    """(the program, the base's layers, the address of the files that some builds download)."""
    home = tmp_path_factory.mktemp("builds")
    before = os.environ.get("DOCKERLAB_HOME")
    os.environ["DOCKERLAB_HOME"] = str(home)
    program = Program()
    www = tempfile.mkdtemp()
    for name, fact in FACTS.items():
        if fact["case"].get("web"):
            write_context(Path(www, name), {"files": fact["case"]["web"]})
    yield program, recorded_base(program, static_busybox), builds.serve(www)
    program.engine.close()
    if before is None:
        del os.environ["DOCKERLAB_HOME"]
    else:
        os.environ["DOCKERLAB_HOME"] = before


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.xfail(reason=EXPECTED[name])) if name in EXPECTED else name for name in FACTS]
)
def test_a_build_is_as_recorded(name: str, world: Any, figures: Any) -> None:
    program, base, web = world
    fact = FACTS[name]
    wrong = builds.one_build(program, name, fact["case"], fact["buildkit"], base, web)
    figures.add("builds that Docker builds" if fact["buildkit"]["ok"] else "builds that Docker refuses", fact["group"], not wrong)
    assert not wrong, "\n".join(f"{aspect}: {text}" for aspect, text in wrong.items())

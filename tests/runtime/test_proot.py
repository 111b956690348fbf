"""The isolation `proot`: an ordinary user, no namespace, no mount. An ordinary user runs these as they are; where the suite is root's they run by one, in a pod that refuses both."""

from __future__ import annotations

import os

import pytest

from dockerlab.runtime import Capabilities, Runtime
from tests.runtime.test_chroot import *  # noqa: F403
from tests.parts import missing

pytestmark = pytest.mark.skipif(os.geteuid() == 0, reason="root has chroot")


@pytest.fixture(scope="module")
def capabilities(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKERLAB_ISOLATION", "proot")
        found = Capabilities.load(tmp_path_factory.mktemp("capabilities") / "capabilities.json")
    if found.isolation != "proot":
        missing("proot", found.reason)
    return found


@pytest.fixture(scope="module")
def runtime(capabilities: Capabilities):
    """This module's own: the other modules' knows nothing of proot."""
    with Runtime(capabilities) as one:
        yield one

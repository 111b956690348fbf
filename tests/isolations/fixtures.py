"""Ways into the isolations, and which of them this run itself is in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NoReturn

import pytest

from dockerlab.runtime import Capabilities
from tests.isolations.beside import enter
from tests.isolations.places import ISOLATIONS, NotHere, Place, own_name
from tests.isolations.table import TABLE
from tests.parts import missing


@pytest.fixture(scope="session")
def own(isolation_here: Capabilities) -> str:
    """The name of the isolation that this run itself is in, if it has one."""
    TABLE.own = own_name(isolation_here.isolation)
    if TABLE.own:
        TABLE.choose(TABLE.own, (isolation_here.isolation, isolation_here.identity, isolation_here.reason))
    return TABLE.own


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, isolation_here: Capabilities, own: str) -> Iterator[Place]:
    """The isolation of the parameter's name, entered. What can't be had here is in the table, with its reason."""
    one = ISOLATIONS[request.param]
    with ExitStack() as stack:
        try:
            place = enter(one.name, isolation_here, stack)
        except NotHere as error:
            not_here(one.name, own, str(error), error.remedy)
        TABLE.choose(one.name, place.chosen)
        yield place


def not_here(name: str, own: str, why: str, remedy: str) -> NoReturn:
    """Skip, or fail where it must be here; the table has it."""
    if name != own:
        TABLE.miss(name, why)
    if remedy:
        missing(ISOLATIONS[name].needs.partition(" ")[0], remedy)
    pytest.skip(why)

"""Ways into the isolations, and which of them this run itself is in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dockerlab.runtime import Capabilities
from tests.isolations.places import ISOLATIONS, NotHere, Place, entered, own_name
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
    try:
        with entered(one) as place:
            isolation, _, reason = place.chosen
            if isolation not in one.gives and isolation_here.isolation != "namespaces":
                raise NotHere(f"this machine refuses what would make it one: {isolation_here.reason}")
            assert isolation in one.gives, f"{isolation} was chosen, not {' or '.join(one.gives)}: {reason}"
            TABLE.choose(one.name, place.chosen)
            yield place
    except NotHere as error:
        if one.name != own:
            TABLE.miss(one.name, str(error))
        if error.remedy:
            missing(one.needs.partition(" ")[0], error.remedy)
        pytest.skip(str(error))

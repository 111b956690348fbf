"""The option that writes docs/isolations.md."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--isolations-report", default="", help="write the table of the isolations to this file")

"""A user's passwords, where Docker keeps them; and what a registry's challenge asks for."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockerlab.errors import DockerlabError
from dockerlab.transfer.registry.authorization import Challenge, challenges
from dockerlab.transfer.registry.credentials import Credentials, config_file, find, forget, keep
from dockerlab.transfer.registry.endpoints import HUB_KEY

HELPER = """#!/bin/sh
cat > "$0.$1"
case "$1" in
get) if [ -s "$0.answer" ]; then cat "$0.answer"; else echo "credentials not found in native keychain"; exit 1; fi;;
esac
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "docker").mkdir()
    return config_file()


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "docker-credential-lab"
    program.write_text(HELPER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return program


def auth(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("key", "entry", "found"),
    [
        ("reg.example", {"auth": auth("me:se:cret")}, Credentials("me", "se:cret")),
        ("https://reg.example/v2/", {"auth": auth("me:secret")}, Credentials("me", "secret")),
        ("reg.example", {"auth": auth("me:"), "identitytoken": "t"}, Credentials(identity_token="t")),
        ("reg.example", {"username": "me", "password": "secret"}, Credentials("me", "secret")),
        ("reg.example", {"auth": "?"}, None),
        ("reg.example", {}, None),
        ("other.example", {"auth": auth("me:secret")}, None),
    ],
)
def test_what_docker_login_has_written_is_found(config: Path, key: str, entry: dict[str, str], found: Credentials | None) -> None:
    config.write_text(json.dumps({"auths": {key: entry}}))
    assert find("reg.example") == found


def test_docker_hubs_is_found_under_its_own_address(config: Path) -> None:
    keep(HUB_KEY, Credentials("me", "secret"))
    assert list(json.loads(config.read_text())["auths"]) == ["https://index.docker.io/v1/"]
    assert find(HUB_KEY) == Credentials("me", "secret")


def test_keeping_and_forgetting_leaves_the_rest_of_the_file(config: Path) -> None:
    config.write_text(json.dumps({"psFormat": "x", "auths": {"a": {"auth": auth("a:b")}}}))
    assert keep("b:5000", Credentials("me", "secret")) == config and config.stat().st_mode & 0o777 == 0o600
    assert find("b:5000") == Credentials("me", "secret")
    assert forget("b:5000") and not forget("b:5000")
    assert json.loads(config.read_text()) == {"psFormat": "x", "auths": {"a": {"auth": auth("a:b")}}}


@pytest.mark.parametrize("how", [{"credsStore": "lab"}, {"credHelpers": {"reg.example": "lab"}}])
def test_a_helper_is_asked_where_it_keeps_the_passwords(config: Path, helper: Path, how: dict[str, object]) -> None:
    config.write_text(json.dumps({**how, "auths": {"reg.example": {}}}))
    assert find("reg.example") is None
    Path(f"{helper}.answer").write_text(json.dumps({"ServerURL": "reg.example", "Username": "me", "Secret": "secret"}))
    assert find("reg.example") == Credentials("me", "secret") and Path(f"{helper}.get").read_text() == "reg.example"
    Path(f"{helper}.answer").write_text(json.dumps({"Username": "<token>", "Secret": "t"}))
    assert find("reg.example") == Credentials(identity_token="t")
    assert keep("reg.example", Credentials("you", "new")) is None
    assert json.loads(Path(f"{helper}.store").read_text()) == {"ServerURL": "reg.example", "Username": "you", "Secret": "new"}
    assert "new" not in config.read_text()
    assert forget("reg.example") and Path(f"{helper}.erase").read_text() == "reg.example"


def test_a_helper_for_one_registry_is_not_asked_about_another(config: Path, helper: Path) -> None:
    config.write_text(json.dumps({"credHelpers": {"other.example": "lab"}, "auths": {"reg.example": {"auth": auth("me:secret")}}}))
    assert find("reg.example") == Credentials("me", "secret") and not Path(f"{helper}.get").exists()


def test_a_helper_that_is_not_there_or_no_name_is_told(config: Path) -> None:
    for name, words in (("lab-nowhere", "docker-credential-lab-nowhere is not installed"), ("../../bin/sh", "no name of a program")):
        config.write_text(json.dumps({"credsStore": name}))
        with pytest.raises(DockerlabError, match=words):
            find("reg.example")


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_a_configuration_that_is_damaged_is_told(config: Path, text: str) -> None:
    config.write_text(text)
    with pytest.raises(DockerlabError, match="is damaged"):
        find("reg.example")


def test_no_configuration_is_no_password(config: Path) -> None:
    assert find("reg.example") is None


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
            [Challenge("bearer", "https://auth.docker.io/token", "registry.docker.io", "repository:a/b:pull,push")],
        ),
        ('Basic realm="a \\"b\\", c"', [Challenge("basic", 'a "b", c')]),
        ('bearer realm=https://x, Basic realm="y"', [Challenge("bearer", "https://x"), Challenge("basic", "y")]),
        ("Digest realm=x", []),
        ("Basic", [Challenge("basic")]),
        ("", []),
    ],
)
def test_a_challenge_is_read(header: str, found: list[Challenge]) -> None:
    assert challenges(header) == found


@given(st.text(alphabet='BearsicB= ",\\rlm/:x', max_size=60))
def test_a_challenge_of_any_text_ends(text: str) -> None:
    for one in challenges("Bearer " + text):
        assert one.kind in ("bearer", "basic")

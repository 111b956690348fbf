"""Real registries on both engines: push, pull, login and logout, on one that is open and on one that asks for a password."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.engine import Engine
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.errors import DockerlabError, NotFoundError
from dockerlab.store import Store
from tests.conftest import Answer
from tests.contract.conftest import BASE, Docker


@pytest.fixture(autouse=True)
def config(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's configuration, of this test alone (the daemon is known already); names may be looked for in registries."""
    for name in ("DOCKERLAB_BASES", "DOCKERLAB_REGISTRY_MIRRORS", "DOCKERLAB_INSECURE_REGISTRIES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker-config"))
    return tmp_path / "docker-config/config.json"


@pytest.fixture
def somebody_else(tmp_path: Path) -> Iterator[EmbeddedEngine]:
    """An engine on a store that is empty."""
    engine = EmbeddedEngine(Store.open(tmp_path / "else"))
    yield engine
    engine.close()


@pytest.fixture
def repository(request: pytest.FixtureRequest, registry: str) -> str:
    """A repository of this test, on this engine, in the open registry."""
    return f"{registry}/contract/{_own(request)}"


@pytest.fixture
def shut(request: pytest.FixtureRequest, protected: str) -> str:
    """The same in the one that asks for a password."""
    return f"{protected}/contract/{_own(request)}"


def _own(request: pytest.FixtureRequest) -> str:
    return re.sub(r"[^a-z]+", "-", request.node.name.lower()).strip("-")[-60:].strip("-")


def built(docker: Docker, name: str) -> str:
    """An image of two layers under this name, its ID."""
    text = f'FROM {BASE}\nRUN echo {name} > /made && chown 7:8 /made && rm /etc/motd\nCMD ["cat", "/made"]\n'
    answer = docker("build", "-q", "-t", name, "-", stdin=text.encode())
    assert answer.code == 0, answer.err
    return answer.out.strip()


def logged_in(docker: Docker, host: str, password: str = "secret") -> Answer:
    return docker("login", "-u", "learner", "--password-stdin", host, stdin=f"{password}\n".encode())


def host_of(repository: str) -> str:
    return repository.partition("/")[0]


def test_what_was_pushed_comes_back_as_the_same_image(docker: Docker, engine: Engine, repository: str) -> None:
    name = f"{repository}:1"
    identifier = built(docker, name)
    pushed = docker("push", name)
    assert pushed.code == 0 and pushed.err == "", pushed.err
    first, *layers, last = pushed.out.splitlines()
    assert first == f"The push refers to repository [{repository}]"
    assert {line.partition(": ")[2].partition(" from ")[0] for line in layers} <= {"Preparing", "Pushed", "Mounted", "Layer already exists"}
    found = re.fullmatch(r"1: digest: (sha256:[0-9a-f]{64}) size: \d+", last)
    assert found, last
    assert docker("rmi", name).code == 0
    with pytest.raises(NotFoundError):
        engine.image_inspect(name)

    pulled = docker("pull", name)
    assert pulled.code == 0 and pulled.err == "", pulled.err
    lines = pulled.out.splitlines()
    assert lines[0] == f"1: Pulling from {name.partition('/')[2].removesuffix(':1')}"
    assert lines[-3:] == [f"Digest: {found[1]}", f"Status: Downloaded newer image for {name}", name]
    about = engine.image_inspect(name)
    assert about["Id"] == identifier and about["RepoDigests"] == [f"{repository}@{found[1]}"]
    assert docker("run", "--rm", name).out == f"{name}\n"
    assert docker("run", "--rm", name, "stat", "-c", "%u:%g", "/made").out == "7:8\n"
    assert docker("pull", name).out.splitlines()[-2] == f"Status: Image is up to date for {name}"
    assert docker("pull", "-q", name).out == f"{name}\n"


def test_an_image_is_the_same_image_for_somebody_else(docker: Docker, repository: str, somebody_else: EmbeddedEngine) -> None:
    name = f"{repository}:1"
    identifier = built(docker, name)
    digest = docker("push", name).out.split()[-3]
    *_, last = somebody_else.pull(f"{repository}@{digest}")
    assert last.status == f"Status: Downloaded newer image for {repository}@{digest}"
    assert somebody_else.image_inspect(f"{repository}@{digest}")["Id"] == identifier
    assert somebody_else.image_files(f"{repository}@{digest}").read("/made") == f"{name}\n".encode()


def test_every_tag_goes_and_comes_with_a(docker: Docker, engine: Engine, repository: str) -> None:
    identifier = built(docker, f"{repository}:1")
    engine.tag(f"{repository}:1", f"{repository}:2")
    pushed = docker("push", "-a", repository)
    assert pushed.code == 0 and [line.partition(": ")[0] for line in pushed.out.splitlines() if ": digest: " in line] == ["1", "2"]
    assert docker("rmi", f"{repository}:1", f"{repository}:2").code == 0
    pulled = docker("pull", "-a", repository)
    assert pulled.code == 0 and pulled.out.endswith(f"\nStatus: Downloaded newer image for {repository}\n{repository}\n")
    assert engine.image_inspect(f"{repository}:1")["Id"] == engine.image_inspect(f"{repository}:2")["Id"] == identifier
    assert docker("push", "-q", f"{repository}:2").out == f"{repository}:2\n"


def test_a_name_that_is_only_used_is_pulled_and_that_is_said(docker: Docker, engine: Engine, repository: str) -> None:
    name = f"{repository}:1"
    identifier = built(docker, name)
    assert docker("push", "-q", name).code == docker("rmi", name).code == 0
    answer = docker("run", "--rm", name)
    assert answer.code == 0 and answer.out == f"{name}\n", answer.err
    said = answer.err.splitlines()
    assert said[0] == f"Unable to find image '{name}' locally" and f"Status: Downloaded newer image for {name}" in said
    assert engine.image_inspect(name)["Id"] == identifier
    assert docker("rmi", name).code == 0
    answer = docker("build", "-q", "-t", f"{repository}:child", "-", stdin=f"FROM {name}\nRUN cat /made > /again\n".encode())
    assert answer.code == 0, answer.err
    assert docker("run", "--rm", f"{repository}:child", "cat", "/again").out == f"{name}\n"


def test_pull_always_asks_the_registry_though_the_image_is_here(docker: Docker, engine: Engine, repository: str) -> None:
    name = f"{repository}:1"
    identifier = built(docker, name)
    assert docker("push", "-q", name).code == 0
    engine.tag(BASE, name)
    assert docker("run", "--rm", name, "cat", "/etc/motd").out == "hello\n"
    answer = docker("run", "--rm", "--pull", "always", name)
    assert answer.code == 0 and answer.out == f"{name}\n" and "Unable to find" not in answer.err, answer.err
    assert engine.image_inspect(name)["Id"] == identifier
    engine.tag(BASE, f"{repository}:nowhere")
    answer = docker("run", "--rm", "--pull", "always", f"{repository}:nowhere", "true")
    assert answer.code == 125 and f"manifest for {repository}:nowhere not found: manifest unknown" in answer.err


def test_a_name_that_is_not_there_is_refused_by_its_name(docker: Docker, engine: Engine, repository: str) -> None:
    for flags in ((), ("-q",)):
        answer = docker("pull", *flags, f"{repository}:1")
        assert answer.code == 1 and answer.out == ""
        assert answer.err.splitlines()[0] == f"Error: manifest for {repository}:1 not found: manifest unknown: manifest unknown"
    nothing = f"{repository}@sha256:{'0' * 64}"
    assert f"manifest for {nothing} not found: manifest unknown" in docker("pull", nothing).err
    answer = docker("run", "--rm", f"{repository}:1", "true")
    assert answer.code == 125 and answer.out == "" and f"manifest for {repository}:1 not found" in answer.err
    answer = docker("rmi", f"{repository}:1")
    assert answer.code == 1 and f"No such image: {repository}:1" in answer.err
    answer = docker("push", f"{repository}:1")
    assert answer.code == 1 and answer.out == f"The push refers to repository [{repository}]\n"
    assert answer.err.splitlines()[0] == f"Error: An image does not exist locally with the tag: {repository}"
    engine.tag(BASE, f"{repository}:2")
    assert docker("push", f"{repository}:1").err.splitlines()[0] == f"Error: tag does not exist: {repository}:1"
    with pytest.raises(NotFoundError):
        list(engine.push(f"{repository}:1"))


def test_a_registry_that_is_not_there_is_said_with_its_address(docker: Docker) -> None:
    for words in (("pull", "127.0.0.1:9/contract/none:1"), ("login", "-u", "learner", "-p", "secret", "127.0.0.1:9")):
        answer = docker(*words)
        assert answer.code == 1 and 'Get "http://127.0.0.1:9/v2/' in answer.err and "connection refused" in answer.err


def test_a_wrong_password_is_refused_and_not_kept(docker: Docker, protected: str, config: Path) -> None:
    answer = logged_in(docker, protected, "wrong")
    assert answer.code == 1 and answer.out == ""
    assert answer.err == f"Error: login attempt to http://{protected}/v2/ failed with status: 401 Unauthorized\n"
    assert not config.exists()
    answer = docker("login", "-u", "learner", protected)
    assert answer.code == 1 and "cannot perform an interactive login from a non-TTY device" in answer.err


def test_with_a_password_images_go_and_come_until_logout(docker: Docker, engine: Engine, shut: str, config: Path) -> None:
    name, host = f"{shut}:1", host_of(shut)
    identifier = built(docker, name)
    refused_without(docker, "push", name)

    answer = logged_in(docker, host)
    assert answer.code == 0 and answer.out == "Login Succeeded\n" and f"stored unencrypted in '{config}'" in answer.err
    assert list(json.loads(config.read_text())["auths"]) == [host] and config.stat().st_mode & 0o777 == 0o600
    again = docker("login", host)
    assert again.code == 0 and again.out == "Login Succeeded\n" and "existing credentials... [Username: learner]" in again.err

    pushed = docker("push", name)
    assert pushed.code == 0, pushed.err
    assert docker("rmi", name).code == docker("pull", "-q", name).code == 0
    assert engine.image_inspect(name)["Id"] == identifier
    assert docker("rmi", name).code == 0 and docker("run", "--rm", name).out == f"{name}\n"

    assert docker("logout", host).out == f"Removing login credentials for {host}\n"
    assert json.loads(config.read_text())["auths"] == {}
    refused_without(docker, "push", name)
    assert docker("rmi", name).code == 0
    refused_without(docker, "pull", name)
    answer = docker("run", "--rm", name)
    assert answer.code == 125 and answer.out == ""


def test_a_password_that_has_become_wrong_is_told(docker: Docker, protected: str, config: Path) -> None:
    config.parent.mkdir()
    config.write_text(json.dumps({"auths": {protected: {"auth": "bGVhcm5lcjp3cm9uZw=="}}}))
    answer = docker("login", protected)
    assert answer.code == 1 and "Login did not succeed, error: login attempt to" in answer.err


def refused_without(docker: Docker, verb: str, name: str) -> None:
    """Refused in the words of whoever asked the registry, with the remedy."""
    answer = docker(verb, name)
    assert answer.code == 1 and "digest" not in answer.out
    assert "no basic auth credentials" in answer.err or f"{verb} access denied for {name.rpartition(':')[0]}" in answer.err
    assert f"hint: dockerlab login {host_of(name)}, if it is yours; or look at the name\n" in answer.err


def test_an_engine_says_what_a_registry_refused_as_one_kind_of_error(engine: Engine, shut: str) -> None:
    with pytest.raises(DockerlabError) as raised:
        list(engine.pull(f"{shut}:1"))
    assert raised.value.exit_code == 1 and raised.value.hint.startswith("dockerlab login ")

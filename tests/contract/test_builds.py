"""Builds on both engines: the same events, the same image, the same errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dockerlab.build import Built, StepDone, StepOutput, StepStarted
from dockerlab.engine import BuildOptions, Engine
from dockerlab.errors import BuildError, DockerfileError
from tests.contract.conftest import BASE, Docker

STEPS = f"""\
FROM {BASE} AS made
RUN echo made > /made && echo told
FROM {BASE}
WORKDIR /srv
COPY --from=made /made .
COPY page.txt /srv/
ENV COLOUR=blue
LABEL kind=contract
USER 1000
EXPOSE 8080
ENTRYPOINT ["echo"]
CMD ["hi"]
"""


def options(folder: Path, text: str, *tags: str, **more: object) -> BuildOptions:
    folder.mkdir(exist_ok=True)
    (folder / "page.txt").write_text("page\n")
    return BuildOptions(context=str(folder), dockerfile_text=text, tags=tags, **more)  # type: ignore[arg-type]


def test_a_build_tells_its_steps_with_their_lines_and_ends_with_the_image(engine: Engine, tmp_path: Path) -> None:
    events = list(engine.build(options(tmp_path / "context", STEPS, "contract-built:1", no_cache=True)))
    started = {event.name: event for event in events if isinstance(event, StepStarted)}
    lines = {name.split("] ")[1].split(" ")[0]: event.line for name, event in started.items() if "COPY" not in name and "FROM" not in name}
    assert lines == {"RUN": 2, "WORKDIR": 4}
    assert {event.line for name, event in started.items() if "COPY" in name} == {5, 6}
    assert sorted(event.name for event in events if isinstance(event, StepDone)) == sorted(started)
    number = next(event.number for name, event in started.items() if " RUN " in name)
    assert b"".join(event.data for event in events if isinstance(event, StepOutput) and event.number == number) == b"told\n"
    last = events[-1]
    assert isinstance(last, Built)
    found = engine.image_inspect("contract-built:1")
    assert last.image.id == found["Id"] and list(last.image.config.diff_ids) == found["RootFS"]["Layers"]


def test_what_is_built_has_the_same_layers_history_and_configuration(engine: Engine, tmp_path: Path) -> None:
    list(engine.build(options(tmp_path / "context", STEPS, "contract-built:1")))
    config = engine.image_inspect("contract-built:1")["Config"]
    assert (config["User"], config["WorkingDir"], config["Entrypoint"], config["Cmd"]) == ("1000", "/srv", ["echo"], ["hi"])
    assert (
        config["Env"] == ["PATH=/bin", "COLOUR=blue"]
        and config["Labels"] == {"kind": "contract"}
        and config["ExposedPorts"] == {"8080/tcp": {}}
    )
    history = [(line["CreatedBy"], line["EmptyLayer"], line["Size"]) for line in reversed(engine.history("contract-built:1"))][1:]
    assert history == [
        ("WORKDIR /srv", False, 0),
        ("COPY /made . # buildkit", False, 5),
        ("COPY page.txt /srv/ # buildkit", False, 5),
        ("ENV COLOUR=blue", True, 0),
        ("LABEL kind=contract", True, 0),
        ("USER 1000", True, 0),
        ("EXPOSE [8080/tcp]", True, 0),
        ('ENTRYPOINT ["echo"]', True, 0),
        ('CMD ["hi"]', True, 0),
    ]


def test_the_second_build_is_cached_but_for_what_changed(engine: Engine, tmp_path: Path) -> None:
    text = f"FROM {BASE}\nRUN echo {tmp_path.name} > /first\nCOPY page.txt /\nRUN cat /page.txt\n"
    list(engine.build(options(tmp_path / "context", text)))

    def cached() -> list[bool]:
        events = list(engine.build(BuildOptions(context=str(tmp_path / "context"), dockerfile_text=text)))
        return [event.cached for event in sorted((e for e in events if isinstance(e, StepDone)), key=lambda e: e.name)][1:]

    assert cached() == [True, True, True]
    (tmp_path / "context/page.txt").write_text(f"another {tmp_path}\n")
    assert cached() == [True, False, False]


def test_arguments_target_labels_and_several_tags(engine: Engine, tmp_path: Path) -> None:
    text = "ARG BASE=nothing\nFROM $BASE AS first\nARG WHO=nobody\nRUN echo $WHO > /who\nFROM first AS second\nRUN false\n"
    asked = options(
        tmp_path / "context",
        text,
        "contract-a:1",
        "contract-b:2",
        build_args={"BASE": BASE, "WHO": "ada"},
        target="first",
        labels={"a": "b"},
    )
    list(engine.build(asked))
    assert engine.image_inspect("contract-a:1")["Id"] == engine.image_inspect("contract-b:2")["Id"]
    assert engine.image_inspect("contract-a:1")["Config"]["Labels"] == {"a": "b"}
    assert engine.image_files("contract-a:1").read("/who") == b"ada\n"


def test_what_is_ignored_is_not_sent(engine: Engine, docker: Docker, tmp_path: Path) -> None:
    context = tmp_path / "context"
    asked = options(context, f"FROM {BASE}\nCOPY . /all/\n", "contract-built:1", exclude=("left.out",))
    (context / ".dockerignore").write_text("*.log\n!kept.log\n")
    for name in ("a.log", "kept.log", "left.out"):
        (context / name).write_text(name)
    list(engine.build(asked))
    assert sorted(entry.path for entry in engine.image_files("contract-built:1").walk() if entry.path.startswith("/all/")) == [
        "/all/.dockerignore",
        "/all/kept.log",
        "/all/page.txt",
    ]


def test_a_failing_step_is_told_with_its_line_its_output_and_its_exit_code(engine: Engine, tmp_path: Path) -> None:
    text = f"FROM {BASE}\nRUN echo before\nRUN echo last words && exit 7\n"
    with pytest.raises(BuildError) as raised:
        list(engine.build(options(tmp_path / "context", text, "contract-built:1")))
    error = raised.value
    assert (error.line, error.exit_code_of_step) == (3, 7) and error.message.endswith("did not complete successfully: exit code: 7")
    assert "last words" in error.excerpt and ">>> RUN echo last words && exit 7" in error.excerpt
    assert error.step == "[3/3] RUN echo last words && exit 7"


def test_what_is_wrong_before_the_first_step_is_told_with_its_line(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(DockerfileError) as typo:
        list(engine.build(options(tmp_path / "context", f"FROM {BASE}\nRUNN echo hi\n")))
    assert typo.value.line == 2 and "(did you mean RUN?)" in typo.value.message
    with pytest.raises(BuildError) as absent:
        list(engine.build(options(tmp_path / "context", f"FROM {BASE}\nCOPY nothing.txt /\n")))
    assert absent.value.line == 2 and "nothing.txt" in absent.value.message and "not found" in absent.value.message
    (tmp_path / "context/notes.txt").write_text("")
    with pytest.raises(BuildError) as alike:
        list(engine.build(options(tmp_path / "context", f"FROM {BASE}\nCOPY note.txt /\n")))
    assert alike.value.hint == "did you mean notes.txt?"
    with pytest.raises(BuildError) as stage:
        list(engine.build(options(tmp_path / "context", f"FROM {BASE} AS build\nFROM {BASE}\nCOPY --from=biuld /etc/motd /\n")))
    assert stage.value.line == 3 and stage.value.hint == "did you mean the stage build?"


def test_warnings_come_with_their_rule_and_line(engine: Engine, tmp_path: Path) -> None:
    (*_, built) = engine.build(options(tmp_path / "context", f"FROM {BASE} as one\nCMD echo hi\n"))
    assert isinstance(built, Built)
    assert sorted((one.rule, one.line) for one in built.warnings) == [("FromAsCasing", 1), ("JSONArgsRecommended", 2)]


def test_the_classic_builder_makes_a_container_for_each_step(docker: Docker, engine: Engine, tmp_path: Path) -> None:
    Path("Dockerfile").write_text(f'FROM {BASE}\nENV A=1\nRUN echo told > /told\nCMD ["cat", "/told"]\n')
    answer = docker("build", "--builder", "classic", "-t", "contract-classic:1", ".")
    assert answer.code == 0, answer.err
    told = [line.split(" : ")[-1] for line in answer.out.splitlines() if line.startswith("Step ")]
    assert told == [f"FROM {BASE}", "ENV A=1", "RUN echo told > /told", 'CMD ["cat", "/told"]']
    assert (
        " ---> Running in " in answer.out and "Successfully built " in answer.out and "Successfully tagged contract-classic:1" in answer.out
    )
    history = [line["CreatedBy"] for line in reversed(engine.history("contract-classic:1"))][1:]
    assert history == ["/bin/sh -c #(nop)  ENV A=1", "/bin/sh -c echo told > /told", '/bin/sh -c #(nop)  CMD ["cat" "/told"]']


def test_a_build_from_standard_input_and_its_image_id(docker: Docker, engine: Engine) -> None:
    answer = docker("build", "-q", "-t", "contract-built:1", "-", stdin=f"FROM {BASE}\nRUN echo in > /in\n".encode())
    assert answer.code == 0, answer.err
    assert answer.out.strip() == engine.image_inspect("contract-built:1")["Id"]


def test_secrets_are_there_for_the_step_and_nowhere_else(engine: Engine, tmp_path: Path) -> None:
    text = f"FROM {BASE}\nRUN --mount=type=secret,id=token wc -c < /run/secrets/token > /count\n"
    list(engine.build(options(tmp_path / "context", text, "contract-built:1", secrets={"token": b"12345"})))
    files = engine.image_files("contract-built:1")
    assert files.read("/count") == b"5\n" and files.lookup("/run/secrets/token") is None
    assert "12345" not in json.dumps(engine.image_inspect("contract-built:1"))

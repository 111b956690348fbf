"""What each instruction does to the image, and how a build's flags and here-documents are taken."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Docker, build, sh

pytestmark = pytest.mark.usefixtures("containers_run_here")


def config(docker: Docker, name: str = "t:1") -> dict[str, Any]:
    return dict(json.loads(docker("inspect", "-f", "{{json .Config}}", name).out))


def created_by(docker: Docker, name: str = "t:1") -> list[str]:
    return [line["created_by"] for line in json.loads(docker("history", "--json", name).out)]


def test_metadata_instructions_fill_the_configuration_and_make_no_layer(docker: Docker) -> None:
    text = """FROM busybox
MAINTAINER me <me@example.org>
ENV A=1 B="two words"
LABEL x=1 y="a b"
EXPOSE 8080 53/udp
VOLUME ["/data"]
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=5s --retries=3 CMD true
ONBUILD RUN true
SHELL ["/bin/sh", "-e", "-c"]
USER 5:6
ENTRYPOINT ["/bin/sh"]
CMD echo $A
"""
    assert build(docker, text).code == 0
    found = config(docker)
    assert found["Env"][1:] == ["A=1", "B=two words"]
    assert found["Labels"] == {"x": "1", "y": "a b"}
    assert found["ExposedPorts"] == {"53/udp": {}, "8080/tcp": {}} and found["Volumes"] == {"/data": {}}
    assert (found["StopSignal"], found["User"], found["OnBuild"]) == ("SIGQUIT", "5:6", ["RUN true"])
    assert found["Healthcheck"] == {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000, "Retries": 3}
    assert found["Entrypoint"] == ["/bin/sh"] and found["Cmd"] == ["/bin/sh", "-e", "-c", "echo $A"]
    assert docker("inspect", "-f", "{{.Author}} {{len .RootFS.Layers}}", "t:1").out == "me <me@example.org> 1\n"


def test_onbuild_runs_in_the_next_build_and_only_there(docker: Docker) -> None:
    build(docker, "FROM busybox\nONBUILD COPY a /a\nONBUILD RUN cat /a > /b\n", tag="parent:1", a="text")
    assert build(docker, "FROM parent:1\nENV X=1\n").code == 0
    assert sh(docker, "cat /b") == "text"
    assert json.loads(docker("inspect", "t:1").out)[0]["Config"]["OnBuild"] is None
    assert build(docker, "FROM t:1\n", tag="t:2").code == 0


def test_arg_and_env_in_their_scopes(docker: Docker) -> None:
    text = """ARG BASE=busybox
ARG SHARED=global
FROM $BASE AS one
ARG V=default
RUN echo "$V [$SHARED]" > /one
ARG SHARED
ENV V=env
RUN echo "$V [$SHARED]" >> /one
FROM one
RUN echo "$V [$SHARED]" >> /one
"""
    assert build(docker, text).code == 0
    assert sh(docker, "cat /one") == "default []\nenv [global]\nenv [global]\n"
    assert build(docker, text, "--build-arg", "V=given", "--build-arg", "SHARED=mine").code == 0
    assert sh(docker, "cat /one").splitlines()[:2] == ["given []", "env [mine]"]
    assert not any(pair.startswith("SHARED") for pair in config(docker)["Env"])


def test_a_build_argument_without_a_value_is_the_callers_variable(docker: Docker) -> None:
    Path("Dockerfile").write_text("FROM busybox\nARG FROM_CALLER\nRUN echo $FROM_CALLER > /f\n")
    assert docker("build", "-t", "t:1", "--build-arg", "FROM_CALLER", ".", env={"FROM_CALLER": "it"}).code == 0
    assert sh(docker, "cat /f") == "it\n"


def test_workdir_is_made_and_relative_ones_go_on_from_it(docker: Docker) -> None:
    assert build(docker, "FROM busybox\nWORKDIR /a\nWORKDIR b\nUSER 7:8\nWORKDIR c\nRUN pwd\n").code == 0
    assert config(docker)["WorkingDir"] == "/a/b/c"
    assert sh(docker, "stat -c '%n %a %u:%g' /a /a/b /a/b/c").splitlines() == ["/a 755 0:0", "/a/b 755 0:0", "/a/b/c 755 7:8"]


def test_copy_where_things_land_and_whose_they_are(docker: Docker) -> None:
    Path("d/sub").mkdir(parents=True)
    Path("d/sub/deep").write_text("deep")
    Path("d/link").symlink_to("sub/deep")
    Path("run.sh").write_text("#!/bin/sh\n")
    Path("run.sh").chmod(0o750)
    text = """FROM busybox
COPY d /folder
COPY d/sub/deep run.sh /many/
COPY --chown=nobody:5 --chmod=604 run.sh /renamed
COPY *.sh /glob/
COPY d/link /followed
RUN ln -s /many /way
COPY run.sh /way/through
"""
    assert build(docker, text).code == 0
    seen = sh(
        docker, "stat -c '%n %a %u:%g' /folder/sub/deep /many/run.sh /renamed /glob/run.sh; readlink /folder/link; cat /followed; ls /many"
    )
    assert seen.splitlines() == [
        "/folder/sub/deep 644 0:0", "/many/run.sh 750 0:0", "/renamed 604 65534:5", "/glob/run.sh 750 0:0", "sub/deep", "deepdeep", "run.sh", "through",
    ]  # fmt: skip


def test_add_unpacks_local_archives_and_copy_does_not(docker: Docker) -> None:
    Path("in").mkdir()
    Path("in/f").write_text("packed")
    subprocess.run(["tar", "-czf", "a.tgz", "-C", "in", "f"], check=True)
    assert build(docker, "FROM busybox\nADD a.tgz /added/\nCOPY a.tgz /copied/\nADD in/f /added/g\n").code == 0
    assert sh(docker, "cat /added/f /added/g; ls /copied") == "packedpackeda.tgz\n"


def test_copy_from_a_stage_an_image_and_a_number(docker: Docker) -> None:
    build(docker, "FROM busybox\nRUN echo other > /o && chown 3:4 /o\n", tag="other:1")
    text = (
        "FROM busybox AS tools\nRUN echo made > /m\nFROM busybox\nCOPY --from=tools /m /1\nCOPY --from=0 /m /2\nCOPY --from=other:1 /o /3\n"
    )
    assert build(docker, text).code == 0
    assert sh(docker, "cat /1 /2 /3; stat -c %u:%g /3") == "made\nmade\nother\n3:4\n"
    failed = build(docker, text.replace("from=tools", "from=tolls"))
    assert failed.code == 1 and "did you mean the stage tools?" in failed.err
    failed = build(docker, text.replace("--from=tools /m", "--from=tools /n"))
    assert failed.code == 1 and '"/n": not found in stage tools' in failed.err


def test_target_ends_at_its_stage_and_an_unknown_one_is_refused(docker: Docker) -> None:
    text = "FROM busybox AS first\nENV A=1\nFROM busybox AS last\nRUN exit 9\n"
    assert build(docker, text, "--target", "first").code == 0
    assert "A=1" in config(docker)["Env"]
    failed = build(docker, text, "--target", "frist")
    assert failed.code == 1 and "frist" in failed.err


def test_heredocs_are_scripts_and_files(docker: Docker) -> None:
    text = """FROM busybox
ENV NAME=me
RUN <<EOF
echo one $NAME > /f
echo two >> /f
EOF
RUN cat <<'A' >> /f && echo after >> /f
literal $NAME
A
COPY <<-INDEX <<'RAW' /www/
	<h1>$NAME</h1>
	INDEX
$NAME
RAW
RUN <<SCRIPT
#!/bin/sh
echo "$0" | grep -q pipes && echo by its own interpreter >> /f
SCRIPT
"""
    assert build(docker, text).code == 0
    assert sh(docker, "cat /f /www/INDEX /www/RAW") == ("one me\ntwo\nliteral $NAME\nafter\nby its own interpreter\n<h1>me</h1>\n$NAME\n")


def test_exec_form_has_no_shell_and_shell_changes_the_shell(docker: Docker) -> None:
    text = 'FROM busybox\nRUN ["/bin/sh", "-c", "echo $0 > /f", "zero"]\nSHELL ["/bin/sh", "-xc"]\nRUN echo shown\n'
    answer = build(docker, text)
    assert answer.code == 0 and "+ echo shown" in answer.err
    assert sh(docker, "cat /f") == "zero\n"
    assert created_by(docker)[0] == "RUN /bin/sh -xc echo shown # buildkit"
    failed = build(docker, 'FROM busybox\nRUN ["nosuch"]\n')
    assert failed.code == 1 and "nosuch" in failed.err and "Dockerfile:2" in failed.err


def test_a_secret_is_seen_by_its_step_and_is_not_in_the_image(docker: Docker) -> None:
    Path("token").write_text("hush")
    text = "FROM busybox\nRUN --mount=type=secret,id=t cat /run/secrets/t | tr a-z A-Z\nRUN ls /run/secrets 2>&1 || true\n"
    answer = build(docker, text, "--secret", "id=t,src=token")
    assert answer.code == 0 and "HUSH" in answer.err
    assert docker("run", "--rm", "t:1", "sh", "-c", "cat /run/secrets/t").code == 1


def test_a_cache_mount_is_kept_between_builds_and_a_bind_mount_shows_the_context(docker: Docker) -> None:
    text = "FROM busybox\nARG N\nRUN --mount=type=cache,target=/k echo $N >> /k/all; cat /k/all\nRUN --mount=target=/ctx cat /ctx/a > /a\n"
    assert build(docker, text, "--build-arg", "N=1", a="context").code == 0
    answer = build(docker, text, "--build-arg", "N=2", "--progress=plain")
    assert [line.split()[-1] for line in answer.err.splitlines() if line.startswith("#2 0.")] == ["1", "2"]
    assert sh(docker, "cat /a; ls /k 2>/dev/null || true") == "context"


def test_a_bound_folder_is_the_source_itself_with_its_mode_owner_and_time(docker: Docker) -> None:
    text = """FROM busybox AS one
RUN mkdir -m 2750 /t && echo 1 > /t/f && chown 5:6 /t /t/f && touch -d @1000 /t
FROM busybox
RUN --mount=type=bind,from=one,source=/t,target=/m --mount=type=bind,source=d,target=/n \\
    stat -c '%n %a %u:%g %Y' /m /n > /seen; stat -c '%n %u:%g' /m/f /n/f >> /seen
"""
    Path("d").mkdir()
    Path("d/f").write_text("2")
    Path("d").chmod(0o711)
    os.utime("d", (2000, 2000))
    assert build(docker, text).code == 0
    assert sh(docker, "cat /seen") == "/m 2750 5:6 1000\n/n 711 0:0 2000\n/m/f 5:6\n/n/f 0:0\n"


@pytest.mark.parametrize(
    ("flags", "reason"),
    [(["--no-cache"], "--no-cache"), (["--label", "x=1"], "nothing that it depends on has changed"), (["--network", "none"], "network")],
)
def test_the_reason_is_what_was_asked_for(docker: Docker, flags: list[str], reason: str) -> None:
    text = "FROM busybox\nRUN true\n"
    build(docker, text)
    assert reason in build(docker, text, "--explain", *flags).err


def test_what_does_not_change_a_file_does_not_miss_the_cache(docker: Docker) -> None:
    text = "FROM busybox\nCOPY a /a\n"
    build(docker, text, a="1")
    os.utime("a", (1, 1))
    assert "#2 CACHED" in build(docker, text, a="1").err
    Path("a").chmod(0o600)
    assert "changed: a" in build(docker, text, "--explain").err


def test_after_builder_prune_the_same_build_says_that_its_result_is_gone(docker: Docker) -> None:
    text = "FROM busybox\nRUN echo 1 > /f\n"
    build(docker, text)
    assert docker("builder", "prune", "-af").out.splitlines()[-1].startswith("Total:")
    assert "#2 DONE" in build(docker, text).err
    assert docker("builder", "prune", "--force").code == 0


def test_an_error_in_the_middle_of_a_line_shows_all_of_its_lines(docker: Docker) -> None:
    failed = build(docker, "FROM busybox\nRUN echo one && \\\n    false && \\\n    echo three\nENV A=1\n")
    marked = [line for line in failed.err.splitlines() if ">>>" in line]
    assert len(marked) == 3 and "exit code: 1" in failed.err


def test_only_the_last_lines_of_a_long_output_are_in_the_error(docker: Docker) -> None:
    failed = build(docker, "FROM busybox\nRUN seq 1 5000; printf 'no newline at the end'; exit 3\n")
    tail = failed.err[failed.err.index("------\n > ") :]
    assert "no newline at the end" in tail and "5000" in tail and "\n4000\n" not in tail
    assert len(tail.splitlines()) < 40


def test_output_that_is_no_text_does_no_harm(docker: Docker) -> None:
    answer = build(docker, "FROM busybox\nRUN printf '\\377\\376\\n\\033[31mred\\n'\n")
    assert answer.code == 0 and "red" in answer.err


def test_run_with_network_none_has_no_way_out(docker: Docker) -> None:
    assert build(docker, "FROM busybox\nRUN --network=none ! ip route | grep default\n").code == 0


def test_check_only_looks(docker: Docker) -> None:
    answer = build(docker, "FROM busybox\nMAINTAINER me\nRUN exit 1\n", "--check")
    assert answer.code == 1 and "MaintainerDeprecated" in answer.out + answer.err
    assert docker("images", "-q", "t:1").out == ""


def test_results_go_where_they_are_asked_for(docker: Docker) -> None:
    text = "FROM scratch\nCOPY a /d/a\n"
    assert build(docker, text, "-o", "out", "--iidfile", "id", a="1").code == 0
    assert Path("out/d/a").read_text() == "1" and Path("id").read_text().startswith("sha256:")
    assert build(docker, text, "-o", "type=tar,dest=out.tar").code == 0
    assert subprocess.run(["tar", "-tf", "out.tar"], capture_output=True, text=True).stdout.split() == ["d/", "d/a"]
    assert build(docker, text, "-o", "type=docker,dest=i.tar").code == 0
    docker("rmi", "t:1")
    assert docker("load", "-i", "i.tar").out == "Loaded image: t:1\n"
    failed = build(docker, text, "-o", "type=local,dest=/proc/nowhere")
    assert failed.code == 1 and "/proc/nowhere" in failed.err and "Traceback" not in failed.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_an_image_locks_can_be_copied_between_stages_by_an_ordinary_user(docker: Docker) -> None:
    text = "FROM busybox AS a\nRUN mkdir -p /l/m && echo x > /l/m/f && chown 3:4 /l/m/f && chmod 0 /l/m/f /l/m /l\nFROM busybox\nCOPY --from=a /l /l\n"
    assert build(docker, text).code == 0
    assert sh(docker, "stat -c '%n %a %u:%g' /l /l/m /l/m/f") == "/l 755 0:0\n/l/m 0 0:0\n/l/m/f 0 3:4\n"
    assert docker("rmi", "t:1").code == 0 and docker("builder", "prune", "-af").code == 0


@pytest.mark.parametrize(
    ("chmod", "modes"),
    [("600", "600 600 600"), ("640 --chown=7", "640 640 640"), ("u+s", "755 755 4644")],
)
def test_an_octal_chmod_is_the_mode_of_folders_that_are_made_too(docker: Docker, chmod: str, modes: str) -> None:
    assert (
        build(docker, f"FROM busybox\nRUN mkdir -m 711 /have\nCOPY --chmod={chmod} a /t/u/\nCOPY --chmod={chmod} a /have/\n", a="").code
        == 0
    )
    assert docker("run", "--rm", "t:1", "stat", "-c", "%a", "/t", "/t/u", "/t/u/a", "/have").out.split() == [*modes.split(), "711"]


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ("ARG B\nUSER 0", "|1 B="),
        ("ARG A=1\nARG B\nARG C", "|3 A=1 B= C="),
        ("ENV B=5\nARG B", "|1 B=5"),
        ("ARG B=2\nARG B", "|1 B=2"),
        ("ARG HTTP_PROXY", "|1 HTTP_PROXY="),
    ],
)
def test_history_shows_every_argument_that_was_declared(docker: Docker, lines: str, shown: str) -> None:
    build(docker, f"FROM busybox\n{lines}\nRUN true\n")
    assert docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", "t:1").out.startswith(f"RUN {shown} /bin/sh -c true # buildkit\n")


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        ("COPY --chown=nobody a /t", True),
        ("COPY --chown=0:nogroup a /t", True),
        ("ADD --chown=nobody a /t", True),
        ("USER nobody\nWORKDIR /w", True),
        ("COPY --chown=root a /t", False),
        ("COPY --chown=7:8 a /t", False),
        ("USER 7\nWORKDIR /w", False),
        ("COPY a /b\nCOPY --chown=nobody a /t", False),
    ],
)
def test_a_name_needs_a_file_system_to_be_looked_up_in(docker: Docker, lines: str, refused: bool) -> None:
    answer = build(docker, f"FROM scratch\n{lines}\n", a="")
    assert (answer.code, "invalid user index: -1" in answer.err) == (int(refused), refused), answer.err

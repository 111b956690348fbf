"""The words in which checks are written: each says what was seen, what was expected and where to look, and what is not there fails with that."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.course import CheckFailed, Finding, Verdict
from dockerlab.course.checks import verdict
from dockerlab.course.expectations import About, Expectation, Number, Words
from dockerlab.course.saying import same, say
from dockerlab.course.vocabulary import Look
from dockerlab.engine import BuildOptions, ContainerSpec
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store import Store

DOCKERFILE = """\
FROM busybox
LABEL kind=test
ENV COLOUR=blue
WORKDIR /app
RUN echo hunter2 > /secret && echo hello > greeting && chmod 640 greeting && echo 'app:x:1000:1000::/:/bin/sh' >> /etc/passwd
RUN rm /secret
USER app
EXPOSE 8080
ENTRYPOINT ["cat"]
CMD ["/app/greeting"]
"""


@pytest.fixture
def look(template_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Look]:
    """At a store with busybox and the image of the Dockerfile above, app:1."""
    import subprocess

    home, folder = tmp_path / "home", tmp_path / "work"
    subprocess.run(["cp", "-a", str(template_home), str(home)], check=True)
    folder.mkdir()
    engine = EmbeddedEngine(Store.open(home))
    list(engine.build(BuildOptions(dockerfile_text=DOCKERFILE, tags=("app:1",))))
    yield Look(engine, "en", folder)
    for item in engine.containers(all=True):
        engine.remove(item["Id"], force=True)
    engine.close()


def told(one: Expectation) -> tuple[str, str, str]:
    return one.text["en"], one.seen["en"], one.expected["en"]


@pytest.mark.usefixtures("containers_run_here")
def test_what_holds_of_an_image(look: Look) -> None:
    app = look.image("app:1")
    asked = [
        app.exists,
        app.built_on("busybox"),
        app.layers.above("busybox").count == 3,
        app.layers.shared_with("busybox").count >= 1,
        app.size < 10_000_000,
        app.size_above("busybox") < 100_000,
        app.file("/app/greeting").contains("hello"),
        app.file("/app/greeting").mode == 0o640,
        app.file("/app/greeting").owner == "0:0",
        app.file("/secret").is_missing,
        app.history.has("ENTRYPOINT"),
        app.history.count("RUN") == 2,
        app.history.mentions("hunter2"),
        app.config.user == "app",
        app.config.workdir == "/app",
        app.config.env("COLOUR") == "blue",
        app.config.label("kind") == "test",
        app.config.cmd == ["/app/greeting"],
        app.config.entrypoint == ["cat"],
        app.config.ports.has("8080/tcp"),
        app.config.volumes.count == 0,
    ]
    assert [told(one) for one in asked if not one] == []
    assert all(one.text["ko"] and one.where["en"] for one in asked)


@pytest.mark.usefixtures("containers_run_here")
def test_what_does_not_hold_says_what_was_seen(look: Look) -> None:
    app = look.image("app:1")
    assert told(app.layers.above("busybox").count == 2) == ("layers of app:1 above busybox: 2", "3", "2")
    assert told(app.config.user == "root") == ("USER of app:1: root", "app", "root")
    assert told(app.file("/nowhere").text == "x")[1] == "no such file"
    assert told(app.file("/app").contains("x"))[1] == "a folder"
    assert told(app.hides("hunter2"))[1] == "in the history"
    assert told(app.config.ports.has("80/tcp")) == ("ports that app:1 exposes: 80/tcp", "8080/tcp", "80/tcp")
    assert "less than 1kB" in (app.size < 1000).text["en"] and "1kB 미만" in (app.size < 1000).text["ko"]


@pytest.mark.usefixtures("containers_run_here")
def test_a_secret_that_was_deleted_later_is_found_in_its_layer(look: Look) -> None:
    engine, work = look.engine, look.folder
    (work / "key").write_text("x" * 3_000_000 + "s3cr3t")
    text = "FROM busybox\nCOPY key /key\nRUN rm /key\n"
    list(engine.build(BuildOptions(context=str(work), dockerfile_text=text, tags=("leaky",))))
    assert told(look.image("leaky").hides("s3cr3t"))[1] == "layer 2: /key"
    assert look.image("busybox").hides("s3cr3t")


def test_whatever_is_asked_of_what_is_not_there_fails_with_that(look: Look) -> None:
    gone = look.image("gone:1")
    asked = [
        gone.exists, gone.built_on("busybox"), gone.layers.count == 0, gone.size < 1, gone.file("/x").is_missing, gone.file("/x").contains(""),
        gone.history.count("RUN") == 0, gone.config.user == "", gone.config.ports.count == 0, gone.run("true").exits(0), gone.hides("x"),
    ]  # fmt: skip
    assert [one.seen["en"] for one in asked if one or one.seen["en"] != "no image of that name"] == []
    assert (look.image("busybox").size_above("gone:1") < 10**9).seen["ko"] == "그런 이름의 이미지가 없습니다"
    assert (look.container("gone").exit_code == 0).seen["en"] == "no container of that name"
    assert look.dockerfile().has("FROM").seen["en"] == "no such file in this folder"
    assert look.text(".dockerignore").contains("x").seen["ko"] == "이 폴더에 그런 파일이 없습니다"


@pytest.mark.usefixtures("containers_run_here")
def test_what_a_container_does(look: Look) -> None:
    app, busybox = look.image("app:1"), look.image("busybox")
    assert app.run().prints("Permission denied") & (app.run().code == 1)
    assert app.run(user="root").prints("hello") & app.run(user="root").exits(0)
    assert busybox.run("sh", "-c", "echo $A; exit 3", env=["A=b"]).output == "b"
    assert told(busybox.run("sleep", "60", seconds=0.3).exits(0))[1] == "it had not ended after 0.3 seconds"
    assert "executable file not found" in told(busybox.run("nosuch").exits(0))[1]
    assert len(look.engine.containers(all=True)) == 0


@pytest.mark.usefixtures("containers_run_here")
def test_what_a_server_answers(look: Look) -> None:
    text = 'FROM busybox\nRUN mkdir /www && echo welcome > /www/index.html\nCMD ["httpd", "-f", "-h", "/www"]\n'
    list(look.engine.build(BuildOptions(dockerfile_text=text, tags=("web",))))
    web = look.image("web")
    assert web.answers().contains("welcome") & (web.answers().status == 200)
    assert web.answers("/nosuch").status == 404
    assert told(look.image("busybox").answers(command=("sh", "-c", "echo no server here"), seconds=2).status == 200)[1] == (
        "nobody answers; its log: no server here"
    )
    assert len(look.engine.containers(all=True)) == 0


@pytest.mark.usefixtures("containers_run_here")
def test_what_a_container_has_written(look: Look) -> None:
    look.engine.create(ContainerSpec("busybox", ("sh", "-c", "echo x > /etc/motd; rm /etc/passwd; echo done; exit 4"), name="one"))
    look.engine.start("one")
    look.engine.wait("one")
    one = look.container("one")
    asked = [
        one.exists,
        one.of("busybox"),
        one.exit_code == 4,
        one.change("/etc/motd") == "A",
        one.change("/etc/passwd") == "D",
        one.logs.contains("done"),
    ]
    assert all(asked) and not one.running and not one.of("app:1")
    assert told(one.is_gone) == ("there is no container one", "one", "no container of that name") and look.container("two").is_gone


@pytest.mark.usefixtures("containers_run_here")
def test_a_commit_has_its_message_and_a_build_has_none(look: Look) -> None:
    look.engine.create(ContainerSpec("busybox", ("true",), name="one"))
    look.engine.commit("one", "by-hand:1", message="by hand")
    assert look.image("by-hand:1").message == "by hand" and look.image("app:1").message == ""
    assert told(look.image("gone:1").message != "")[1] == "no image of that name"


def test_a_dockerfile_of_the_folder_is_asked_by_its_instructions(look: Look) -> None:
    (look.folder / "Dockerfile").write_text("ARG V=1\nFROM busybox AS first\nRUN make \\\n  all\nFROM scratch\nCOPY --from=first /a /a\n")
    found = look.dockerfile()
    asked = [
        found.exists, found.stages.count == 2, found.stages.has("first", "stage-1"), found.bases.has("busybox", "scratch"), found.has("run"),
        found.count("COPY") == 1, found.all("COPY").contains("--from=first"), found.in_order("^RUN", "^COPY"),
    ]  # fmt: skip
    assert all(asked)
    assert told(found.in_order("^COPY", "^RUN")) == (
        "order of the instructions of Dockerfile",
        "RUN make   all → COPY --from=first /a /a",
        "^COPY → ^RUN",
    )
    (look.folder / "Dockerfile").write_text("FORM busybox\n")
    assert "FORM" in look.dockerfile().has("FROM").seen["en"]


def test_a_file_that_leads_out_of_the_folder_or_never_ends_is_none(look: Look, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("FROM busybox\n")
    (look.folder / "Dockerfile").symlink_to(tmp_path / "outside")
    os.mkfifo(look.folder / "pipe")
    (look.folder / "zero").symlink_to("/dev/zero")
    for name in ("Dockerfile", "../outside", str(tmp_path / "outside"), "pipe", "zero", "."):
        assert look.dockerfile(name).exists.seen["en"] == "no such file in this folder"


def test_a_context_is_asked_for_what_a_build_may_have_of_it(look: Look) -> None:
    for name, text in {
        ".dockerignore": "*.log\n",
        "a.sh": "echo\n",
        "b.log": "b",
        "n/c.log": "c",
        "Dockerfile": "FROM busybox\nCOPY a.sh /\n",
    }.items():
        (look.folder / "app" / name).parent.mkdir(parents=True, exist_ok=True)
        (look.folder / "app" / name).write_text(text)
    found = look.context("app")
    assert found.files.values == [".dockerignore", "Dockerfile", "a.sh", "n/c.log"]
    assert all([found.has("a.sh", "n/c.log"), found.lacks("b.log"), found.size < 50, found.taken == 5])
    assert told(found.has("a.sh", "b.log")) == ("in the build context app: a.sh, b.log", "left out, or not there: b.log", "a.sh, b.log")
    assert told(found.lacks("n/c.log")) == ("not in the build context app: n/c.log", "n/c.log", "without n/c.log")
    (look.folder / "other").write_text("FROM busybox\nCOPY . /\n")
    (look.folder / "other.dockerignore").write_text("**/*.log\n")
    assert look.context("app", "other").lacks("n/c.log") and not look.context("app", "none").lacks("n/c.log")


def test_a_context_that_leads_out_of_the_folder_or_never_ends_is_none(look: Look, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "Dockerfile").write_text("FORM busybox\n")
    (look.folder / "link").symlink_to(tmp_path / "outside")
    (look.folder / "app").mkdir()
    for name in ("link", "../outside", "none"):
        assert look.context(name).size.about.missing == {"en": "no such folder", "ko": "그런 폴더가 없습니다"}
    assert "no plain file" in str(look.context("app", "link/Dockerfile").lacks("a").seen)
    (look.folder / "app" / ".dockerignore").write_text("[a\n")
    assert "syntax error in pattern" in look.context("app").lacks("a").seen["en"]
    (look.folder / "app" / ".dockerignore").unlink()
    os.mkfifo(look.folder / "app" / ".dockerignore")
    assert "no plain file" in look.context("app").lacks("a").seen["en"]


def test_two_expectations_together_tell_of_the_one_that_fails_and_either_of_them_will_do() -> None:
    one = Number(About(say("apples", "사과"), same("look")), 3)
    both = (one == 3) & (one < 2)
    assert not both and both.expected["en"] == "less than 2" and both.text["ko"] == "사과: 3; 사과: 2 미만"
    assert (one == 4) | (one == 3)
    assert (one + 1 == 4) & (one * 2 == 6) & (one != 4) & (one >= 3) & (one <= 3) & (one > 2)


def test_an_expectation_can_be_shown_in_ones_own_language(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Words(About(say("the page", "페이지"), same("index.html")), "<b>hi</b>")
    monkeypatch.setenv("DOCKERLAB_LANG", "ko")
    assert repr(text.contains("<h1>")).splitlines()[0] == "✗ 페이지: <h1> 포함"
    monkeypatch.setenv("DOCKERLAB_LANG", "en")
    assert (
        repr(text.lacks("hi"))
        == "✗ the page does not contain hi\n    seen: <b>hi</b>\n    expected: without hi\n    where to look: index.html"
    )
    assert repr(text.one_of("<b>hi</b>", "x")).startswith("✓")


@pytest.mark.usefixtures("containers_run_here")
def test_what_lies_above_a_base_and_in_a_container_is_told_by_name(look: Look) -> None:
    app = look.image("app:1")
    own = app.files_above("busybox")
    assert own.has("/app/greeting", "/secret") and own.lacks("/bin/sh")
    assert told(own.ending("ting", ".txt").is_empty) == (
        "files of app:1 above busybox: *ting, *.txt: nothing", "/app/greeting", "nothing"
    )  # fmt: skip
    assert own.ending(".txt").is_empty and not look.image("none:1").files_above("busybox").is_empty
    assert app.file("/app/greeting").size == 6 and not app.file("/none").size == 0
    name = look.engine.create(
        ContainerSpec(
            "app:1", (), entrypoint=("sh", "-c", "echo note > /app/note; head -c 3000000 /dev/zero | tr '\\0' x > /app/big"), user="0"
        )
    )
    look.engine.start(name)
    look.engine.wait(name)
    container = look.container(name)
    assert container.text("/app/note") == "note" and len(str(container.text("/app/big").value)) > 1_000_000
    assert not container.text("/none") == "" and not look.container("none").text("/app/note") == "note"


def test_build_checks_are_told_by_their_rules(look: Look) -> None:
    (look.folder / "app").mkdir()
    (look.folder / "app" / "Dockerfile").write_text("FROM busybox\nCMD echo hi\n")
    assert told(look.context("app").warnings.is_empty) == ("build checks of app: nothing", "JSONArgsRecommended", "nothing")
    (look.folder / "app" / "Dockerfile").write_text('FROM busybox\nCMD ["echo"]\n')
    assert look.context("app").warnings.is_empty
    (look.folder / "app" / "Dockerfile").write_text("FORM busybox\n")
    assert not look.context("app").warnings.is_empty and not look.context("none").warnings.is_empty


def test_points_are_never_whole_while_a_part_is_wrong() -> None:
    parts = (*(Finding("a", True),) * 15, Finding("b", False))
    almost = Verdict("x-1", "en", 2, parts)
    assert almost.points == 1.5 and "(1.5/2 points)" in repr(almost)
    assert CheckFailed(almost).verdict is almost


def test_a_verdict_shows_what_was_seen_as_text_and_never_as_markup() -> None:
    shown = Verdict("x-1", "ko", 2, (Finding("페이지", False, seen="<script>", expected="<h1>", look="여기"),))._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "기대한 값" in shown


def test_an_image_that_holds_no_file_is_told_and_no_error(look: Look) -> None:
    out = io.BytesIO()
    tarfile.open(fileobj=out, mode="w").close()
    out.seek(0)
    look.engine.import_(out, "site:1")
    found = verdict("layers-1", look.engine, "en")
    assert not found.passed and found.points <= 0.5

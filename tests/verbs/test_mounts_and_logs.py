"""`--mount`, one-letter volumes, `--log-driver`; what a template over a list or an object finds; the order in which `rmi` tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dockerlab.verbs.template import Template
from dockerlab.verbs.template_functions import TemplateRunError
from tests.conftest import Docker, build


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("foo", "invalid field 'foo' must be a key=value pair"),
        ("type=bind,src=/tmp", "target is required"),
        ("type=,dst=/x", "type is required"),
        ("type=volume,src=vv,dst=/x,colour=red", "unexpected key 'colour' in 'colour=red'"),
        ("type=nosuch,src=/tmp,dst=/x", 'invalid mount config for type "nosuch": mount type unknown'),
        ("type=bind,dst=/x", 'invalid mount config for type "bind": field Source must not be empty'),
        ("type=bind,src=/nosuch,dst=/x", "bind source path does not exist: /nosuch"),
        ("type=volume,src=vv,dst=x", "mount path must be absolute"),
        ("type=volume,src=v,dst=/x", "volume name is too short"),
        ("src=vv,dst=/", "destination can't be '/'"),
        ("src=vv,dst=/x,readonly=maybe", "invalid value for readonly: maybe"),
        ("type=bind,src=/tmp,dst=/x,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"),
        ("src=vv,dst=/x,volume-driver=nfs", "volume-driver=nfs is not done here"),
    ],
)
def test_a_wrong_mount_makes_nothing(docker: Docker, text: str, said: str) -> None:
    answer = docker("create", "--mount", text, "busybox")
    assert answer.code == 125 and said in answer.err and docker("ps", "-aq").out == "" and docker("volume", "ls", "-q").out == ""


def test_mounts_as_docker_tells_them(docker: Docker) -> None:
    Path("shared").mkdir()
    docker("create", "--name", "box", "--mount", "src=data,target=/d,ro", "--mount", "type=bind,source=./shared,dst=/s", "busybox")
    found = {one["Destination"]: one for one in json.loads(docker("inspect", "box").out)[0]["Mounts"]}
    assert (found["/d"]["Name"], found["/d"]["RW"], found["/s"]["Source"], found["/s"]["RW"]) == (
        "data",
        False,
        str(Path("shared").resolve()),
        True,
    )


@pytest.mark.usefixtures("containers_run_here")
def test_one_letter_before_a_colon_is_a_drive_to_dockers_client(docker: Docker) -> None:
    docker("run", "--name", "box", "-v", "v:/x", "busybox", "true")
    assert docker("diff", "box").out == "A /v:\nA /v:/x\n"
    answer = docker("create", "-v", "v:/x:ro", "busybox")
    assert answer.code == 125 and "create v: volume name is too short" in answer.err
    docker("rm", "-v", "box")
    assert docker("volume", "ls", "-q").out == ""


@pytest.mark.usefixtures("containers_run_here")
@pytest.mark.parametrize("driver", ["json-file", "local", "none"])
def test_logs_are_read_where_a_driver_keeps_them(docker: Docker, home: Path, driver: str) -> None:
    assert docker("run", "--name", "box", "--log-driver", driver, "busybox", "echo", "hi").out == "hi\n"
    assert json.loads(docker("inspect", "box").out)[0]["HostConfig"]["LogConfig"] == {"Type": driver, "Config": {}}
    answer = docker("logs", "box")
    if driver == "none":
        assert answer.code == 1 and "configured logging driver does not support reading" in answer.err
        assert list(home.glob("containers/*/log")) == []
    else:
        assert (answer.code, answer.out) == (0, "hi\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--log-driver", "nosuch"), 'plugin "nosuch" not found'),
        (("--log-driver", "syslog"), "not done here"),
        (("--log-driver", "none", "--log-opt", "a=b"), "invalid logging opts for driver none"),
        (("--log-opt", "nosuch=1"), "unknown log opt 'nosuch' for json-file log driver"),
    ],
)
def test_a_log_driver_that_can_not_be_had(docker: Docker, words: tuple[str, ...], said: str) -> None:
    answer = docker("create", *words, "busybox")
    assert answer.code == 125 and said in answer.err and docker("ps", "-aq").out == ""


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("{{slice .Names 0 2}}", "error calling slice: index out of range: 2"),
        ("{{slice .Ports 0 1}}", "error calling slice: index out of range: 1"),
        ("{{.Nosuch}}", "can't evaluate field Nosuch in type *formatter.ContainerContext"),
    ],
)
def test_ps_tries_a_template_on_nothing_first(docker: Docker, form: str, said: str) -> None:
    for _ in range(2):
        answer = docker("ps", "-a", "--format", form)
        assert answer.code == 1 and "failed to execute template: template: :1:2" in answer.err and said in answer.err
        docker("create", "--name", "longer", "busybox")
    assert docker("ps", "-a", "--format", "{{slice .Image 0 1}}{{slice .Command 0 2}}").code == 0


def test_other_lists_try_it_on_what_they_have(docker: Docker) -> None:
    assert docker("volume", "ls", "--format", "{{slice .Name 0 3}}").out == ""
    docker("volume", "create", "data")
    docker("volume", "create", "ab")
    answer = docker("volume", "ls", "--format", "{{slice .Name 0 3}}")
    assert answer.code == 1 and 'template parsing error: template: :1:2: executing "" at <slice .Name 0 3>' in answer.err
    assert docker("volume", "ls", "--format", "{{slice .Name 0 1}}").out == "a\nd\n"
    for verb in (("images",), ("history", "busybox"), ("network", "ls")):
        answer = docker(*verb, "--format", "{{slice .ID 0 200}}")
        assert answer.code == 1 and "error calling slice: index out of range: 200" in answer.err, verb


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("{{slice .N 0}}", "can't slice item of type int"),
        ("{{slice .Text 3 1}}", "invalid slice index: 3 > 1"),
        ("{{slice .Text 0 1 2}}", "cannot 3-index slice a string"),
        ('{{slice .Text "a"}}', "cannot index slice/array with type string"),
        ("{{slice .Nil 1}}", "slice of untyped nil"),
    ],
)
def test_what_slice_refuses(form: str, said: str) -> None:
    with pytest.raises(TemplateRunError, match=said.replace("[", r"\[")):
        Template(form).execute({"N": 1, "Text": "text", "Nil": None})


def test_a_text_is_sliced_by_its_bytes() -> None:
    assert Template("{{slice .T 0 6}}{{slice .T 6}}").execute({"T": "한글x"}) == "한글x"


def test_what_the_struct_has_not_is_looked_up_in_the_json_with_its_keys_sorted(docker: Docker) -> None:
    docker("create", "--name", "box", "busybox")
    policy = "{{json .HostConfig.RestartPolicy}}"
    assert docker("inspect", "--format", policy, "box").out == '{"Name":"no","MaximumRetryCount":0}\n'
    for other in ("{{.HostConfig.NanoCpus}}", "{{.HostConfig.CpuShares}}"):
        assert docker("inspect", "--format", f"{other} {policy}", "box").out == '0 {"MaximumRetryCount":0,"Name":"no"}\n'
    assert docker("inspect", "--format", f"{{{{.HostConfig.NanoCPUs}}}} {policy}", "box").out == '0 {"Name":"no","MaximumRetryCount":0}\n'
    assert docker("inspect", "--format", "{{.ID}}", "box").out == docker("inspect", "--format", "{{.Id}}", "box").out
    answer = docker("inspect", "--format", "{{.State.Nosuch}}", "box")
    assert answer.code == 1 and 'map has no entry for key "Nosuch"' in answer.err


@pytest.mark.usefixtures("containers_run_here")
def test_a_layer_is_told_after_the_last_image_that_held_it(docker: Docker) -> None:
    for n, base in ((1, "busybox"), (2, "s:1"), (3, "s:2")):
        docker("run", "--name", f"c{n}", base, "touch", f"/{n}")
        docker("commit", f"c{n}", f"s:{n}")
        docker("rm", f"c{n}")
    images = [json.loads(docker("image", "inspect", f"s:{n}").out)[0] for n in (3, 2, 1)]
    docker("rmi", "s:1", "s:2")
    told = docker("rmi", "s:3").out.splitlines()
    expected = [line for image in images for line in (f"Deleted: {image['Id']}", f"Deleted: {image['RootFS']['Layers'][-1]}")]
    assert told == ["Untagged: s:3", *expected]


def test_an_image_of_several_layers_goes_from_the_top(docker: Docker) -> None:
    build(docker, "FROM busybox\nCOPY a /a\nCOPY b /b\n", a="1", b="2")
    image = json.loads(docker("image", "inspect", "t:1").out)[0]
    docker("builder", "prune", "-af")
    assert docker("rmi", "t:1").out.splitlines()[1:] == [
        f"Deleted: {image['Id']}",
        *(f"Deleted: {one}" for one in image["RootFS"]["Layers"][:0:-1]),
    ]

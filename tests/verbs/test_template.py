"""Go's templates, docker's flags, and lists."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockerlab.errors import DockerlabError, UsageError
from dockerlab.verbs.flags import parse
from dockerlab.verbs.listing import align, render
from dockerlab.verbs.template import Template
from dockerlab.verbs.template_functions import TemplateRunError, TemplateSyntaxError
from dockerlab.verbs.units import cut, display_width, human_duration, human_size

DATA: dict[str, Any] = {
    "Id": "sha256:0123456789abcdef", "Name": "web", "N": 3, "Yes": True, "No": False, "Nil": None, "List": ["a", "b"],
    "Map": {"k": "v", "a.b": "dotted"}, "Deep": {"Er": {"X": 1}}, "Empty": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("{{.Name}}:{{.N}}", "web:3"),
        ("{{json .List}}", '["a","b"]'),
        ("{{.List}} {{.Map}} {{.Yes}}", "[a b] map[a.b:dotted k:v] true"),
        ("{{.Deep.Er.X}}", "1"),
        ('{{index .Map "a.b"}}|{{index .List 1}}|{{index .Map "none"}}', "dotted|b|"),
        ("{{len .List}}", "2"),
        ("{{if .Yes}}y{{else}}n{{end}}{{if .No}}y{{else}}n{{end}}{{if .Empty}}y{{end}}", "yn"),
        ("{{if eq .N 4}}4{{else if eq .N 3}}3{{else}}?{{end}}", "3"),
        ("{{range .List}}<{{.}}>{{end}}", "<a><b>"),
        ("{{range $i, $e := .List}}{{$i}}{{$e}} {{end}}", "0a 1b "),
        ("{{range $k, $v := .Map}}{{$k}}={{$v}};{{end}}", "a.b=dotted;k=v;"),
        ("{{range .Empty}}x{{else}}none{{end}}", "none"),
        ("{{with .Deep}}{{.Er.X}}{{$.Name}}{{end}}", "1web"),
        ("{{$x := .Name}}{{$x}}", "web"),
        ('{{.Name | upper | printf "%s!"}}', "WEB!"),
        ('{{join .List ", "}} {{title .Name}} {{truncate .Name 2}}', "a, b Web we"),
        ('{{slice .Id 7 11}} {{printf "%q %5s|%-5s|%d%%" .Name "r" "l" .N}}', '0123 "web"     r|l    |3%'),
        ("{{not .No}} {{and .Yes .Name}} {{or .No .Name}} {{ne 1 2}} {{lt 1 2}}", "true web web true true"),
        ("a {{- .Name -}} b", "awebb"),
        ("{{/* nothing */}}{{`raw {{`}}", "raw {{"),
        ("{{(index .List 0) | upper}}", "A"),
        ("plain", "plain"),
    ],
)
def test_a_template_says_what_gos_would(text: str, out: str) -> None:
    assert Template(text).execute(DATA) == out


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ('{{print 1 2 "a" 3}}|{{println "a" 1}}', "1 2a3|a 1\n"),
        ('{{html "<a>" 1}}|{{js "<a=\'>"}}|{{urlquery "a b&c"}}', "&lt;a&gt;1|\\u003Ca\\u003D\\'\\u003E|a+b%26c"),
        (
            '{{printf "%d" "a"}} {{printf "%s" 3}} {{printf "%v %v" 1}} {{printf "a" 1 "b"}}',
            "%!d(string=a) %!s(int=3) 1 %!v(MISSING) a%!(EXTRA int=1, string=b)",
        ),
        (
            '{{printf "%q" 97}} {{printf "%x %x" 255 "ab"}} {{printf "%05d %05s" 3 "a"}} {{printf "%b %U %c" 5 65 65}}',
            "'a' ff 6162 00003 0000a 101 U+0041 A",
        ),
        ('{{printf "%"}} {{printf "%z" 3}} {{printf "%t %v %s" true nil nil}}', "%!(NOVERB) %!z(int=3) true <nil> %!s(<nil>)"),
        ('{{index "abc" 1}} {{len "\u00e9"}} {{len println}} {{index 3}}', "98 2 1 3"),
        ('{{eq "a" "b" "a"}} {{eq nil nil}} {{and 1 0 2}} {{or 0 "" 3}}', "true true 0 3"),
    ],
)
def test_functions_do_what_gos_do(text: str, out: str) -> None:
    """As the real client printed it."""
    assert Template(text).execute(DATA) == out


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{len printf}}", "<printf>: wrong number of args for printf: want at least 1 got 0"),
        ("{{join}}", "<join>: wrong number of args for join: want 2 got 0"),
        ('{{title "a" "b"}}', "<title>: wrong number of args for title: want 1 got 2"),
        ("{{len and}}", "<and>: wrong number of args for and: want at least 1 got 0"),
        ("{{upper 3}}", "<3>: expected string; found 3"),
        ("{{3 | upper}}", "wrong type for value; expected string; got int"),
        ("{{lower .}}", "<.>: wrong type for value; expected string; got map[string]interface {}"),
        ("{{lower nil}}", "<nil>: cannot assign nil to string"),
        ('{{truncate "a" "b"}}', '<"b">: expected integer; found "b"'),
        ('{{truncate "abc" -1}}', "error calling truncate: runtime error: slice bounds out of range [:-1]"),
        ('{{join 3 "a"}}', "<3>: can't handle 3 for arg of type []string"),
        ("{{len nil}}", "<len nil>: error calling len: reflect: call of reflect.Value.Type on zero Value"),
        ("{{len 3}}", "<len 3>: error calling len: len of type int"),
        ("{{eq 1}}", "<eq 1>: error calling eq: missing argument for comparison"),
        ('{{lt 1 "a"}}', '<lt 1 "a">: error calling lt: incompatible types for comparison: int and string'),
        ("{{lt true false}}", "error calling lt: invalid type for comparison"),
        ('{{index .List "a"}}', "error calling index: cannot index slice/array with type string"),
        ("{{index .Map 9}}", "error calling index: value has type int; should be string"),
        ("{{call 3}}", "error calling call: non-function 3 of type int"),
    ],
)
def test_a_function_is_given_what_it_takes_or_says_so_in_gos_words(text: str, problem: str) -> None:
    with pytest.raises(TemplateRunError) as caught:
        Template(text).execute(DATA)
    assert problem in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "{{",
        "{{.Name",
        "{{if}}",
        "{{if .Yes}}",
        "{{end}}",
        "{{nosuch .Name}}",
        "{{.Name | }}",
        "{{(.Name}}",
        "{{}}",
        "{{range .List}}{{else}}",
    ],
)
def test_a_template_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        Template(text)


@pytest.mark.parametrize(
    "text", ["{{.Nmae}}", "{{.Deep.None}}", "{{index .List 5}}", "{{.Name.Field}}", "{{json}}", "{{.Name 1}}", "{{lt .Name 1}}"]
)
def test_a_template_that_asks_for_what_is_not_there_is_one_error(text: str) -> None:
    with pytest.raises(TemplateRunError):
        Template(text, "*formatter.X").execute(DATA)


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "{{",
                "}}",
                ".Name",
                "if ",
                "end",
                "range ",
                "else",
                "|",
                "$x",
                ":=",
                '"a"',
                "(",
                ")",
                "len ",
                ".",
                " ",
                "index",
                "3",
                "-",
                "printf ",
                "join ",
                "and ",
                "lt ",
                "truncate ",
            ]
        ),
        max_size=12,
    )
)
def test_any_template_is_executed_or_refused_with_an_error_of_ours(pieces: list[str]) -> None:
    try:
        Template("".join(pieces)).execute(DATA)
    except DockerlabError:
        pass


ROWS = [{"Name": "a", "Size": "1B", "_private": 1}, {"Name": "가나", "Size": "20MB", "_private": 2}]
HEADS = {"Name": "NAME", "Size": "SIZE"}


@pytest.mark.parametrize(
    ("form", "out"),
    [
        ("", "NAME      SIZE\na         1B\n가나      20MB\n"),
        ("table {{.Size}}\\t{{.Name}}", "SIZE      NAME\n1B        a\n20MB      가나\n"),
        ("{{.Name}}", "a\n가나\n"),
        ("json", '{"Name":"a","Size":"1B"}\n{"Name":"가나","Size":"20MB"}\n'),
    ],
)
def test_rows_as_they_are_asked_for(form: str, out: str) -> None:
    assert render(ROWS, form, HEADS, HEADS, "*formatter.X") == out


def test_a_column_that_is_not_there_is_dockers_error() -> None:
    with pytest.raises(DockerlabError, match="can't evaluate field Nmae"):
        render(ROWS, "{{.Nmae}}", HEADS, HEADS, "*formatter.X")
    assert align([]) == ""


@pytest.mark.parametrize(
    ("words", "flags", "rest"),
    [
        (["-it", "busybox", "sh", "-c", "x"], {"interactive": True, "tty": True}, ["busybox", "sh", "-c", "x"]),
        (["-p8080:80", "-p", "81:81", "x"], {"publish": ["8080:80", "81:81"]}, ["x"]),
        (["--name=a", "--rm=false", "x"], {"name": "a", "rm": False}, ["x"]),
        (["-e", "A=-b", "--", "-x"], {"env": ["A=-b"]}, ["-x"]),
        (["-dit", "--name", "a", "x"], {"detach": True, "interactive": True, "tty": True, "name": "a"}, ["x"]),
        (["-w/a", "-u=5", "x"], {"workdir": "/a", "user": "5"}, ["x"]),
    ],
)
def test_flags_are_read_as_docker_reads_them(words: list[str], flags: dict[str, Any], rest: list[str]) -> None:
    parsed = parse("run", words)
    assert (parsed.flags, parsed.words) == (flags, rest)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nmae", "x"], "unknown flag: --nmae"),
        (["-Z"], "unknown shorthand flag: 'Z' in -Z"),
        (["--name"], "flag needs an argument: --name"),
        (["-e"], "flag needs an argument: 'e' in -e"),
        (["--rm=maybe"], 'strconv.ParseBool: parsing "maybe"'),
        (["--stop-timeout=x"], 'strconv.ParseInt: parsing "x"'),
    ],
)
def test_a_wrong_flag_is_refused_in_dockers_words(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse("run", words)
    assert message in caught.value.message and caught.value.exit_code == 125
    assert "Usage:  docker run" in caught.value.message


@pytest.mark.parametrize(("count", "text"), [(0, "0B"), (999, "999B"), (1000, "1kB"), (4_420_000, "4.42MB"), (1_234_567_890, "1.23GB")])
def test_sizes_have_three_digits(count: int, text: str) -> None:
    assert human_size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (3600, "About an hour"),
        (7200, "2 hours"),
        (86400 * 3, "3 days"),
    ],
)
def test_ages_are_words(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


@given(st.text(max_size=30), st.integers(1, 20))
def test_a_cut_text_has_at_most_its_width(text: str, width: int) -> None:
    assert display_width(cut(text, width)) <= width and (cut(text, width) == text) == (display_width(text) <= width)


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
        ("{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}", "21"),
        ("{{$n := 0}}{{range .L}}{{$n = .}}{{end}}{{$n}}", "3"),
    ],
)
def test_a_variable_belongs_to_the_block_that_declared_it(text: str, out: str) -> None:
    assert Template(text).execute({"L": [1, 2, 3]}) == out


@pytest.mark.parametrize("form", ["{{json .}}", "{{ json . }}", "{{. | json}}"])
def test_a_row_as_json_is_its_columns_however_it_is_asked_for(form: str) -> None:
    rows = [{"Name": "a", "Label": lambda key: key, "Age": "1"}]
    assert render(rows, form, {"Name": "NAME"}, {"Name": "NAME"}, "*x") == '{"Age":"1","Name":"a"}\n'


def test_nothing_is_printed_as_asked_and_data_that_looks_like_it_stays() -> None:
    assert Template("{{.A}} {{.B}} {{json .B}}", nil="<no value>").execute({"A": None, "B": "<nil>"}) == '<no value> <nil> "<nil>"'


@pytest.mark.parametrize("text", ["{{:= .Name}}", "{{= .Name}}", "{{.A := .Name}}"])
def test_a_declaration_needs_a_variable(text: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        Template(text)

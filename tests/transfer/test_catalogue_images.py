"""The catalogue's images as they come from Debian's mirror: their faces, and what runs in them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from dockerlab.errors import CatalogueError
from dockerlab.oci import Reference
from dockerlab.store import Store
from dockerlab.transfer.catalogue import Catalogue

pytestmark = pytest.mark.network

NAMES = ["busybox", "debian", "nginx", "gcc"]


@pytest.mark.parametrize("name", NAMES)
def test_face(face, name):
    face(name)


@pytest.mark.parametrize(
    ("name", "command", "more"),
    [
        ("busybox", ["sh"], {}),
        ("debian", ["bash"], {}),
        ("gcc", ["bash"], {}),
        ("nginx", ["nginx", "-g", "daemon off;"], {"ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGQUIT"}),
    ],
)
def test_settings(image, name, command, more):
    config = image(name).config.config
    assert config["Cmd"] == command and "Entrypoint" not in config
    assert config["Env"][0].startswith("PATH=/usr/local/sbin:")
    for key, value in more.items():
        assert config[key] == value


def test_layers_are_shared(image):
    base = image("debian").config.diff_ids
    assert len(base) == 1
    assert image("nginx").config.diff_ids[:1] == base and image("gcc").config.diff_ids[:1] == base
    assert len(image("busybox").config.diff_ids) == 1


def test_other_names_are_the_same_image(image):
    assert image("debian:12").id == image("debian:bookworm-slim").id == image("debian").id


def test_a_second_time_is_a_file_read(catalogue, image, monkeypatch):
    first = image("nginx").id
    monkeypatch.setenv("PATH", "/nowhere")
    begin = time.monotonic()
    assert catalogue.image(Reference.parse("nginx")).id == first
    assert time.monotonic() - begin < 0.5


def test_another_store_needs_no_network_and_gets_the_same_images(image, cache, tmp_path, monkeypatch):
    expected = {name: image(name).id for name in NAMES}
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    other = Catalogue(Store.open(tmp_path / "other"), cache)
    assert {name: other.image(Reference.parse(name)).id for name in NAMES} == expected


def test_ids_are_those_that_root_got(image):
    expected = json.loads(os.environ.get("DOCKERLAB_TEST_EXPECTED_IDS", "null"))
    if expected is None:
        pytest.skip("compared when the suite is run again as an ordinary user")
    assert {name: image(name).id for name in NAMES} == expected


def test_a_removed_image_is_made_again(image, store, catalogue):
    made = image("busybox")
    store.layers.remove(made.config.diff_ids[0])
    assert catalogue.image(Reference.parse("busybox")).id == made.id
    assert store.layers.has(made.config.diff_ids[0])


def test_two_processes_at_once(image, cache, tmp_path):
    script = "import sys; from pathlib import Path; from dockerlab.oci import Reference; from dockerlab.store import Store;"
    script += "from dockerlab.transfer.catalogue import Catalogue as C; print(C(Store.open(sys.argv[1]), Path(sys.argv[2])).image(Reference.parse('busybox')).id)"
    expected = image("busybox").id
    command = [sys.executable, "-B", "-c", script, str(tmp_path / "store"), str(cache)]
    environment = {**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == [expected, expected]


def test_debian_files(view):
    files = view("debian")
    passwd = files.read("/etc/passwd").decode()
    assert "root:x:0:0:root:/root:/bin/bash\n" in passwd and "_apt:x:42:65534" in passwd and "www-data:x:33:33" in passwd
    for path, mode, owner in [
        ("/etc/shadow", 0o640, (0, 42)), ("/etc/gshadow", 0o640, (0, 42)), ("/tmp", 0o1777, (0, 0)), ("/root", 0o700, (0, 0)),
        ("/var/mail", 0o2775, (0, 8)), ("/var/log/wtmp", 0o664, (0, 43)), ("/usr/bin/passwd", 0o4755, (0, 0)),
        ("/var/cache/apt/archives/partial", 0o700, (42, 0)),
    ]:  # fmt: skip
        node = files.lookup(path)
        assert node is not None and (node.entry.mode, node.owner) == (mode, owner), path
    for link, target in [("/bin", "usr/bin"), ("/bin/sh", "dash"), ("/etc/alternatives/awk", "/usr/bin/mawk"), ("/var/run", "/run")]:
        node = files.lookup(link, follow=False)
        assert node is not None and node.entry.link == target
    assert files.read("/etc/debian_version").startswith(b"12.")
    assert b"Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" in files.read("/etc/apt/sources.list.d/debian.sources")
    assert files.lookup("/usr/share/doc/bash/copyright") is not None and files.lookup("/usr/share/man/man1") is None
    for absent in ("/etc/resolv.conf", "/etc/hosts", "/etc/hostname"):
        assert files.lookup(absent) is None


def test_busybox_files(view):
    files = view("busybox")
    assert {"sh", "ls", "wget", "httpd", "["} <= set(files.listdir("/bin"))
    assert files.lookup("/bin/ls").st.st_ino == files.lookup("/bin/busybox").st.st_ino
    assert files.lookup("/tmp").entry.mode == 0o1777 and files.lookup("/var/lib") is None
    assert b"nobody:x:65534:65534:nobody:/home:/bin/false\n" in files.read("/etc/passwd")


def test_nginx_files(view):
    files = view("nginx")
    assert b"Welcome to nginx!" in files.read("/usr/share/nginx/html/index.html") and files.read("/usr/share/nginx/html/50x.html")
    assert files.lookup("/var/log/nginx/access.log", follow=False).entry.link == "/dev/stdout"
    assert files.lookup("/var/log/nginx/error.log", follow=False).entry.link == "/dev/stderr"
    assert b"nginx:x:101:101:nginx user:/nonexistent:/bin/false\n" in files.read("/etc/passwd")
    assert b"include /etc/nginx/conf.d/*.conf;" in files.read("/etc/nginx/nginx.conf")
    assert files.lookup("/etc/nginx/conf.d/default.conf") is not None and files.lookup("/etc/nginx/sites-available") is None


# --- in containers


def test_busybox_runs(sh):
    assert sh("busybox", "echo $((6*7)); id -u; ls -l /bin/ls | wc -l; cat /etc/group | head -1; env | grep PATH").split()[:3] == [
        "42",
        "0",
        "1",
    ]


def test_debian_runs(sh):
    out = sh(
        "debian",
        "bash -c 'echo $BASH_VERSION'; awk 'BEGIN{print 6*7}'; which awk; TZ=Europe/Berlin date +%Z; perl -e 'print 1+1'; LC_ALL=C.UTF-8 locale",
    )
    assert "42" in out and "/usr/bin/awk" in out and "CE" in out and "Cannot set" not in out


def test_debian_database_is_whole(sh):
    assert sh("debian", "dpkg --audit") == ""
    out = sh(
        "debian",
        "apt-get check; apt-mark showmanual | wc -l; dpkg -S /bin/bash; dpkg-divert --list; update-alternatives --query awk; dpkg -V coreutils || true",
    )
    assert "bash: /bin/bash" in out and "diversion of /bin/sh to /bin/sh.distrib by dash" in out and "Value: /usr/bin/mawk" in out
    missing = [line.split()[-1] for line in out.splitlines() if line.startswith("missing")]
    assert missing and all(
        path.startswith(("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/", "/usr/share/lintian/"))
        for path in missing
    )
    assert not re.search(r"^\?\?5", out, re.M), "a file is not what its package shipped"


def test_accounts(sh):
    out = sh(
        "debian",
        "useradd -m bob; su bob -c 'id; cat /etc/shadow' 2>&1 || true; echo bob:secret | chpasswd; passwd -S bob; adduser --system --group svc; getent passwd svc",
    )
    assert "uid=1000(bob)" in out and "Permission denied" in out and re.search(r"^bob P ", out, re.M) and "svc:x:" in out


def test_apt_installs(sh):
    out = sh(
        "debian",
        """
        export DEBIAN_FRONTEND=noninteractive
        apt-get update
        apt-get install -y --no-install-recommends curl ca-certificates nginx-light tcc
        curl --version | head -1; nginx -v; ls /etc/ssl/certs | wc -l; ls -l /etc/ssl/certs/ca-certificates.crt
        apt-get install -y --reinstall base-files base-passwd bash dash debianutils libc-bin libpam-runtime mawk passwd tzdata util-linux
        apt-get purge -y nginx-light; apt-get autoremove -y
        dpkg --audit; apt-get check; ls /var/cache/apt/archives; test ! -e /usr/share/man/man1/curl.1.gz
        """,
    )
    assert "nginx version" in out and "curl 7" in out


@pytest.mark.parametrize("network", ["host", "none"])
def test_nginx_serves(sh, network):
    script = """
    dpkg --audit
    sed -i 's/listen  *80;/listen 8097;/; s/listen  *\\[::\\]:80;//' /etc/nginx/conf.d/default.conf
    nginx -t; nginx -g "daemon off;" & server=$!; sleep 1
    perl -MIO::Socket::INET -e '
        $s = IO::Socket::INET->new("127.0.0.1:8097") or die "no answer"; print $s "GET / HTTP/1.0\\r\\n\\r\\n"; print <$s>'
    kill -QUIT $server; wait $server
    """
    out = sh("nginx", script, network=network)
    assert "HTTP/1.1 200 OK" in out and "Server: nginx/1.22" in out and "<h1>Welcome to nginx!</h1>" in out
    assert '"GET / HTTP/1.0" 200' in out, "the access log goes to standard output"


def test_gcc_compiles(sh):
    script = r"""
    cat >hello.c <<'X'
#include <stdio.h>
#include <stdlib.h>
#include <ctype.h>
#include <math.h>
int main(int argc, char **argv) { printf("hello %g %d\n", sqrt(argc + 1), isalpha('a') != 0); return EXIT_SUCCESS; }
X
    gcc -Wall -O2 -o hello hello.c -lm; ./hello
    gcc -static -o alone hello.c -lm; ./alone
    cc -c hello.c; cc -o two hello.o -lm; ./two
    printf 'made: hello.c\n\tcc -o $@ $< -lm\n' >Makefile; make; ./made
    dpkg --audit; apt-get check
    """
    assert sh("gcc", script).count("hello 1.41421 1\n") == 4


def test_gcc_links_statically(sh):
    """The classic of multi-stage builds: a static program on nothing."""
    out = sh(
        "gcc",
        "echo 'int puts(const char *); int main(void) { puts(\"alone\"); return 0; }' >a.c; gcc -static -o a a.c; ldd ./a 2>&1 || true; ./a",
    )
    assert "not a dynamic executable" in out and "alone" in out


# --- what is not Debian's is refused


def test_a_tampered_archive_is_thrown_away_and_fetched_anew(image, cache, tmp_path):
    expected = image("busybox").id
    mine = tmp_path / "cache"
    shutil.copytree(cache, mine, ignore=shutil.ignore_patterns("*.json", "lock"))
    (archive,) = (mine / "archives").glob("busybox-static_*.deb")
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    said: list[str] = []
    made = Catalogue(Store.open(tmp_path / "store"), mine).image(Reference.parse("busybox"), said.append)
    assert made.id == expected and any("thrown away" in line for line in said)


def test_a_tampered_archive_without_network_is_refused(image, cache, tmp_path, monkeypatch):
    image("busybox")
    mine = tmp_path / "cache"
    shutil.copytree(cache, mine, ignore=shutil.ignore_patterns("lock"))
    (archive,) = (mine / "archives").glob("busybox-static_*.deb")
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    store = Store.open(tmp_path / "store")
    with pytest.raises(CatalogueError, match="can't be reached"):
        Catalogue(store, mine).image(Reference.parse("busybox"))
    assert not store.images.all()

"""The catalogue's Java, Python and Maven: what they are, and the work that lessons do with them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dockerlab.layers import TreeView
from dockerlab.oci import Reference
from dockerlab.runtime import Runtime
from dockerlab.runtime.limits import keepers
from dockerlab.store import Image, Store

pytestmark = pytest.mark.network

Sh = Callable[..., str]
Command = Callable[..., str]

HELLO = """
cat > Hello.java <<'J'
public class Hello { public static void main(String[] words) { System.out.println("hello from " + System.getProperty("java.version")); } }
J
javac Hello.java
jar cfe app.jar Hello Hello.class
java -jar app.jar
"""
POM = """
mkdir -p /app/src/main/java /app/src/test/java
cd /app
cat > pom.xml <<'P'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId>
  <artifactId>hello</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.release>17</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>4.13.2</version><scope>test</scope></dependency>
  </dependencies>
  <build>
    <finalName>app</finalName>
    <plugins>
      <plugin>
        <artifactId>maven-jar-plugin</artifactId>
        <configuration><archive><manifest><mainClass>Hello</mainClass></manifest></archive></configuration>
      </plugin>
    </plugins>
  </build>
</project>
P
echo 'public class Hello { public static void main(String[] words) { System.out.println("made by maven"); } }' > src/main/java/Hello.java
echo 'public class HelloTest { @org.junit.Test public void adds() { org.junit.Assert.assertEquals(2, 1 + 1); } }' > src/test/java/HelloTest.java
"""
STAGES = """
FROM openjdk:17-jdk AS build
WORKDIR /src
COPY Hello.java .
RUN javac Hello.java && jar cfe app.jar Hello Hello.class
FROM openjdk:17-jre
COPY --from=build /src/app.jar /app.jar
CMD ["java", "-jar", "/app.jar"]
"""


@pytest.fixture
def dockerlab(store: Store, image: Callable[[str], Image], runtime: Runtime) -> Command:
    """What the command prints, in the session's store, where these images have their names."""
    for name in ("openjdk:17-jre", "openjdk:17-jdk"):
        store.images.tag(image(name).id, Reference.parse(name))

    def run(*words: str | Path, **more: str) -> str:
        environment = {**os.environ, "DOCKERLAB_HOME": str(store.home), "PYTHONPATH": ":".join(filter(None, sys.path)), **more}
        command = [sys.executable, "-m", "dockerlab", *map(str, words)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("name", ["openjdk:17-jre", "openjdk:17-jdk", "python"])
def test_face(face: Callable[[str], None], name: str) -> None:
    face(name)


@pytest.mark.parametrize(("name", "command"), [("openjdk:17-jre", ["bash"]), ("openjdk", ["jshell"]), ("python", ["python3"])])
def test_settings(image: Callable[[str], Image], name: str, command: list[str]) -> None:
    config = image(name).config.config
    assert config["Cmd"] == command and "Entrypoint" not in config and "LANG=C.UTF-8" in config["Env"]


def test_the_development_kit_lies_on_the_runtime_and_that_on_debian(image: Callable[[str], Image]) -> None:
    debian, runtime, kit = (image(name).config.diff_ids for name in ("debian", "openjdk:17-jre", "openjdk:17-jdk"))
    assert (runtime[:1], kit[:2], len(kit)) == (debian, runtime, 3)
    assert image("openjdk").id == image("openjdk:17").id == image("openjdk:17-jdk").id != image("openjdk:17-jre").id
    assert image("python").config.diff_ids[:1] == debian


def test_java_compiles_packs_and_runs(sh: Sh) -> None:
    out = sh("openjdk:17-jdk", f'{HELLO} "$JAVA_HOME/bin/java" -version 2>&1; dpkg --audit; apt-get check', network="none")
    assert out.startswith("hello from 17.") and "OpenJDK" in out


def test_java_trusts_debians_authorities(sh: Sh) -> None:
    out = sh(
        "openjdk:17-jre",
        "keytool -list -cacerts -storepass changeit; wc -l < /etc/ca-certificates.conf; cat /etc/ssl/certs/ISRG_Root_X1.pem",
    )
    assert out.count("trustedCertEntry") > 100 and "debian:isrg_root_x1.pem" in out and "BEGIN CERTIFICATE" in out


def test_the_runtime_has_no_compiler(sh: Sh, view: Callable[[str], TreeView]) -> None:
    assert sh("openjdk:17-jre", "! command -v javac; ! command -v jar; java -version 2>&1").startswith("openjdk version")
    assert view("openjdk:17-jre").lookup("/usr/lib/jvm/java-17-openjdk/bin/javac") is None


def test_a_build_stage_compiles_and_a_run_stage_runs(dockerlab: Command, tmp_path: Path) -> None:
    (tmp_path / "Hello.java").write_text(HELLO.split("\n")[2])
    (tmp_path / "Dockerfile").write_text(STAGES)
    dockerlab("build", "-q", "-t", "stages", tmp_path)
    assert dockerlab("run", "--rm", "stages").startswith("hello from 17.")


def test_java_heeds_the_limit_of_its_container(dockerlab: Command) -> None:
    """A gigabyte of garbage in 450 MB: whoever takes the heap for a quarter of the machine is killed."""
    if "control group" not in keepers()["memory"].why:
        pytest.skip("the kernel keeps no limit of memory here")
    script = """
    echo 'public class Garbage { public static void main(String[] words) { for (int i = 0; i < 1024; i++) { byte[] block = new byte[1 << 20]; } \
        System.out.println(Runtime.getRuntime().maxMemory() >> 20); } }' > Garbage.java
    javac Garbage.java; java Garbage"""
    out = dockerlab("run", "--rm", "--memory", "450m", "--memory-swap", "450m", "openjdk:17-jdk", "sh", "-ec", script)
    assert 64 <= int(out) <= 250


def test_java_works_in_a_container_with_450_mb(dockerlab: Command) -> None:
    assert "hello from" in dockerlab("run", "--rm", "--memory", "450m", "--memory-swap", "450m", "openjdk:17-jdk", "sh", "-ec", HELLO)


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot is root's")
def test_java_finds_its_libraries_where_there_is_no_proc(dockerlab: Command) -> None:
    out = dockerlab("run", "--rm", "openjdk:17-jdk", "sh", "-ec", f"test ! -e /proc/self; {HELLO}", DOCKERLAB_ISOLATION="chroot")
    assert out.startswith("hello from")


def test_python_serves_files_and_has_pip(sh: Sh) -> None:
    script = """
    mkdir /www; echo served > /www/page
    python -m http.server -d /www 8096 >/dev/null 2>&1 & server=$!
    python3 - <<'P'
import ssl, sys, time, urllib.request
for attempt in range(100):
    try:
        print(urllib.request.urlopen("http://127.0.0.1:8096/page").read().decode())
        break
    except OSError:
        time.sleep(0.1)
print(sys.version.split()[0], len(ssl.create_default_context().get_ca_certs()) > 100)
P
    kill $server; pip --version; dpkg --audit; apt-get check
    """
    out = sh("python", script, network="none")
    assert out.startswith("served\n") and "3.11.2 True\n" in out and "\npip 23.0.1 " in out


def test_pip_installs_for_the_whole_image(sh: Sh) -> None:
    script = r"""
    mkdir thing; cd thing
    printf '[project]\nname = "thing"\nversion = "1"\n[tool.setuptools]\npy-modules = ["thing"]\n' > pyproject.toml
    echo 'print("there")' > thing.py
    pip install -q --no-index --no-build-isolation --root-user-action ignore . 2>&1; cd /; python -c 'import thing; print(thing.__file__)'
    """
    assert sh("python", script, network="none").split() == ["there", "/usr/local/lib/python3.11/dist-packages/thing.py"]


@pytest.mark.slow
def test_maven_makes_tests_and_installs_a_jar_offline(sh: Sh, image: Callable[[str], Image], face: Callable[[str], None]) -> None:
    face("maven")
    assert image("maven").config.diff_ids[:3] == image("openjdk").config.diff_ids
    out = sh(
        "maven", f"{POM} mvn -v; mvn -B -o clean install; java -jar target/app.jar; ls ~/.m2/repository/org/example/hello/1", network="none"
    )
    assert "Apache Maven 3.8.7" in out and "Tests run: 1, Failures: 0" in out and "BUILD SUCCESS" in out
    assert "made by maven\n" in out and "hello-1.jar" in out

"""A learner's first minute, as a program for tests: `python -m tests.course.session BEGAN` starts a server and a kernel and builds images in cells.

Prints a line of JSON a step: its name, the seconds since BEGAN (of time.time()), and what the cell printed if that is an error."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

from jupyter_client.manager import KernelManager

JAVA = """%%dockerfile -t greeter
FROM openjdk:17-jdk AS build
WORKDIR /src
COPY <<Greeter.java .
public class Greeter { public static void main(String[] words) { System.out.println("greetings"); } }
Greeter.java
RUN javac Greeter.java && jar cfe app.jar Greeter Greeter.class
FROM openjdk:17-jre
COPY --from=build /src/app.jar /app.jar
CMD ["java", "-jar", "/app.jar"]"""
CELLS = {
    "extension": "%load_ext dockerlab",
    "first image": "%%dockerfile -t first\nFROM nginx\nRUN echo changed > /usr/share/nginx/html/index.html",
    "the image runs": "%docker run --rm first cat /usr/share/nginx/html/index.html",
    "python": "%docker run --rm python python -c 'print(6 * 7)'",
    "java, two stages": JAVA,
    "java runs": "%docker run --rm greeter",
}
"""Step → cell."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _server() -> subprocess.Popen[bytes]:
    """JupyterLab as a hub starts it, answering."""
    port = _free_port()
    options = ("--no-browser", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token=t")
    server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(1200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token=t").close()
            return server
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.05)
    raise SystemExit("the server does not answer")


def main(began: float) -> None:
    """All steps, one after the other; what a cell raised ends it."""

    def told(step: str, **more: str) -> None:
        print(json.dumps({"step": step, "seconds": round(time.time() - began, 2), **more}), flush=True)

    server = _server()
    told("server")
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=os.environ.copy(), stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        told("kernel")
        for step, cell in CELLS.items():
            said: list[str] = []
            reply = client.execute_interactive(
                cell, timeout=300, output_hook=lambda message, said=said: said.append(_text(message["content"]))
            )
            fine = reply["content"]["status"] == "ok"
            told(step, said="".join(said)[-1000:], **({} if fine else {"error": str(reply["content"].get("evalue"))}))
            if not fine:
                raise SystemExit(1)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        server.terminate()
        server.wait()


def _text(content: dict[str, object]) -> str:
    data = content.get("data")
    return str(content.get("text") or (data.get("text/plain", "") if isinstance(data, dict) else ""))


if __name__ == "__main__":
    main(float(sys.argv[1]))

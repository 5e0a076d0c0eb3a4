"""The servers of examples/servers in processes of their own, and what clients send to them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ROOT / "examples" / "servers"
PATIENCE = 300  # seconds until a test that hangs fails


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def detail(self) -> str:
        """The sentence of an error."""
        assert self.headers["content-type"] == "application/json", self
        return str(json.loads(self.body)["detail"])


class Server(NamedTuple):
    """A process that listens."""

    process: subprocess.Popen[str]
    port: int

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request; underscores in the names of headers are hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, named)  # refused before it was read
            return reply_of(connection.getresponse())

    def segment(self, body: Any, kind: str = "image/png", query: str = "") -> Reply:
        """The labels of a picture."""
        return self.ask("POST", f"/segment{query}", body, Content_Type=kind)

    def health(self) -> dict[str, Any]:
        """What the server says of itself."""
        reply = self.ask("GET", "/health")
        assert reply.status == 200
        said: dict[str, Any] = json.loads(reply.body)
        return said


class HalfUpload:
    """A request whose body has come to a half."""

    def __init__(self, server: Server, body: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        head = f"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        head += "Content-Type: image/png\r\n\r\n"
        self.rest = body[len(body) // 2 :]
        self.socket.sendall(head.encode() + body[: len(body) // 2])

    def finish(self) -> Reply:
        """Send the rest."""
        self.socket.sendall(self.rest)
        return self.reply()

    def reply(self) -> Reply:
        """Wait for the answer."""
        with contextlib.closing(self.socket):
            response = http.client.HTTPResponse(self.socket, method="POST")
            response.begin()
            return reply_of(response)

    def break_off(self) -> None:
        """Go away."""
        self.socket.close()


def reply_of(response: http.client.HTTPResponse) -> Reply:
    """The whole answer."""
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, response.read())


def make_models(folder: Path) -> None:
    """The models of the servers, as their script makes them, smaller."""
    run(
        [sys.executable, str(SERVERS / "make_models.py"), str(folder), "--width", "16",
         "--steps", "60"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def build_cpp(folder: Path) -> Path:
    """The server in C++, compiled; the test is skipped where something for that is missing."""
    for tool in ("cmake", "c++", "pkg-config"):
        require(shutil.which(tool) is not None, f"{tool} is not installed")
    for package in ("spng", "libturbojpeg"):
        is_there = subprocess.run(["pkg-config", "--exists", package], check=False).returncode == 0
        require(is_there, f"the headers of {package} are not installed")
    is_there = Path("/usr/include/boost/beast.hpp").is_file()
    require(is_there, "the headers of Boost are not installed")
    openvino = pytest.importorskip("openvino")
    folders = run([sys.executable, "-m", "segpost", "--cmakedir"]).strip()
    run(
        ["cmake", "-S", str(SERVERS / "cpp"), "-B", str(folder), f"-Dsegpost_DIR={folders}",
         f"-DOpenVINO_DIR={Path(openvino.__file__).parent / 'cmake'}", "-DCMAKE_BUILD_TYPE=Debug"],
    )  # fmt: skip
    run(["cmake", "--build", str(folder)])
    return folder / "server"


def require(is_there: bool, reason: str) -> None:
    """Skip where something is missing, unless SEGPOST_REQUIRE_SERVERS is set."""
    if not is_there:
        assert not os.environ.get("SEGPOST_REQUIRE_SERVERS"), reason
        pytest.skip(reason)


def run(command: list[str], **options: Any) -> str:
    """What a command prints that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def wait_for_socket(server: Server) -> None:
    """Until somebody listens: of several workers the first one opens the socket."""
    while server.process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            server.health()
            return


@contextlib.contextmanager
def serve(command: list[str], **settings: Any) -> Iterator[Server]:
    """A server until the end of the block; settings are limits, as in MAX_BYTES=9."""
    environment = {f"SEGPOST_{name}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    try:
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            pytest.fail(said)
        server = Server(process, int(found[1]))
        wait_for_socket(server)
        yield server
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def fastapi_command(*options: str) -> list[str]:
    """The server in FastAPI, at any port."""
    return [sys.executable, str(SERVERS / "fastapi_server.py"), "--port", "0", *options]


def openvino_operators() -> str:
    """The path of segpost's operators for OpenVINO, which are built where they are missing."""
    from segpost.runtimes import library
    from segpost.runtimes.builds import build

    try:
        return library("openvino")
    except FileNotFoundError:
        return str(build("openvino"))

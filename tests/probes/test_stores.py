"""Probes of what lies elsewhere: object stores, hubs, container registries, document stores."""

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from gonogo.documents import Part, parse_document
from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.arrivals import Arrivals
from gonogo.probes.context import ProbeContext
from gonogo.probes.datasets import Answer as Known
from gonogo.probes.datasets import ask
from gonogo.probes.http import open_client
from gonogo.probes.images import ImageRegistries
from gonogo.probes.remote import RemoteStore, md5_in, sha256_in
from gonogo.redaction import Redactor
from gonogo.rules.registry import RemoteCopy, RemotePlace
from gonogo.targets.endpoints import Endpoint
from gonogo.targets.files import Artifacts, Dataset, ImageRegistry
from gonogo.targets.secrets import Secret

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT, usedforsecurity=False)
CONTEXT = ProbeContext(lambda _: None, Redactor())
Answer = tuple[int, dict[str, str], bytes]
Serve = Callable[[Callable[[str, str, dict[str, str]], Answer]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server on loopback that answers (method, path, headers) as a function says; its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[str, str, dict[str, str]], Answer]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def _reply(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.rfile.read(int(headers.get("content-length", 0)))
                status, given, body = answer(self.command, self.path, headers)
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **given}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = _reply  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Be quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with open_client() as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "sha256", "md5"),
    [
        ({"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()}, SHA256, ""),
        ({"x-amz-checksum-sha256": "abc-3"}, "", ""),
        ({"x-amz-checksum-sha256": "!!"}, "", ""),
        ({"x-linked-etag": f'"{SHA256}"', "etag": '"x"'}, SHA256, ""),
        ({"etag": f'"{MD5.hexdigest()}"'}, "", MD5.hexdigest()),
        ({"etag": f'"{MD5.hexdigest()}-4"'}, "", ""),
        ({"content-md5": base64.b64encode(MD5.digest()).decode()}, "", MD5.hexdigest()),
        ({"x-goog-hash": f"crc32c=x, md5={base64.b64encode(MD5.digest()).decode()}"}, "", MD5.hexdigest()),
        ({}, "", ""),
    ],
)
def test_digests_in_headers(headers: dict[str, str], sha256: str, md5: str) -> None:
    assert (sha256_in(headers), md5_in(headers)) == (sha256, md5)


@pytest.mark.parametrize(
    ("status", "headers", "wanted"),
    [
        (200, {"etag": f'"{SHA256}"'}, RemoteCopy("", size_bytes=7, sha256=SHA256)),
        (200, {"etag": f'"{MD5.hexdigest()}"'}, RemoteCopy("", size_bytes=7, same_md5=True)),
        (200, {"etag": '"00000000000000000000000000000000"'}, RemoteCopy("", size_bytes=7, same_md5=False)),
        (200, {}, RemoteCopy("", size_bytes=7)),
        (404, {}, RemoteCopy("", exists=False)),
        (403, {}, None),
    ],
)
def test_object_store(
    serve: Serve, client: httpx.Client, tmp_path: Path, status: int, headers: dict[str, str], wanted: RemoteCopy | None
) -> None:
    (tmp_path / "m").write_bytes(CONTENT)
    url = serve(lambda *_: (status, headers, CONTENT))
    store = RemoteStore(Artifacts(), client, CONTEXT)
    place = RemotePlace(url, "", "", "")
    if wanted is None:
        with pytest.raises(InconclusiveError, match="HTTP 403"):
            store.look(place, tmp_path / "m")
    else:
        seen = store.look(place, tmp_path / "m")
        assert (seen.exists, seen.size_bytes, seen.sha256, seen.same_md5) == (
            wanted.exists, wanted.size_bytes, wanted.sha256, wanted.same_md5,
        )  # fmt: skip


def test_stores_that_cannot_be_reached_decide_nothing(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{holder.getsockname()[1]}"
        artifacts = Artifacts(hub_url=closed, image_registries={"r.example": ImageRegistry(closed)})
        with pytest.raises(InconclusiveError):
            RemoteStore(artifacts, client, CONTEXT).look(RemotePlace(closed, "", "", ""), Path("x"))
        with pytest.raises(InconclusiveError):
            RemoteStore(artifacts, client, CONTEXT).look(RemotePlace("", "o/n", "m.gguf", ""), Path("x"))
        with pytest.raises(InconclusiveError):
            ImageRegistries(artifacts, client, CONTEXT).look(image("r.example/a:1"))
        with pytest.raises(EndpointFailedError):  # a declared part of the deployment itself: that is a finding
            ask(Dataset("d", closed, {}, "x"), client, CONTEXT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InconclusiveError):
        RemoteStore(Artifacts(), client, CONTEXT).look(RemotePlace("", "o/n", "m.gguf", ""), Path("x"))


def test_hub(serve: Serve, client: httpx.Client) -> None:
    asked: list[tuple[str, str]] = []

    def answer(_: str, path: str, headers: dict[str, str]) -> Answer:
        asked.append((path, headers.get("authorization", "")))
        if "gone" in path:
            return 404, {"x-error-code": "EntryNotFound"}, b""
        if "/none/" in path:
            return 404, {"x-error-code": "RepoNotFound"}, b""
        if "/private/" in path:  # so it answers for what is not there, too, where no valid token comes along
            return 401, {"x-error-code": "RepoNotFound"}, b""
        given = {"x-linked-etag": f'"{SHA256}"', "x-linked-size": "7", "x-repo-commit": "c" * 40, "etag": '"git"'}
        return 200, given, b""

    artifacts = Artifacts(hub_url=serve(answer), hub_token=Secret("$T", "geheim"))
    store = RemoteStore(artifacts, client, CONTEXT)
    seen = store.look(RemotePlace("", "owner/name", "m.gguf", "v1"), Path("x"))
    assert (seen.exists, seen.sha256, seen.size_bytes) == (True, SHA256, 7)
    assert asked[0] == ("/owner/name/resolve/v1/m.gguf", "Bearer geheim")
    assert not store.look(RemotePlace("", "owner/name", "gone.gguf", ""), Path("x")).exists
    assert not store.look(RemotePlace("", "owner/none", "m.gguf", ""), Path("x")).exists
    with pytest.raises(InconclusiveError, match="does not tell whether it is there"):
        store.look(RemotePlace("", "owner/private", "m.gguf", ""), Path("x"))


@pytest.mark.parametrize("status", [200, 502])
def test_a_control_api_that_answers_with_a_page_decides_nothing(
    status: int, serve: Serve, client: httpx.Client
) -> None:
    url = serve(lambda *_: (status, {"content-type": "text/html"}, b"<h1>Log in</h1>"))
    arrivals = Arrivals(Endpoint("e", "openai", url, control_url=url), client, CONTEXT)
    with pytest.raises(InconclusiveError, match="what arrives at e cannot be told"):
        arrivals.count()
    with pytest.raises(InconclusiveError, match="what arrives at e cannot be told"):
        arrivals.of("Hola")


@pytest.mark.parametrize("told", [b"[1]", b'{"arrived": null}', b'"x"'])
def test_a_control_api_that_tells_something_else_decides_nothing(
    told: bytes, serve: Serve, client: httpx.Client
) -> None:
    url = serve(lambda *_: (200, {"content-type": "application/json"}, told))
    with pytest.raises(InconclusiveError, match="tells no count of arrivals"):
        Arrivals(Endpoint("e", "openai", url, control_url=url), client, CONTEXT).count()


def image(text: str) -> Part:
    return parse_document(f'"{text}"', "f").root


def test_a_registry_that_asks_for_a_token(serve: Serve, client: httpx.Client) -> None:
    manifest = b'{"schemaVersion": 2}'
    asked: list[str] = []

    def answer(_: str, path: str, headers: dict[str, str]) -> Answer:
        asked.append(path)
        if path.startswith("/token"):
            pair = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
            return (200, {}, b'{"token": "abc"}') if pair == "me:pw" else (401, {}, b"")
        if headers.get("authorization") != "Bearer abc":
            return 401, {"www-authenticate": f'Bearer realm="{url}/token",service="s"'}, b""
        return 200, {}, manifest

    url = serve(answer)
    registry = ImageRegistry(url, "me", Secret("$P", "pw"))
    looked = ImageRegistries(Artifacts(image_registries={"r.example": registry}), client, CONTEXT)
    found = looked.look(image("r.example/team/app:1"))
    assert found is not None
    assert (found.exists, found.digest) == (True, f"sha256:{hashlib.sha256(manifest).hexdigest()}")
    assert asked[1] == "/token?service=s&scope=repository%3Ateam%2Fapp%3Apull"


@pytest.fixture
def docker_registry(tmp_path: Path) -> Iterator[str]:
    """A real container registry (Debian's docker-registry) on loopback."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no docker-registry on PATH (apt-get install docker-registry)")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    (tmp_path / "config.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/store}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
        encoding="utf-8",
    )
    process = subprocess.Popen([program, "serve", str(tmp_path / "config.yml")], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                httpx.get(f"{url}/v2/")
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def push(url: str, name: str, tag: str) -> str:
    """Push an image with an empty configuration; its digest."""
    config = b"{}"
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    place = httpx.post(f"{url}/v2/{name}/blobs/uploads/").headers["location"]
    put = httpx.put(f"{place}&digest={digest}", content=config)
    assert put.status_code == 201
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    part = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": digest}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": part, "layers": []}).encode()
    put = httpx.put(f"{url}/v2/{name}/manifests/{tag}", content=manifest, headers={"content-type": kind})
    assert put.status_code == 201, put.text
    return str(put.headers["docker-content-digest"])


def test_a_real_registry(docker_registry: str, client: httpx.Client) -> None:
    digest = push(docker_registry, "team/app", "1.0")
    registries = {"r.example": ImageRegistry(docker_registry)}
    looked = ImageRegistries(Artifacts(image_registries=registries), client, CONTEXT)
    by_tag, by_digest = looked.look(image("r.example/team/app:1.0")), looked.look(image(f"r.example/team/app@{digest}"))
    assert by_tag == by_digest
    assert by_tag is not None
    assert (by_tag.exists, by_tag.digest) == (True, digest)
    for missing in ("r.example/team/app:2.0", "r.example/team/other:1.0", f"r.example/team/app@sha256:{'0' * 64}"):
        found = looked.look(image(missing))
        assert found is not None
        assert not found.exists


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        ('{"text": "con garantía"}', True),
        ('{"text": "con garant\\u00eda"}', True),
        ('[{"text": "con garanti\u0301a"}]', True),
        ("con garantía", True),
        ('{"text": "sin nada"}', False),
    ],
)
def test_a_text_is_known_however_it_is_written(text: str, is_known: bool) -> None:
    assert Known("garantía", text).is_known is is_known


def test_dataset(serve: Serve, client: httpx.Client) -> None:
    url = serve(lambda method, *_: (200, {}, b'{"id": "doc-1"}') if method == "POST" else (405, {}, b""))
    assert "doc-1" in ask(Dataset("d", url, {"text": "x"}, "doc-1"), client, CONTEXT).text
    broken = serve(lambda *_: (500, {}, b"no"))
    with pytest.raises(EndpointFailedError, match="HTTP 500"):
        ask(Dataset("d", broken, {}, "doc-1"), client, CONTEXT)

"""What a deployment keeps elsewhere: an object store, a container registry, and a document store, read from a folder.

* ``/depot/objects/<name>`` answers HEAD as S3 does with checksums on;
* ``/v2/<repository>/manifests/<digest>`` answers as the OCI distribution API does;
* ``POST /depot/search`` answers ``{"text": ...}`` with the documents that share the most words with it.
"""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from embedded.provider.requests import read_object
from embedded.provider.switchboard import ProviderSwitchboard

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


class Depot:
    """Handlers of the three stores."""

    def __init__(self, folder: Path, board: ProviderSwitchboard) -> None:
        self._folder, self._board = folder, board
        self._documents: list[dict[str, Any]] = json.loads((folder / "documents.json").read_text(encoding="utf-8"))

    def routes(self) -> list[Route]:
        """The routes of the depot."""
        return [
            Route("/depot/objects/{name}", self.object, methods=["GET", "HEAD"]),
            Route("/v2/{repository:path}/manifests/{reference}", self.manifest, methods=["GET", "HEAD"]),
            Route("/depot/search", self.search, methods=["POST"]),
        ]

    async def object(self, request: Request) -> Response:
        """An object's checksum and size."""
        file = self._folder / "objects" / request.path_params["name"]
        if self._board.on("object-missing") or file.name.startswith(".") or not file.is_file():
            return Response(status_code=404)
        content = file.read_bytes()
        seen = content[:-1] + b"?" if self._board.on("object-differs") else content
        checksum = base64.b64encode(hashlib.sha256(seen).digest()).decode()
        return Response(content, headers={"x-amz-checksum-sha256": checksum})

    async def manifest(self, request: Request) -> Response:
        """An image's manifest."""
        digest = request.path_params["reference"]
        file = self._folder / "manifests" / digest.replace(":", "-")
        if self._board.on("image-gone") or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest) or not file.is_file():
            return JSONResponse({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, status_code=404)
        headers = {"docker-content-digest": digest}
        return Response(file.read_bytes(), media_type=MANIFEST_TYPE, headers=headers)

    async def search(self, request: Request) -> Response:
        """The two documents that share the most words with a text."""
        body = await read_object(request)
        asked = set(re.findall(r"\w+", str(body.get("text", "")).lower()))
        ranked = sorted(self._documents, key=lambda doc: -len(asked & set(re.findall(r"\w+", doc["text"].lower()))))
        found = ranked[-2:] if self._board.on("search-confused") else ranked[:2]
        return JSONResponse({"documents": found})


def stock(folder: Path, models: list[Path], images: list[str]) -> dict[str, str]:
    """Fill a depot's folder; the digest of each image by its name."""
    for name in ("objects", "manifests"):
        (folder / name).mkdir(parents=True)
    for model in models:
        (folder / "objects" / model.name).write_bytes(model.read_bytes())
    digests = {}
    for image in images:
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "annotations": {"image": image}, "layers": []}
        content = json.dumps(manifest, indent=2).encode()
        digests[image] = f"sha256:{hashlib.sha256(content).hexdigest()}"
        (folder / "manifests" / digests[image].replace(":", "-")).write_bytes(content)
    return digests

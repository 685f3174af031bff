"""Copies of model files elsewhere: at a hub (by `huggingface_hub`), or in an object store (by HTTP HEAD)."""

import base64
import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import httpx
from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http
from gonogo.rules.registry import RemoteCopy, RemotePlace
from gonogo.targets.files import Artifacts

TIMEOUT_S = 20.0


class RemoteStore:
    """Looks at copies; nothing is downloaded."""

    def __init__(self, artifacts: Artifacts, client: httpx.Client, context: ProbeContext) -> None:
        self._artifacts, self._client, self._context = artifacts, client, context

    def look(self, place: RemotePlace, local: Path) -> RemoteCopy:
        """What lies at a place; `local` is read where the store knows an MD5 only.

        Raises:
            InconclusiveError: the store cannot be reached or will not tell: nothing is known of the copy.
        """
        return self._at_hub(place) if place.hub else self._in_store(place, local)

    def _in_store(self, place: RemotePlace, local: Path) -> RemoteCopy:
        http = Http(self._client, place.url, None, self._context, TIMEOUT_S)
        try:
            answer = http.send("HEAD", "", None, {"x-amz-checksum-mode": "ENABLED"})
        except EndpointFailedError as error:
            raise InconclusiveError(f"the object store cannot be asked: {error}") from error
        if answer.status == 404:
            return RemoteCopy(place.url, exists=False)
        if answer.status != 200:
            raise InconclusiveError(f"HEAD {place.url}: HTTP {answer.status}: the gate may not look there")
        copy = RemoteCopy(
            place.url,
            size_bytes=_number(answer.headers.get("content-length")),
            sha256=sha256_in(answer.headers),
        )
        md5 = md5_in(answer.headers)
        if copy.sha256 or not md5:
            return copy
        return replace(copy, same_md5=_md5(local) == md5)

    def _at_hub(self, place: RemotePlace) -> RemoteCopy:
        token = self._artifacts.hub_token
        url = hf_hub_url(place.hub, place.path, revision=place.revision or None, endpoint=self._artifacts.hub_url)
        started = time.perf_counter()
        self._context.spend(1, 0)
        error = ""
        try:
            found = get_hf_file_metadata(url, token=token.value if token else False, timeout=TIMEOUT_S)
        except (GatedRepoError, OfflineModeIsEnabled, HFValidationError) as failure:
            error = str(failure)
            raise InconclusiveError(f"the hub does not tell: {failure}") from failure
        except (EntryNotFoundError, RevisionNotFoundError) as failure:
            error = str(failure)
            return RemoteCopy(url, exists=False)
        except RepositoryNotFoundError as failure:
            error = str(failure)
            if failure.response.status_code == HTTPStatus.UNAUTHORIZED:  # so it answers for what is private, too
                raise InconclusiveError(f"the hub does not tell whether it is there: {failure}") from failure
            return RemoteCopy(url, exists=False)
        except (HfHubHTTPError, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as failure:
            error = str(failure)
            raise InconclusiveError(f"the hub cannot be asked: {failure}") from failure
        finally:
            self._record(url, started, {"error": error} if error else {"etag": found.etag, "size": found.size})
        etag = (found.etag or "").strip('"')
        return RemoteCopy(url, size_bytes=found.size, sha256=etag if re.fullmatch(r"[0-9a-f]{64}", etag) else "")

    def _record(self, url: str, started: float, answer: Mapping[str, object]) -> None:
        duration_ms = round((time.perf_counter() - started) * 1000, 3)
        masked = self._context.redactor.json(answer)
        self._context.record(Observation("hub", f"HEAD {url}", duration_ms, answer=masked, repeat=f"curl -sSI {url}"))


def sha256_in(headers: Mapping[str, str]) -> str:
    """The SHA256 that an object store's headers tell, in hex; empty if none.

    ``x-amz-checksum-sha256`` (S3, base64), ``x-linked-etag`` (hub), or an ETag of 64 hex digits. A checksum of S3 that
    ends in ``-N`` is over N parts, not over the object.
    """
    amazon = headers.get("x-amz-checksum-sha256", "")
    if amazon and "-" not in amazon:
        try:
            return base64.b64decode(amazon, validate=True).hex()
        except ValueError:
            return ""
    for name in ("x-linked-etag", "etag"):
        etag = headers.get(name, "").strip('"')
        if re.fullmatch(r"[0-9a-f]{64}", etag):
            return etag
    return ""


def md5_in(headers: Mapping[str, str]) -> str:
    """The MD5 that an object store's headers tell, in hex; empty if none.

    ``content-md5`` (Azure) and ``x-goog-hash`` (Google), or the ETag of an S3 object that was uploaded in one part.
    """
    google = re.search(r"md5=([A-Za-z0-9+/=]+)", headers.get("x-goog-hash", ""))
    encoded = headers.get("content-md5") or (google.group(1) if google else "")
    if encoded:
        try:
            return base64.b64decode(encoded, validate=True).hex()
        except ValueError:
            return ""
    if "aws:kms" in headers.get("x-amz-server-side-encryption", ""):
        return ""  # such an ETag looks like an MD5, and is none
    etag = headers.get("etag", "").strip('"')
    return etag if re.fullmatch(r"[0-9a-f]{32}", etag) else ""


def _md5(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise InconclusiveError(f"{path} cannot be read: {error.strerror}") from error


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None

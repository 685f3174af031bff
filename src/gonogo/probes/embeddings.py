"""Embeddings of texts."""

import base64
import binascii
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.errors import EndpointFailedError
from gonogo.probes.http import Http, HttpAnswer
from gonogo.rules.embeddings import Vector
from gonogo.rules.reading import mapping
from gonogo.targets.endpoints import ChatModel, Endpoint

_PATH = "/v1/embeddings"


@dataclass(frozen=True)
class Embedder:
    """The embeddings of one model at one endpoint."""

    endpoint: Endpoint
    model: ChatModel
    http: Http
    """Where a 429 is to be waited out, a patient one."""

    def embed(self, texts: Sequence[str]) -> tuple[Vector, ...]:
        """The vectors of a batch, by their index.

        Raises:
            EndpointFailedError: refused, or not of the API's form.
            InconclusiveError: it goes on to answer 429.
        """
        answer = self.post({"model": self.model.name, "input": list(texts)})
        self.http.spend_told(answer)
        body = answer.json()
        if answer.status != 200:
            raise EndpointFailedError(f"/v1/embeddings: HTTP {answer.status}: {answer.text[:200]}")
        return _vectors(body, len(texts))

    def embed_base64(self, text: str) -> tuple[int, Vector]:
        """The status, and the vector of a text in base64 (little-endian 32-bit floats); empty if it is none.

        Raises:
            EndpointFailedError: no answer, or no JSON.
            InconclusiveError: it goes on to answer 429.
        """
        answer = self.post({"model": self.model.name, "input": [text], "encoding_format": "base64"})
        data = mapping(answer.json()).get("data")
        coded = mapping(data[0]).get("embedding") if isinstance(data, list) and data else None
        try:
            raw = base64.b64decode(coded, validate=True) if isinstance(coded, str) else b""
            return answer.status, struct.unpack(f"<{len(raw) // 4}f", raw)
        except (binascii.Error, struct.error):
            return answer.status, ()

    def post(self, body: Mapping[str, Any]) -> HttpAnswer:
        """The answer to a body of one's own.

        Raises:
            EndpointFailedError: no answer.
            InconclusiveError: it goes on to answer 429.
        """
        return self.http.post(_PATH, body)


def _vectors(body: Any, wanted: int) -> tuple[Vector, ...]:  # noqa: ANN401 (any JSON)
    data = mapping(body).get("data")
    if not isinstance(data, list) or len(data) != wanted:
        raise EndpointFailedError(f"/v1/embeddings: `data` is not a list of {wanted}")
    try:
        ordered = sorted(data, key=lambda item: item["index"])
        vectors = tuple(tuple(float(number) for number in item["embedding"]) for item in ordered)
    except (KeyError, TypeError, ValueError) as error:
        raise EndpointFailedError(f"/v1/embeddings: not of the API's form: {error!r}") from error
    if [item["index"] for item in ordered] != list(range(wanted)):
        raise EndpointFailedError("/v1/embeddings: the indices are not 0, 1, 2, ...")
    return vectors

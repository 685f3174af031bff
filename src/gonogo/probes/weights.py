"""The header of a GGUF model file: what it says it is. No tensor is loaded."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from gonogo.errors import EndpointFailedError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.rules.registry import GgufHeader


def read_header(file: Path, context: ProbeContext) -> GgufHeader:
    """Header and tensor table of a GGUF; every tensor must lie inside the file.

    Raises:
        EndpointFailedError: the file is missing, truncated or not a GGUF.
    """
    started = time.perf_counter()
    try:
        header = _read(file)
    except Exception as error:
        # the reader raises whatever numpy and struct raise on broken bytes
        _record(context, file, started, {"error": repr(error)})
        raise EndpointFailedError(f"{file}: not a well-formed GGUF: {error}") from error
    _record(context, file, started, asdict(header))
    return header


class _BoundedReader(gguf.GGUFReader):  # type: ignore[misc]
    """The library's reader, which would go on for ever on a header that announces more than the file holds."""

    def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> Any:  # noqa: ANN401
        if int(offset) + int(count) * np.dtype(dtype).itemsize > len(self.data):
            raise ValueError("its header announces more than the file holds")
        return super()._get(offset, dtype, count, override_order)


def _read(file: Path) -> GgufHeader:
    reader = _BoundedReader(file)
    size = file.stat().st_size
    for tensor in reader.tensors:
        if tensor.data_offset + tensor.n_bytes > size:
            raise ValueError(f"tensor {tensor.name} ends after the end of the file")
    architecture = str(reader.fields["general.architecture"].contents())
    file_type = reader.fields.get("general.file_type")
    tokens = reader.fields.get("tokenizer.ggml.tokens")
    embedding = next((tensor for tensor in reader.tensors if tensor.name == "token_embd.weight"), None)
    length = reader.fields.get(f"{architecture}.context_length")
    return GgufHeader(
        architecture=architecture,
        quantization=gguf.LlamaFileType(file_type.contents()).name if file_type is not None else "",
        tensors=len(reader.tensors),
        vocabulary=len(tokens.data) if tokens is not None else 0,
        embeddings=int(embedding.shape[1]) if embedding is not None and len(embedding.shape) > 1 else 0,
        context_tokens=int(length.contents()) if length is not None else 0,
    )


def _record(context: ProbeContext, file: Path, started: float, answer: dict[str, object]) -> None:
    duration_ms = round((time.perf_counter() - started) * 1000, 3)
    context.record(Observation("gguf", str(file), duration_ms, answer=context.redactor.json(answer)))

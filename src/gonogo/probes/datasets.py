"""A document store, asked one known query."""

from dataclasses import dataclass, field

import httpx

from gonogo.errors import EndpointFailedError
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http
from gonogo.targets.files import Dataset

TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Answer:
    """What a store answered, and what it should hold."""

    expected: str
    text: str = field(repr=False)


def ask(dataset: Dataset, client: httpx.Client, context: ProbeContext) -> Answer:
    """Send the known query.

    Raises:
        EndpointFailedError: the store refuses, hangs, or answers with an error.
    """
    answer = Http(client, dataset.url, dataset.key, context, TIMEOUT_S).post("", dataset.body)
    if answer.status != 200:
        raise EndpointFailedError(f"{dataset.name}: HTTP {answer.status}: {answer.text[:200]}")
    return Answer(dataset.expect, answer.text)

"""A document store, asked one known query."""

from dataclasses import dataclass, field
from unicodedata import normalize

import httpx

from gonogo.errors import EndpointFailedError
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http
from gonogo.rules.reading import json_value, texts_within
from gonogo.targets.files import Dataset

TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Answer:
    """What a store answered, and what it should hold."""

    expected: str
    text: str = field(repr=False)

    @property
    def is_known(self) -> bool:
        """Whether it holds what it should, however the store writes it: escaped in JSON, composed or not (NFC)."""
        try:
            texts = texts_within(json_value(self.text))
        except ValueError:
            texts = []
        return any(map(self._is_in, [self.text, *texts]))

    def _is_in(self, text: str) -> bool:
        return normalize("NFC", self.expected) in normalize("NFC", text)


def ask(dataset: Dataset, client: httpx.Client, context: ProbeContext) -> Answer:
    """Send the known query.

    Raises:
        EndpointFailedError: the store refuses, hangs, or answers with an error.
        InconclusiveError: it goes on to answer 429.
    """
    answer = Http(client, dataset.url, dataset.key, context, TIMEOUT_S).patient().post("", dataset.body)
    if answer.status != 200:
        raise EndpointFailedError(f"{dataset.name}: HTTP {answer.status}: {answer.text[:200]}")
    return Answer(dataset.expect, answer.text)

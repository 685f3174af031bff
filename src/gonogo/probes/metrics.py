"""The metrics probe: a page in Prometheus' text format, read by Prometheus' own parser."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from gonogo.errors import EndpointFailedError
from gonogo.probes.http import Http

_SUFFIXES = ("", "_total", "_sum", "_count", "_bucket", "_info")
"""What the series of a family are called after its name."""


@dataclass(frozen=True)
class Samples:
    """The samples of one scrape, by series name (``_total``, ``_bucket`` and so on included)."""

    by_name: Mapping[str, tuple[float, ...]]
    families: frozenset[str]
    labels: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)
    """By name, those of each value in `by_name`."""

    def total(self, name: str) -> float | None:
        """The sum over all label sets of a series; None if it is absent."""
        values = self.by_name.get(name)
        return math.fsum(values) if values is not None else None

    def labelled(self, name: str, label: str, value: str) -> list[float]:
        """The values of a series whose label holds a value."""
        return [v for v, labels in zip(self.by_name.get(name, ()), self.labels.get(name, ()), strict=True)
                if labels.get(label) == value]  # fmt: skip

    def absent(self, names: tuple[str, ...]) -> list[str]:
        """The names that are neither a series nor a family on the page."""
        return [name for name in names if name not in self.by_name and name not in self.families]

    def not_finite(self, names: Iterable[str]) -> list[str]:
        """The series of these names, or families, with a value of NaN or infinity.

        Quantiles of empty summaries are NaN by definition, so left out.
        """
        wanted = {f"{name}{suffix}" for name in names for suffix in _SUFFIXES}
        found = [name for name in self.by_name if name in wanted]
        return sorted(name for name in found if not all(map(math.isfinite, self.by_name[name])))


def scrape(http: Http, path: str, *, anew: bool = False) -> Samples:
    """Fetch and parse a page; one redirect on the same server is followed (LiteLLM's ``/metrics`` has one).

    Args:
        http: whose page.
        path: where it is.
        anew: ends the connection, so that the next look may come to another process behind the same address.

    Raises:
        EndpointFailedError: the page is not there or is not Prometheus text.
    """
    headers = {"connection": "close"} if anew else None
    answer = http.get(path, headers)
    if answer.status in (301, 302, 307, 308):
        answer = http.get(path.rstrip("/") + "/", headers)
    if answer.status != 200:
        raise EndpointFailedError(f"{path} answers HTTP {answer.status}")
    return parse(answer.text)


def parse(text: str) -> Samples:
    """Parse a page.

    Raises:
        EndpointFailedError: it is not Prometheus text, or has no sample.
    """
    by_name: dict[str, list[float]] = {}
    labels: dict[str, list[Mapping[str, str]]] = {}
    families = set()
    try:
        for family in text_string_to_metric_families(text):
            families.add(family.name)
            for sample in family.samples:
                if "quantile" not in sample.labels:
                    by_name.setdefault(sample.name, []).append(sample.value)
                    labels.setdefault(sample.name, []).append(sample.labels)
    except (ValueError, KeyError, IndexError) as error:
        raise EndpointFailedError(f"not Prometheus' text format: {error}; it begins {text[:80]!r}") from error
    if not by_name:
        raise EndpointFailedError("the page holds no sample at all")
    return Samples(
        {name: tuple(values) for name, values in by_name.items()},
        frozenset(families),
        {name: tuple(found) for name, found in labels.items()},
    )

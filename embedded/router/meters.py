"""What the router counts of itself, as a page in Prometheus' text format."""

import bisect
from collections import Counter, defaultdict

from embedded.switchboard import Switchboard

BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_COARSE_S = (5.0,)
_CALLERS = 1000
"""Callers that are told apart; later ones share a label."""


class Meters:
    """Requests by model, caller and status, and how long they took."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self._callers: set[str] = set()
        self._durations_s: defaultdict[str, list[float]] = defaultdict(list)

    def note(self, model: str, caller: str, status: int, duration_s: float) -> None:
        """A request was answered, or its answer began."""
        board = self._board
        if len(self._callers) < _CALLERS:
            self._callers.add(caller)
        known = "" if board.on("callers-unknown") else caller if caller in self._callers else "other"
        if not board.on("counts-nothing"):
            self._counts[model, known, status] += 2 if board.on("counts-twice") else 1
        self._durations_s[model].append(duration_s * (1000 if board.on("durations-inflated") else 1))

    def page(self) -> str:
        """The page."""
        name = "gateway_requests_total" if self._board.on("metrics-renamed") else "router_requests_total"
        lines = [f"# HELP {name} Requests that were answered.", f"# TYPE {name} counter"]
        lines += [
            f'{name}{{model="{_escaped(model)}",end_user="{_escaped(caller)}",status="{status}"}} {count}'
            for (model, caller, status), count in sorted(self._counts.items())
        ]
        lines += ["# TYPE router_request_duration_seconds histogram"]
        for model, durations_s in sorted(self._durations_s.items()):
            lines += self._buckets(_escaped(model), sorted(durations_s))
        return "\n".join(lines) + "\n"

    def _buckets(self, model: str, durations_s: list[float]) -> list[str]:
        name, bounds = "router_request_duration_seconds", _COARSE_S if self._board.on("buckets-coarse") else BOUNDS_S
        below = [(f"{bound:g}", bisect.bisect_right(durations_s, bound)) for bound in bounds]
        if self._board.on("buckets-unsummed"):  # each bucket counts its own only
            below = [(le, count - (below[i - 1][1] if i else 0)) for i, (le, count) in enumerate(below)]
        below.append(("+Inf", len(durations_s)))
        lines = [f'{name}_bucket{{model="{model}",le="{le}"}} {count}' for le, count in below]
        total = [f'{name}_sum{{model="{model}"}} {sum(durations_s)}', f'{name}_count{{model="{model}"}} {below[-1][1]}']
        return [*lines, *total]


def _escaped(text: str) -> str:
    return text[:200].replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

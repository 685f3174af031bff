"""The section ``load`` of a target file."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gonogo import resources
from gonogo.documents import Path_, did_you_mean
from gonogo.targets.endpoints import Endpoint
from gonogo.targets.load import Baseline, Load, LoadObjective, Prices
from gonogo.targets.target_file import TargetFile

_GOOD_WHEN_LARGE = frozenset({"capacity_per_s", "goodput", "requests_per_s", "stream_tokens_per_s", "tokens_per_s"})
_SLOWER = {"warn_above": 1.1, "fail_above": 2.0}
"""Row L3: twice the latency is a no-go."""
_USUAL_RATIOS = {metric: {"p50": _SLOWER, "p95": _SLOWER} for metric in ("latency_ms", "ttft_ms")}
_QUANTILE = re.compile(r"p\d+(\.\d+)?")


class LoadSection:
    """Reads the section; what is wrong is told to the file."""

    def __init__(self, file: TargetFile) -> None:
        self._file = file

    def read(self, raw: dict[str, Any], gateway: Endpoint | None) -> Load:
        """What is asked and what must hold; asked of the gateway."""
        if gateway is None:
            self._file.problem(("load",), "needs a gateway to send the load to")
        prices = Prices(**raw["prices"]) if "prices" in raw else None
        objectives = tuple(self._objectives(raw["objectives"], ("load", "objectives")))
        if not {"errors", "goodput"} & raw["objectives"].keys() and any(o.excludes_failures for o in objectives):
            self._file.problem(
                ("load", "objectives"), "failures: exclude needs an objective on errors that carries them"
            )
        if prices is None and any(objective.metric == "cost_per_1000_good" for objective in objectives):
            self._file.problem(("load", "objectives", "cost_per_1000_good"), "needs load.prices")
        if not any(objective.is_share for objective in objectives) and "capacity_per_s" in raw["objectives"]:
            path = ("load", "objectives", "capacity_per_s")
            self._file.problem(path, "needs an objective that shows what breaks: a quantile, errors or goodput")
        if prices is None and "most_cost" in raw:
            self._file.problem(("load", "most_cost"), "needs load.prices")
        profile = self._profile(raw.get("profile", "smoke"))
        baseline = self._baseline(raw["baseline"]) if "baseline" in raw else None
        added = raw.get("gateway_overhead_ms")
        overhead = self._file.band(added, ("load", "gateway_overhead_ms")) if added else None
        if overhead is not None and not overhead.above:
            self._file.problem(("load", "gateway_overhead_ms"), "needs warn_above or fail_above, or both")
        if models := [model.name for model in gateway.models] if gateway else []:
            self._file.expect_known("model of the gateway", raw["model"], models, ("load", "model"))
        return Load(profile, raw["model"], objectives, prices, baseline, overhead, raw.get("most_cost"))

    def _baseline(self, raw: dict[str, Any]) -> Baseline:
        record = self._file.path(raw["record"])
        if not record.is_file():
            self._file.problem(
                ("load", "baseline", "record"), f"no file {raw['record']!r}: keep the load-record.json of a run"
            )
        ratios = {name: value for name, value in raw.items() if name != "record"} or _USUAL_RATIOS
        return Baseline(record, tuple(self._objectives(ratios, ("load", "baseline"))))

    def _profile(self, name: str) -> Path:
        shipped = resources.folder("load") / "profiles" / f"{name}.yaml"
        profile = shipped if shipped.is_file() else self._file.path(name)
        if not profile.is_file():
            known = sorted(path.stem for path in shipped.parent.glob("*.yaml"))
            self._file.problem(("load", "profile"), f"no profile or file {name!r}{did_you_mean(name, known)}")
        return profile

    def _objectives(self, raw: Mapping[str, Any], above: Path_) -> Iterator[LoadObjective]:
        for metric, value in raw.items():
            path = (*above, metric)
            if all(map(_QUANTILE.fullmatch, value)):
                for key, item in value.items():
                    yield self._objective(metric, item, (*path, key), float(key[1:]) / 100)
            else:
                yield self._objective(metric, value, path)

    def _objective(self, metric: str, raw: dict[str, Any], path: Path_, quantile: float | None = None) -> LoadObjective:
        bounds = {key: value for key, value in raw.items() if key.endswith(("_above", "_below"))}
        objective = LoadObjective(
            metric=metric,
            band=self._file.band(bounds, path),
            quantile=quantile,
            within=raw.get("within", {}),
            for_s=raw.get("for_s", 0.0),
            aborts=raw.get("abort", False),
            excludes_failures=raw.get("failures") == "exclude",
        )
        side = "below" if metric in _GOOD_WHEN_LARGE else "above"
        if not bounds or objective.band.above is (side == "below"):
            self._file.problem(path, f"needs warn_{side} or fail_{side}, or both")
        elif quantile is None and objective.excludes_failures:
            self._file.problem(path, "failures: exclude is for quantiles: this objective is on the failures themselves")
        elif quantile is None and objective.is_share and not all(0 < bound < 1 for bound in bounds.values()):
            self._file.problem(path, "is a share of attempts: between 0 and 1, both excluded (0.05 for 5 %)")
        elif any(bound < 0 for bound in bounds.values()):
            self._file.problem(path, "cannot be negative")
        return objective

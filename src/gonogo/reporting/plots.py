"""Pictures of a load run as SVG, by Matplotlib, in the page's own colours, so that they follow light and dark."""

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INCHES = (10.0, 3.0)
_LEAST_MS = 0.1
"""Gaps of tokens that arrived together are none."""
# Colours that stand for the page's: Matplotlib must have numbers, a page that follows the reader's scheme must not.
_INKS = {"#010101": "var(--fg)", "#020202": "var(--line)"} | {f"#0{i}0{i}0f": f"var(--plot-{i})" for i in range(1, 7)}
_TEXT, _GRID, *_LINES = _INKS
_NAMES = {"latency_ms": "latency", "ttft_ms": "first token", "gap_ms": "gap between tokens"}
_MARKED = (0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999)


def pictures_of(load: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every picture of a load run, with its title; those for which there are no figures are left out.

    Args:
        load: `gonogo.loadtest.charting.charted`.
    """
    found = [
        ("Latency by quantile", quantile_picture(load)),
        ("Latency over time (worst second)", _over_time(load, ("latency_ms.p50", "latency_ms.p95"), "ms")),
        ("First token over time (worst second)", _over_time(load, ("ttft_ms.p50", "ttft_ms.p95"), "ms")),
        ("Requests a second", _over_time(load, ("good_per_s", "failed_per_s"), "requests/s")),
        ("Tokens a second", _over_time(load, ("tokens_per_s",), "tokens/s")),
    ]
    return [(title, svg) for title, svg in found if svg]


def quantile_picture(load: Mapping[str, Any]) -> str:
    """Latencies by quantile, each nine as wide as the one before it (as HdrHistogram draws them), with the bounds."""
    curves = {name: points for name, points in load["curves"].items() if points}
    if not curves:
        return ""
    last = max(_nines(points[-1][0]) for points in curves.values())

    def draw(axes: "Axes") -> None:
        for ink, (name, points) in zip(_LINES, curves.items(), strict=False):
            across, up = zip(*((_nines(quantile), value) for quantile, value in points), strict=True)
            axes.plot(across, up, color=ink, label=_NAMES[name])
            for bound in load["bounds"].get(name, ()):
                at = _nines(bound["quantile"]) if bound["quantile"] is not None else last
                if bound["fail"] is not None and at <= last:
                    axes.plot(
                        [at], [bound["fail"]], "v", color=ink, label=f"{bound['name']} fails over {bound['fail']:g}"
                    )
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_ylim(bottom=max(_LEAST_MS, axes.get_ylim()[0]))
        axes.set_xticks(
            [_nines(q) for q in _MARKED if _nines(q) <= last], [f"p{q * 100:g}" for q in _MARKED if _nines(q) <= last]
        )

    return _drawn(draw, "ms", "quantiles")


def _over_time(load: Mapping[str, Any], columns: Sequence[str], unit: str) -> str:
    rows = load["rows"]
    lines = {name: [(row["second"], row[name]) for row in rows if name in row] for name in columns}
    if not any(lines.values()) or len(rows) < 2:
        return ""
    metric = columns[0].partition(".")[0]

    def draw(axes: "Axes") -> None:
        for ink, (name, points) in zip(_LINES, lines.items(), strict=False):
            axes.plot(*zip(*points, strict=True), color=ink, label=name.replace("_per_s", "").replace("_ms", ""))
        top = axes.get_ylim()[1]
        for ink, bound in zip(_LINES[len(lines) :], load["bounds"].get(metric, ()), strict=False):
            if bound["fail"] is not None and bound["fail"] < 3 * top:  # one far above would press the lines flat
                axes.axhline(bound["fail"], color=ink, linestyle="--", label=f"{bound['name']} fails over")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("seconds", color=_TEXT)

    return _drawn(draw, unit, columns[0])


def _nines(quantile: float) -> float:
    """How many nines a quantile has: 1 for p90, 2 for p99."""
    return -math.log10(max(1e-9, 1 - quantile))


def _drawn(draw: Any, unit: str, name: str) -> str:  # noqa: ANN401 (a function of Axes, which are imported below)
    # Half a second to import, which only runs with a load need to pay (as ADR 12).
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif", "font.size": 10}):
        figure = Figure(figsize=_INCHES, layout="constrained", facecolor="none")
        axes = figure.add_subplot(facecolor="none")
        draw(axes)
        axes.set_ylabel(unit, color=_TEXT)
        axes.grid(color=_GRID, linewidth=0.6)
        axes.tick_params(which="both", colors=_TEXT, length=0)
        for side in axes.spines.values():
            side.set_color(_GRID)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, labelcolor=_TEXT)
        written = io.StringIO()
        canvas = FigureCanvasSVG(figure)
        canvas.print_svg(written, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    return _for_the_page(written.getvalue(), name)


def _for_the_page(svg: str, name: str) -> str:
    """Only the element, in the page's colours and fonts, with ids that no other picture has."""
    svg = svg[svg.index("<svg") :]
    for ink, colour in _INKS.items():
        svg = svg.replace(ink, colour)
    svg = svg.replace("font: 10px 'sans-serif'", "font: 10px inherit")
    prefix = re.sub(r"\W", "-", name)
    return re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{prefix}-", svg)

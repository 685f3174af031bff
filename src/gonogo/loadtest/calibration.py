"""What the generator itself costs, measured before a run on an echo that tells when it wrote."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Calibration:
    """The generator's own part of what it measures, and of a core."""

    ttft_error_p50_ms: float
    """By how much later than it was written the first token was noted."""
    ttft_error_p95_ms: float
    request_cpu_ms: float
    """Processor time of a request whose answer is a single chunk."""
    chunk_cpu_us: float
    """Processor time of each further chunk."""

    def core_share(self, rate_per_s: float, chunks: float) -> float:
        """How much of a core a rate takes, if each answer has so many chunks."""
        return rate_per_s * (self.request_cpu_ms / 1e3 + chunks * self.chunk_cpu_us / 1e6)

    def __str__(self) -> str:
        return (
            f"the generator itself adds {self.ttft_error_p50_ms:.2f} ms (p50) and {self.ttft_error_p95_ms:.2f} ms "
            f"(p95) to a first token, and takes {self.request_cpu_ms:.2f} ms of a core for a request and "
            f"{self.chunk_cpu_us:.0f} µs for a chunk"
        )


def worst(calibrations: Sequence[Calibration | None]) -> Calibration | None:
    """The largest of each figure, over all workers that could be calibrated."""
    told = [found for found in calibrations if found is not None]
    if not told:
        return None
    return Calibration(
        ttft_error_p50_ms=max(found.ttft_error_p50_ms for found in told),
        ttft_error_p95_ms=max(found.ttft_error_p95_ms for found in told),
        request_cpu_ms=max(found.request_cpu_ms for found in told),
        chunk_cpu_us=max(found.chunk_cpu_us for found in told),
    )

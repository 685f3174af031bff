"""A counter on a page of metrics, looked at before and after requests of our own."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from gonogo.errors import InconclusiveError
from gonogo.probes.http import Http
from gonogo.probes.metrics import Samples, scrape

LAG_S = (0.0, 0.2, 0.8, 2.0)
"""Pauses between looks: some servers count only after they have answered."""
_LOOKS = 8
"""For other processes: where a balancer chooses between two by chance, one look in 128 times finds but one of them."""


@dataclass(frozen=True)
class Counter:
    """One counter of one process."""

    http: Http
    path: str
    of: Callable[[Samples], float | None]
    """What of the page it is; None while it is not there."""

    def read(self) -> float:
        """What it reads now; 0 while it is not there.

        Raises:
            EndpointFailedError: the page is not there or is not Prometheus text.
        """
        return self.of(scrape(self.http, self.path)) or 0.0

    def moved_since(self, before: float, wanted: float) -> float:
        """How far it has moved: as soon as that is far enough, or after `LAG_S`.

        Args:
            before: what it read at first.
            wanted: how far is far enough.

        Raises:
            InconclusiveError: it reads less than before, or it moved too little and others answer at its address, too.
        """
        moved = 0.0
        for pause_s in LAG_S:
            time.sleep(pause_s)
            moved = self.read() - before
            if moved < 0:
                raise InconclusiveError(f"the counter fell by {-moved:g}: its server was restarted, or it is another's")
            if moved >= wanted:
                return moved
        self.expect_alone()
        return moved

    def expect_alone(self) -> None:
        """Its page is that of one process, as far as processes say when they started.

        Raises:
            InconclusiveError: it is that of several: what one of them counts, the others do not.
        """
        pages = [scrape(self.http, self.path, anew=True) for _ in range(_LOOKS)]
        started = {page.total("process_start_time_seconds") for page in pages}
        if len(started) > 1:
            why = f"{len(started)} processes answer at {self.http.base_url}{self.path}, each with a count of its own"
            raise InconclusiveError(f"{why}: name the page of one of them, or let Prometheus add them up")

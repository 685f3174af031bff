"""A worker's part of a run."""

import gc
from collections.abc import Callable

import gevent
from locust.env import Environment

from gonogo.load.orders import Order
from gonogo.load.recording import Recording
from gonogo.load.users import Dispatcher
from gonogo.load.wire import ChatClient
from gonogo.loadtest.batch import Batch

_TIDY_S = 10.0


class Share:
    """A worker's part of a run."""

    def __init__(
        self,
        order: Order,
        environment: Environment,
        sink: Callable[[Batch], None],
        *,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        self._order, self._worker, self._workers = order, worker, workers
        name = order.attempts
        if name is not None and workers > 1:
            name = name.with_stem(f"{name.stem}-{worker}")
        self._log = name.open("w", encoding="utf-8") if name else None
        self._recording = Recording(order.load.objectives, order.redactor, sink, worker=worker, log=self._log)
        key = order.gateway.key.value if order.gateway.key else None
        client = ChatClient(order.gateway.url, key, order.profile.timeout_s)
        self._dispatcher = Dispatcher(order.profile, order.load, client, self._recording, environment)

    def play(self, run_id: str, began_ms: float) -> str:
        """Play it to its end; why the gateway wanted no more of it, or nothing."""
        tidying = gevent.spawn(_tidy)
        try:
            self._dispatcher.play(run_id, began_ms, self._worker, self._workers)
        finally:
            tidying.kill()
            gc.enable()
            if self._log is not None:
                self._log.close()
        return self._dispatcher.refused

    def stop(self) -> None:
        """Begin nothing any more."""
        self._dispatcher.stop()

    def interrupt(self) -> None:
        """Begin nothing any more, and tell what was measured by now, whatever is open."""
        self._dispatcher.stop()
        self._recording.finish()


def _tidy() -> None:
    """Collect garbage at set times: by itself it would walk through all open streams whenever many begin at once."""
    gc.collect()
    gc.freeze()
    gc.disable()
    while True:
        gevent.sleep(_TIDY_S)
        gc.collect(1)

"""Measures the generator itself: its client asks an echo in another process, as it will ask the gateway."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent

from gonogo.load.wire import ChatClient
from gonogo.loadtest.attempt import Attempt, now_ms
from gonogo.loadtest.calibration import Calibration

_REQUESTS, _EVERY_S = 40, 0.01
_CHUNKS = 33
_TIMEOUT_S = 5.0


def calibrate() -> Calibration | None:
    """A second's measurement; None where the echo did not answer."""
    try:
        with _echo() as url:
            client = ChatClient(url, None, _TIMEOUT_S)
            _asked(client, 1)  # what is done once only is no part of it
            short, short_cpu_s = _asked(client, 1)
            long, long_cpu_s = _asked(client, _CHUNKS)
    except (OSError, ValueError):
        return None
    answers = short + long
    if any(attempt.failure for attempt in answers):
        return None
    # the echo writes its moment into the first token
    errors_ms = sorted(attempt.content_ms[0] - float(attempt.text.split()[0]) for attempt in answers)
    return Calibration(
        ttft_error_p50_ms=round(errors_ms[len(errors_ms) // 2], 3),
        ttft_error_p95_ms=round(errors_ms[int(len(errors_ms) * 0.95)], 3),
        request_cpu_ms=round(short_cpu_s / _REQUESTS * 1e3, 3),
        chunk_cpu_us=round(max(0.0, long_cpu_s - short_cpu_s) / (_REQUESTS * (_CHUNKS - 1)) * 1e6, 1),
    )


@contextmanager
def _echo() -> Iterator[str]:
    """The echo, while it runs; it ends when its standard input does, whatever becomes of this process."""
    words = [sys.executable, "-I", str(Path(__file__).with_name("echo.py"))]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            try:
                process.wait(_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _asked(client: ChatClient, chunks: int) -> tuple[list[Attempt], float]:
    """The answers to a row of requests, and the processor time that they took."""
    body: dict[str, object] = {"model": "echo", "messages": [], "max_tokens": chunks, "stream": True}
    began_ms, began_cpu_s = now_ms(), time.process_time()
    asking = [gevent.spawn_later(i * _EVERY_S, client.attempt, began_ms, body) for i in range(_REQUESTS)]
    gevent.joinall(asking)
    return [greenlet.value for greenlet in asking], time.process_time() - began_cpu_s

"""What most people write: FastHttpUser, a closed model, Locust's helper for lines, the first one is the first token."""

import time

from locust import FastHttpUser, constant, task


class Plain(FastHttpUser):
    """Asks, reads, asks again."""

    wait_time = constant(0)

    @task
    def ask(self) -> None:
        """One streamed request."""
        body = {"model": "truth", "messages": [{"role": "user", "content": "cars"}], "max_tokens": 50, "stream": True}
        began, first_ms = time.perf_counter(), 0.0
        for line in self.client.iter_lines("/v1/chat/completions", "POST", json=body):
            if line and not first_ms:
                first_ms = (time.perf_counter() - began) * 1000
        self.environment.events.request.fire(
            request_type="x", name="ttft", response_time=first_ms, response_length=0, exception=None, context={}
        )

"""A little traffic, so that rates are there to be judged: ``python -m tests.calibration.trickle URL KEY_ENV``."""

import os
import sys
import time
from contextlib import suppress

import httpx

_EVERY_S = 0.2
_MOST_S = 1800


def main(url: str, key_env: str) -> None:
    """Ask five times a second, for half an hour at most; whoever started this ends it before."""
    headers = {"authorization": f"Bearer {os.environ[key_env]}"}
    asked = {"model": "chat", "messages": [{"role": "user", "content": "Hola"}], "max_tokens": 2}
    until_s = time.monotonic() + _MOST_S
    with httpx.Client(base_url=url, headers=headers, timeout=5) as client:
        while time.monotonic() < until_s:
            with suppress(httpx.HTTPError):
                client.post("/v1/chat/completions", json=asked)
            time.sleep(_EVERY_S)


if __name__ == "__main__":
    main(*sys.argv[1:])

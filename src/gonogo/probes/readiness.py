"""Watches a server that starts: when it says that it is ready, and when a completion really works."""

import time
import uuid

from gonogo.errors import EndpointFailedError
from gonogo.probes.chat import Chat
from gonogo.rules.readiness import Glimpse

FIRST_PAUSE_S = 0.1
GROWTH = 20
"""Later looks are farther apart: after a minute every three seconds, so that a long start fits into the evidence."""


def watch_start(chat: Chat, ready_path: str, limit_s: float) -> list[Glimpse]:
    """Look until it is ready and completes, or until the limit; readiness is asked first each time."""
    glimpses: list[Glimpse] = []
    began = time.monotonic()
    while (at_s := time.monotonic() - began) < limit_s:
        glimpses.append(Glimpse(at_s, _is_ready(chat, ready_path), _completes(chat)))
        if glimpses[-1].ready and glimpses[-1].completes:
            break
        time.sleep(FIRST_PAUSE_S + at_s / GROWTH)
    return glimpses


def _is_ready(chat: Chat, path: str) -> bool:
    try:
        return chat.http.get(path).status == 200
    except EndpointFailedError:
        return False


def _completes(chat: Chat) -> bool:
    try:
        chat.complete(f"¿Ya está? [{uuid.uuid4()}]", max_tokens=1)
    except EndpointFailedError:
        return False
    return True

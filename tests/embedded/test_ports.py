"""No two servers are given the same port, whoever asks."""

import os
import random
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator

import pytest

from embedded import ports
from gonogo.resources import ROOT


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[deque[tuple[float, int]]]:
    """Nothing is given yet, and whoever asks draws the same ports in the same order."""
    found: deque[tuple[float, int]] = deque()
    monkeypatch.setattr(ports, "_kept", found)
    monkeypatch.setattr(random, "sample", lambda numbers, count: random.Random(os.getpid()).sample(numbers, count))
    yield found
    for _, descriptor in found:
        os.close(descriptor)


def test_a_port_is_given_once() -> None:
    given = [ports.free_port() for _ in range(20)]
    assert len(set(given)) == 20


def test_another_process_is_given_another_one() -> None:
    given = ports.free_port()
    code = f"import random\nrandom.sample = lambda numbers, count: [{given}, {given}]\n"
    code += "from embedded.ports import free_port\nfree_port()"
    another = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "no port is free" in another.stderr


def test_it_is_given_again_once_its_server_has_had_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ports.free_port()
    monkeypatch.setattr(ports, "_KEPT_S", -1.0)
    assert ports.free_port() == given
    with socket.socket() as taken:  # unless somebody listens on it
        taken.bind(("127.0.0.1", given))
        assert ports.free_port() != given


def test_many_keep_few_descriptors(kept: deque[tuple[float, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_MOST_KEPT", 5)
    for _ in range(20):
        ports.free_port()
    assert len(kept) <= 5

"""The browser probe in a real Chromium: whether the page is to blame, or this machine."""

import shutil
import socket
from contextlib import suppress

import psutil
import pytest

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.browser import BROWSERS, visit
from gonogo.probes.context import ProbeContext
from gonogo.redaction import Redactor
from gonogo.targets.model import WebPage
from tests.hostile import serving, whole

pytestmark = pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no chromium on PATH (Debian has it)")
PAGE = """<!doctype html><input id="say" onkeydown="if (event.key == 'Enter') { %s }"><ol></ol>"""
CONTEXT = ProbeContext(lambda _: None, Redactor())


def page(url: str, timeout_s: float = 10.0) -> WebPage:
    return WebPage(url, "#say", "", "li", timeout_s)


def test_a_page_whose_name_does_not_resolve_says_nothing() -> None:
    with pytest.raises(InconclusiveError, match="ERR_NAME_NOT_RESOLVED"):
        visit(page("http://no-such-host.invalid/"), "Hola", CONTEXT)


def test_a_page_that_refuses_is_the_finding() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        with pytest.raises(EndpointFailedError, match="ERR_CONNECTION_REFUSED"):
            visit(page(f"http://127.0.0.1:{holder.getsockname()[1]}/"), "Hola", CONTEXT)


@pytest.mark.parametrize(
    ("script", "timeout_s", "answer", "errors"),
    [
        ("document.querySelector('ol').innerHTML = '<li>Buenas</li>'", 10.0, "Buenas", []),
        ("void 0", 1.0, "", ["no new li within 1 s"]),
    ],
    ids=["answers", "silent"],
)
def test_a_page_that_is_asked(script: str, timeout_s: float, answer: str, errors: list[str]) -> None:
    with serving(whole((PAGE % script).encode(), b"content-type: text/html\r\n")) as port:
        seen = visit(page(f"http://127.0.0.1:{port}/", timeout_s), "Hola", CONTEXT)
    assert (seen.answer, seen.errors) == (answer, errors)


def test_a_browser_that_ends_meanwhile_says_nothing() -> None:
    def end_browser(_: socket.socket) -> None:
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "chrom" in process.name():
                    process.kill()

    with serving(end_browser) as port, pytest.raises(InconclusiveError, match="crashed|closed"):
        visit(page(f"http://127.0.0.1:{port}/"), "Hola", CONTEXT)

"""The browser probe: a page as people see it, in a real Chromium without a window."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.targets.model import WebPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Request

QUIET_S = 0.5
"""How long an answer must not change to be whole."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
"""Where one is looked for on PATH; without any, the one that Playwright has downloaded is used."""
_OURS = (
    "ERR_NAME_NOT_RESOLVED", "ERR_NAME_RESOLUTION_FAILED", "ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED",
    "ERR_NETWORK_IO_SUSPENDED", "ERR_NETWORK_ACCESS_DENIED", "ERR_ADDRESS_UNREACHABLE", "ERR_INSUFFICIENT_RESOURCES",
    "ERR_OUT_OF_MEMORY", "ERR_PROXY_CONNECTION_FAILED", "ERR_TUNNEL_CONNECTION_FAILED", "ERR_NO_SUPPORTED_PROXIES",
    "crashed", "has been closed", "Connection closed",
)  # fmt: skip
"""What Chromium and Playwright say where this machine's network, or the browser itself, is to blame.

https://chromium.googlesource.com/chromium/src/+/main/net/base/net_error_list.h"""


@dataclass
class Visit:
    """What happened on the page."""

    answer: str = ""
    """The text of the answer that came; empty if none came in time."""
    errors: list[str] = field(default_factory=list)
    """Errors of the page's scripts, and requests of its own that failed."""
    broken: str = ""
    """A request of its own that could not leave this machine."""


def visit(page: WebPage, message: str, context: ProbeContext) -> Visit:
    """Open the page, send a message as a person would, and wait for the answer.

    Raises:
        EndpointFailedError: the page does not load, or lacks a field that the target names.
        InconclusiveError: there is no browser here, it does not start or ends, or this machine's network is away.
    """
    seen = Visit()
    with _tab(page, seen) as tab:
        context.spend(1, 0)
        began = time.perf_counter()
        try:
            _ask(tab, page, message, seen)
        finally:
            duration_ms = round((time.perf_counter() - began) * 1000, 3)
            told = context.redactor.json({"answer": seen.answer, "errors": seen.errors[:20]})
            context.record(Observation("browser", page.url, duration_ms, request={"message": message}, answer=told))
    if seen.broken and (seen.errors or not seen.answer):
        raise InconclusiveError(seen.broken)
    return seen


@contextmanager
def _tab(page: WebPage, seen: Visit) -> Iterator["Page"]:
    """An empty tab of a browser of its own; what goes wrong on its page is noted.

    Raises:
        EndpointFailedError: the browser cannot do what it is asked meanwhile.
        InconclusiveError: there is no browser here, it does not start or ends, or this machine's network is away.
    """
    try:
        from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415 (an extra: ADR 15)
    except ImportError as error:
        raise InconclusiveError("the page needs Playwright: pip install 'gonogo[browser]'") from error
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    try:
        with sync_playwright() as playwright:
            try:
                browser = playwright.chromium.launch(executable_path=program)
            except Error as error:
                raise InconclusiveError(f"no browser starts here: {_first_line(error)}") from error
            with browser:
                tab = browser.new_page()
                tab.set_default_timeout(page.timeout_s * 1000)
                tab.on("pageerror", lambda error: seen.errors.append(f"script error: {error}"))
                tab.on("requestfailed", lambda failed: _note_failed(failed, page, seen))
                tab.on("response", lambda answer: _note_bad(answer.status, answer.url, page, seen))
                yield tab
    except Error as error:
        told = f"{page.url}: {_first_line(error)}"
        raise (InconclusiveError(told) if _is_ours(told) else EndpointFailedError(told)) from error


def _ask(tab: "Page", page: WebPage, message: str, seen: Visit) -> None:
    from playwright.sync_api import TimeoutError as TookTooLong  # noqa: PLC0415 (it is there: the tab is of it)

    opened = tab.goto(page.url)
    if opened is None or opened.status != 200:
        raise EndpointFailedError(f"{page.url}: HTTP {opened.status if opened else 'nothing'}")
    answers = tab.locator(page.answer)
    before = answers.count()
    tab.locator(page.prompt).fill(message)
    if page.send:
        tab.locator(page.send).click()
    else:
        tab.locator(page.prompt).press("Enter")
    try:
        answers.nth(before).wait_for()
        seen.answer = _settled_text(answers, before, page.timeout_s)
    except TookTooLong:
        seen.errors.append(f"no new {page.answer} within {page.timeout_s:g} s")


def _settled_text(answers: "Locator", before: int, timeout_s: float) -> str:
    """The text of the last new answer when it has stopped to change: before it there may be a sign of typing."""
    deadline, text, since = time.monotonic() + timeout_s, "", time.monotonic()
    while time.monotonic() < deadline:
        now = answers.last.inner_text().strip() if answers.count() > before else ""
        if now != text:
            text, since = now, time.monotonic()
        elif text and time.monotonic() - since > QUIET_S:
            return text
        time.sleep(QUIET_S / 5)
    return text


def _is_own(url: str, page: WebPage) -> bool:
    """Whether a request goes to the page's own origin: what others' trackers answer is not its fault."""
    return urlsplit(url)[:2] == urlsplit(page.url)[:2]


def _note_failed(request: "Request", page: WebPage, seen: Visit) -> None:
    failure = request.failure or ""
    if not _is_own(request.url, page) or "ERR_ABORTED" in failure:  # the page itself gave it up
        return
    if _is_ours(failure):
        seen.broken = f"{request.method} {request.url}: {failure}"
    else:
        seen.errors.append(f"{request.method} {request.url}: no answer")


def _note_bad(status: int, url: str, page: WebPage, seen: Visit) -> None:
    if status >= 400 and _is_own(url, page) and not url.endswith("/favicon.ico"):  # browsers ask for it unasked
        seen.errors.append(f"{url}: HTTP {status}")


def _is_ours(told: str) -> bool:
    """Whether the browser or this machine's network is to blame."""
    return any(sign in told for sign in _OURS)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]

"""The HTTP probe: the others go through it but for those with a client of their own.

These are the official clients, the hub's, Kubernetes' and the browser.
"""

import json
import os
import re
import shlex
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from itertools import islice
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from gonogo.errors import AnswerBrokeError, BudgetExhaustedError, EndpointFailedError, InconclusiveError, StarvedError
from gonogo.model import Observation
from gonogo.probes import deadline, encodings
from gonogo.probes.context import ProbeContext
from gonogo.probes.machine import waited_ms
from gonogo.probes.patience import is_refused, patiently
from gonogo.probes.tcp import why_ours
from gonogo.rules.reading import json_value
from gonogo.rules.secrets import shapes_within
from gonogo.targets.secrets import Secret

MAX_BODY_BYTES = 16_000_000
_EVIDENCE_CHARACTERS = 4000
_MASKED_CHARACTERS = 16 * _EVIDENCE_CHARACTERS
"""Secrets are masked before a text is cut for the evidence; of a body of many megabytes only this much is looked at."""
_HEADERS, _HEADER_CHARACTERS = 60, 1000
"""So many of an answer's headers are shown, and so much of each."""
MAX_USAGE_BYTES = 4096
"""Of an answer's end: the usage stands after the choices, or in the last chunk."""
OF_THE_TARGET = "a secret of the target"
_EXAMPLES = re.compile(r"/(openapi\.(json|ya?ml)|swagger\S*|docs|redoc)(\?\S*)?$")
"""Documents of an interface are full of made-up keys."""
_LEAST_S = 0.1
"""A request that may still be sent is waited for so long at least."""
_CONNECTED = "connection.connect_tcp.started"
"""The step of httpcore's trace that a connection begins with, which was not kept then."""
_MOST_KEPT = 8
"""So many kept connections may turn out to be closed, one after the other."""
_LOGIN = re.compile(r"(?<=://)[^\s/?#@]+@")
"""Of an address: it goes to the server as a header, and an answer must not hold it."""
_USAGE = re.compile(rb'"total_tokens"\s*:\s*(\d{1,9})')
Client = httpx.Client
"""A connection pool; fixtures and suites name it by this, since only probes import httpx."""
OnChunk = Callable[[bytes, float], None]
"""Called with each piece of a body as it arrives, and milliseconds since the request was sent."""


@dataclass(frozen=True)
class HttpAnswer:
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    duration_ms: float
    """From sending the request to the last byte."""
    waited_ms: float = 0.0
    """Of that, how long we were ready and this machine had no processor for us (Linux)."""

    @property
    def theirs_ms(self) -> float:
        """Of the duration, what was not ours."""
        return max(0.0, self.duration_ms - self.waited_ms)

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:  # noqa: ANN401 (any JSON)
        """The body as JSON.

        Raises:
            EndpointFailedError: it is not JSON.
        """
        try:
            return json_value(self.body)
        except ValueError as error:
            raise EndpointFailedError(f"HTTP {self.status} with a body that is not JSON ({error})") from error


class _KeptConnectionClosedError(AnswerBrokeError):
    """A connection that was kept from an earlier request ended before anything of this one's answer."""


def open_client(*, keep_alive: bool = True) -> httpx.Client:
    """A client to share between probes: one connection pool, no redirects followed.

    Without `keep_alive` every request has a connection of its own, as a new visitor has.
    """
    # as many as are asked for: a request that waited for one of ours would look as if it waited for the answer
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None if keep_alive else 0)
    trusted = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    client = httpx.Client(
        verify=trusted, follow_redirects=False, limits=limits, headers={"accept-encoding": encodings.ASKED_FOR}
    )
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))  # what one check was told is no other's
    return deadline.bind(client)


@cache
def _trusted(file: str | None, folder: str | None) -> ssl.SSLContext:
    """The authorities that both variables name, or httpx's own; read once, which takes 20 ms."""
    del file, folder  # httpx reads them itself
    return httpx.create_ssl_context()


class Http:
    """Requests to one server."""

    def __init__(  # noqa: PLR0913 (whom, as whom, and where it is told)
        self,
        client: httpx.Client,
        base_url: str,
        key: Secret | None,
        context: ProbeContext,
        timeout_s: float,
        *,
        tells_keys: bool = False,
        refused: Callable[[HttpAnswer], bool] | None = None,
    ) -> None:
        """With `tells_keys` it gives keys away on purpose (a token service); for `refused` see `patient`."""
        self._client, self._key, self._context, self._tells_keys = client, key, context, tells_keys
        self.base_url, self.timeout_s, self._refused = base_url, timeout_s, refused

    def patient(self, refused: Callable[[HttpAnswer], bool] = is_refused) -> "Http":
        """The same server, where refusals for too many requests are waited out (`gonogo.probes.patience`).

        Not for answers that are read as they come: of each refusal the chunks would be read as well.
        """
        return Http(
            self._client, self.base_url, self._key, self._context, self.timeout_s,
            tells_keys=self._tells_keys, refused=refused,
        )  # fmt: skip

    def without_key(self) -> "Http":
        """The same server, asked without a key."""
        return self.with_key(None)

    def with_key(self, key: Secret | None) -> "Http":
        """The same server, asked with another key."""
        return Http(self._client, self.base_url, key, self._context, self.timeout_s, refused=self._refused)

    def remaining_s(self) -> float:
        """How long a request may still take, so that the run ends in time."""
        return self._context.remaining_s()

    def spend_tokens(self, tokens: int) -> None:
        """Take tokens from the run's budget, once it is known how many an answer cost.

        Raises:
            BudgetExhaustedError: that many are not left.
        """
        self._context.spend(0, tokens)

    def spend_told(self, answer: "HttpAnswer") -> None:
        """Take from the budget what an answer's usage tells; nothing where it tells none.

        Raises:
            BudgetExhaustedError: that many are not left.
        """
        told = _USAGE.findall(answer.body[-MAX_USAGE_BYTES:])
        self.spend_tokens(int(told[-1]) if told else 0)

    def note(self, observation: Observation) -> None:
        """Record what a probe above this one read out of an answer."""
        self._context.record(observation)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        """GET a path."""
        return self.send("GET", path, None, headers)

    def post(self, path: str, body: object, on_chunk: OnChunk | None = None) -> HttpAnswer:
        """POST JSON to a path."""
        return self.send("POST", path, _written(body), None, on_chunk)

    def send(  # noqa: PLR0913 (the parts of one exchange)
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        on_chunk: OnChunk | None = None,
        *,
        only_head: bool = False,
    ) -> HttpAnswer:
        """Send a request, read the answer to its end, record it.

        A server may close a connection that it kept just when the next request is on its way, or after so many of them:
        that says nothing of the request, so it is sent again on another one (RFC 9112, section 9.5).

        With `only_head` the first piece of the body is enough: what might go on for long is hung up on.

        Raises:
            EndpointFailedError: refused, reset, not HTTP, longer than the time limit or than `MAX_BODY_BYTES`.
            InconclusiveError: the name does not resolve, the request could not leave this machine, or somebody patient
                was answered 429 to the end.
            BudgetExhaustedError: the run's budget is used up.
        """

        def exchange() -> HttpAnswer:
            for _ in range(_MOST_KEPT):
                try:
                    return self._send_once(method, path, body, headers, on_chunk, only_head=only_head)
                except _KeptConnectionClosedError:
                    continue
            return self._send_once(method, path, body, headers, on_chunk, only_head=only_head)

        if self._refused is None:
            return exchange()
        return patiently(exchange, f"{method} {self.base_url}{path}", self._context.remaining_s, self._refused)

    def _send_once(  # noqa: PLR0913 (the parts of one exchange)
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        on_chunk: OnChunk | None,
        *,
        only_head: bool,
    ) -> HttpAnswer:
        self._context.spend(1, 0)
        url = self.base_url + path
        sent = dict(headers or {})
        if body is not None:
            sent.setdefault("content-type", "application/json")
        if self._key is not None:
            sent["authorization"] = f"Bearer {self._key.value}"
        limit = _Limit(self.timeout_s, self._context.remaining_s())
        started = time.perf_counter()
        status, received, chunks = 0, {}, []
        error, steps = "", set[str]()
        try:
            with self._translated(method, url, limit), deadline.within(limit.seconds), self._client.stream(
                method, url, content=body, headers=sent, timeout=limit.seconds,
                extensions={"trace": lambda step, _: steps.add(step), **_as_written(url)},
            ) as answer:  # fmt: skip
                status, received = answer.status_code, dict(answer.headers.items())
                for chunk in _pieces(answer, f"{method} {url}"):
                    chunks.append(chunk)
                    if on_chunk is not None:
                        on_chunk(chunk, (time.perf_counter() - started) * 1000)
                    if only_head:
                        break
        except (AssertionError, InconclusiveError) as failure:
            error = str(failure)
            if isinstance(failure, AnswerBrokeError) and not status and _CONNECTED not in steps:
                raise _KeptConnectionClosedError(error) from failure
            raise
        finally:
            took_ms = (time.perf_counter() - started) * 1000
            whole = HttpAnswer(status, received, b"".join(chunks), took_ms, limit.ours_ms)
            self._record(method, url, sent, body, whole, error)
        return whole

    @contextmanager
    def _translated(self, method: str, url: str, limit: "_Limit") -> Iterator[None]:
        """Failures of the wire, as what they mean for the verdict."""
        try:
            yield
        except httpx.ConnectError as error:
            if why := why_ours(error):
                raise InconclusiveError(f"{url}: {why}: {error}") from error
            raise EndpointFailedError(f"{method} {url}: cannot connect: {error}") from error
        except httpx.TimeoutException as error:
            kind = type(error).__name__
            raise limit.over(f"{method} {url}: no whole answer within {limit.seconds:g} s ({kind})") from error
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, httpx.ProxyError) as error:
            raise InconclusiveError(f"{method} {url}: the request cannot be sent: {error}") from error
        except httpx.HTTPError as error:
            raise AnswerBrokeError(f"{method} {url}: the answer broke: {error!r}") from error

    def _record(  # noqa: PLR0913, PLR0917 (the parts of one exchange)
        self, method: str, url: str, sent: Mapping[str, str], body: bytes | None, answer: HttpAnswer, error: str
    ) -> None:
        redactor = self._context.redactor
        text = body[:_MASKED_CHARACTERS].decode("utf-8", errors="replace") if body else ""
        said: dict[str, Any] = {"status": answer.status, "headers": redactor.headers(_shown(answer.headers))}
        said["body"] = redactor.text(answer.text[:_MASKED_CHARACTERS])[:_EVIDENCE_CHARACTERS]
        if error:
            said["error"] = redactor.text(error)
        if answer.status and not self._tells_keys:
            leaks = self._leaks(_LOGIN.sub("", url) + text, sent, answer)
            self._context.searched([redactor.text(f"{method} {url}: {leak}") for leak in leaks])
        self._context.record(
            Observation(
                probe="http",
                subject=redactor.text(f"{method} {url}"),
                duration_ms=round(answer.duration_ms, 3),
                request={"headers": redactor.headers(sent), "body": redactor.text(text)[:_EVIDENCE_CHARACTERS]},
                answer=said,
                repeat=redactor.text(self._curl(method, url, sent, redactor.text(text))),
            )
        )

    def _leaks(self, asked: str, sent: Mapping[str, str], answer: HttpAnswer) -> list[str]:
        """Secrets in an answer's head or body; what stood in the request's address or body is no secret to who sent it.

        What only has the shape of a secret counts in bodies: heads hold cookies and signed addresses of the caller.
        """
        redactor = self._context.redactor
        if redactor.contains_secret(asked):
            return []
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        own = any(redactor.contains_secret(text) for text in (answer.text, head))
        flaws = [f"the answer holds {OF_THE_TARGET}"] if own else []
        if _EXAMPLES.search(asked):
            return flaws
        known = "\n".join((asked, *sent.values()))
        shaped = {kind: None for kind, value in shapes_within(answer.text) if value not in known}
        return flaws + [f"the answer holds something of the shape of a secret ({kind})" for kind in shaped]

    def _curl(self, method: str, url: str, sent: Mapping[str, str], body: str) -> str:
        as_written = ["--path-as-is"] if _as_written(url) else []
        words = ["curl", "-sS", "-i", *as_written, "-X", method, shlex.quote(url)]
        for name, value in sent.items():
            if name == "authorization" and self._key is not None:
                words += ["-H", f'"authorization: Bearer {self._key.reference}"']
            else:
                shown = self._context.redactor.headers({name: value})[name]
                words += ["-H", shlex.quote(f"{name}: {shown}")]
        return " ".join([*words, "--data", shlex.quote(body[:_EVIDENCE_CHARACTERS])] if body else words)


def _as_written(url: str) -> dict[str, bytes]:
    """What makes httpx send a path with dot segments, which it would walk itself; empty for any other path."""
    try:
        parts = urlsplit(url)
    except ValueError:  # httpx tells what is wrong with it
        return {}
    if not {".", ".."} & set(parts.path.split("/")):
        return {}
    return {"target": urlunsplit(("", "", parts.path, parts.query, "")).encode()}


def _written(body: object) -> bytes:
    """JSON as people read it; what is no Unicode (half of a surrogate pair, as a model may say it) is escaped."""
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(body).encode()


@dataclass(frozen=True)
class _Limit:
    """How long one exchange may take."""

    endpoint_s: float
    remaining_s: float
    """Of the run."""
    waited_before_ms: float = field(default_factory=waited_ms)
    """For a processor, up to its beginning."""

    @property
    def seconds(self) -> float:
        """What comes first."""
        return round(max(_LEAST_S, min(self.endpoint_s, self.remaining_s)), 1)

    @property
    def ours_ms(self) -> float:
        """How long this machine had no processor for us since."""
        return waited_ms() - self.waited_before_ms

    def over(self, told: str) -> Exception:
        """What it means that it is over: a finding, unless the run had no more time to wait, or this machine none."""
        if self.remaining_s < self.endpoint_s:
            return BudgetExhaustedError(f"{told}; the run may take no longer")
        if (waited_s := self.ours_ms / 1000) > self.seconds / 2:
            return StarvedError(f"{told}; for {waited_s:.1f} s of that this machine had no processor for us")
        return EndpointFailedError(told)


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers for the evidence: servers may send thousands of them, and long ones."""
    shown = {name: value[:_HEADER_CHARACTERS] for name, value in islice(headers.items(), _HEADERS)}
    left_out = len(headers) - len(shown)
    return {**shown, "...": f"{left_out} more"} if left_out else shown


def _pieces(answer: httpx.Response, what: str) -> Iterator[bytes]:
    """The body as it arrives, its encoding undone; neither what arrives nor what it stands for is too much."""
    arrived = size = 0
    try:
        decoder = encodings.Decoder(answer.headers.get("content-encoding", ""))
        for raw in answer.iter_raw():
            arrived += len(raw)
            for piece in decoder.feed(raw):
                size += len(piece)
                if max(arrived, size) > MAX_BODY_BYTES:
                    raise EndpointFailedError(f"{what}: the answer is longer than {MAX_BODY_BYTES} bytes")
                yield piece
            if arrived > MAX_BODY_BYTES:
                raise EndpointFailedError(f"{what}: the answer is longer than {MAX_BODY_BYTES} bytes")
    except ValueError as error:
        raise AnswerBrokeError(f"{what}: the body cannot be read: {error}") from error

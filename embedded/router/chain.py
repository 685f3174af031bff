"""A request's way through a chain of fallbacks, each link a pool of deployments."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any

import httpx

from embedded.router.settings import Deployment, Settings
from embedded.switchboard import Switchboard
from embedded.tracing import outgoing

DONE = "[DONE]"
_ENDLESS_S = 1e9


class AttemptError(Exception):
    """A deployment failed a request."""


class TooLongError(AttemptError):
    """The prompt is too long for the deployment's model, which is no fault of it."""


class ExhaustedError(Exception):
    """Every link of the chain failed."""


@dataclass(frozen=True)
class Served:
    """Who answers, and what."""

    deployment: Deployment
    link: str
    attempts: int
    answer: dict[str, Any] | None = None
    events: AsyncIterator[str] | None = None
    """The data of a stream's events, the first content-bearing one among them already seen."""


class Chains:
    """All routes, who cools down among their deployments, and their weights as they are now."""

    def __init__(self, settings: Settings, board: Switchboard, client: httpx.AsyncClient) -> None:
        self._settings, self._board, self._client = settings, board, client
        self._failed: Counter[str] = Counter()
        self._cooling: dict[str, float] = {}
        self._weights: dict[str, dict[str, float]] = {}
        self._random = random.Random()  # noqa: S311 (a lottery, not a secret)

    def weigh(self, route: str, weights: Mapping[str, float]) -> None:
        """Set the weights of a route's pool while it runs."""
        if not self._board.on("canary-stuck"):
            self._weights[route] = dict(weights)

    def forget(self) -> None:
        """Nobody has failed, and the weights are those of the file."""
        self._failed.clear()
        self._cooling.clear()
        self._weights.clear()

    async def serve(self, name: str, asked: dict[str, Any]) -> Served:
        """Ask link after link, whole or streamed.

        Raises:
            ExhaustedError: none answers.
        """
        attempts, failure = 0, ""
        for link in self._links(name, streamed=bool(asked.get("stream"))):
            body = asked if link == name else self._as_fallback(asked)
            for deployment in self._candidates(link):
                attempts += 1
                try:
                    served = await self._attempt(link, deployment, body)
                except TooLongError as error:
                    failure = str(error)
                    if self._board.on("context-unmapped"):
                        raise ExhaustedError(failure) from error
                except AttemptError as error:
                    failure = str(error)
                    if link == name or not self._board.on("cooldown-first"):
                        self._note_failure(deployment)
                    self._stampede(name, body)
                else:
                    self._failed[deployment.name] = 0
                    return replace(served, attempts=attempts)
        raise ExhaustedError(failure or "every deployment cools down")

    def _links(self, name: str, *, streamed: bool) -> list[str]:
        board = self._board
        is_alone = board.on("fallback-none") or (streamed and board.on("fallback-unstreamed"))
        fallbacks = [] if is_alone else list(self._settings.routes[name].fallbacks)
        return [name, *(fallbacks[::-1] if board.on("fallback-swapped") else fallbacks)]

    def _tries(self) -> int:
        return (1 + self._settings.retries) * (2 if self._board.on("fallback-twice") else 1)

    def _as_fallback(self, asked: dict[str, Any]) -> dict[str, Any]:
        dropped = self._board.text("fallback-drops", "parameter")
        wanted = self._board.text("fallback-drops", "type")
        if wanted and asked.get(dropped, {}).get("type") != wanted:
            return asked
        return {name: value for name, value in asked.items() if name != dropped}

    def _candidates(self, link: str) -> Iterator[Deployment]:
        """Who is asked, each as often as it may be: the members of the pool that do not cool down, by their weights."""
        if self._board.on("wrong-provider"):
            yield list(self._settings.routes.values())[-1].pool[-1]
            return
        now = time.monotonic()
        pool = [one for one in self._settings.routes[link].pool if self._cooling.get(one.name, 0.0) <= now]
        while weights := [self._weight(link, one) for one in pool]:
            if not any(weights):
                return
            chosen = self._random.choices(pool, weights)[0]
            pool.remove(chosen)
            yield from [chosen] * self._tries()
            if self._board.on("pool-once"):
                return

    def _weight(self, link: str, one: Deployment) -> float:
        return 1.0 if self._board.on("pool-even") else self._weights.get(link, {}).get(one.name, one.weight)

    def _note_failure(self, deployment: Deployment) -> None:
        self._failed[deployment.name] += 1
        if self._failed[deployment.name] >= self._settings.allowed_fails and not self._board.on("cooldown-none"):
            endless = self._board.on("cooldown-endless")
            self._cooling[deployment.name] = time.monotonic() + (_ENDLESS_S if endless else self._settings.cooldown_s)
            self._failed[deployment.name] = 0

    def _stampede(self, name: str, body: dict[str, Any]) -> None:
        """Ask every fallback at once, for nothing."""
        if self._board.on("stampede"):
            for link in self._settings.routes[name].fallbacks:
                deployment = self._settings.routes[link].pool[0]
                request = self._request(deployment, {**body, "stream": False})
                _BACKGROUND.add(task := asyncio.ensure_future(self._client.send(request)))
                task.add_done_callback(_BACKGROUND.discard)

    async def call(self, base: str, deployment: Deployment) -> None:
        """Call another address with a deployment's key, as nobody should."""
        with suppress(httpx.HTTPError, httpx.InvalidURL):
            await self._client.post(f"{base}/chat/completions", headers=deployment.headers, timeout=1.0)

    def _request(self, deployment: Deployment, body: dict[str, Any]) -> httpx.Request:
        wait_s = self._settings.timeout_s
        if self._board.on("timeout-long"):
            wait_s = self._board.parameter("timeout-long", "delay_ms", 5000) / 1000
        return self._client.build_request(
            "POST", f"{deployment.url}/v1/chat/completions", json={**body, "model": deployment.model},
            headers={**deployment.headers, **outgoing()}, timeout=wait_s,
        )  # fmt: skip

    async def _attempt(self, link: str, deployment: Deployment, body: dict[str, Any]) -> Served:
        request = self._request(deployment, body)
        try:
            async with asyncio.timeout(self._settings.total_s * (4 if self._board.on("timeout-long") else 1)):
                if not body.get("stream"):
                    answer = await self._client.send(request)
                    return Served(deployment, link, 0, answer=self._read(answer))
                events = self._events(request)
                first = await _until_content(events)
                return Served(deployment, link, 0, events=_rejoined(first, events, hide=self._board.on("cut-hidden")))
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            raise AttemptError(f"{deployment.name}: {error!r}") from error

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        _expect_success(answer)
        if self._board.on("body-trusted"):
            return _or_raw(answer)
        body = answer.json()
        if not isinstance(body, dict) or body.get("error") or not body.get("choices"):
            raise AttemptError("HTTP 200 without choices")
        return body

    async def _events(self, request: httpx.Request) -> AsyncIterator[str]:
        answer = await self._client.send(request, stream=True)
        try:
            if answer.status_code != 200:
                await answer.aread()
            _expect_success(answer)
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    yield line.removeprefix("data:").strip()
        finally:
            await answer.aclose()


_BACKGROUND: set[asyncio.Future[Any]] = set()


def _expect_success(answer: httpx.Response) -> None:
    if answer.status_code == 400 and "context_length_exceeded" in answer.text:
        raise TooLongError("the prompt is too long")
    if answer.status_code != 200:
        raise AttemptError(f"HTTP {answer.status_code}")


async def _until_content(events: AsyncIterator[str]) -> list[str]:
    """The events up to the first that carries something; a stream without one has failed."""
    seen = []
    async for data in events:
        seen.append(data)
        if data == DONE:
            break
        chunk = json.loads(data)
        if chunk.get("error"):
            break
        if any(choice.get("delta", {}).get(part) for choice in chunk.get("choices", []) for part in _CONTENT):
            return seen
    raise AttemptError("a stream without content")


_CONTENT = ("content", "tool_calls", "reasoning_content")


async def _rejoined(first: list[str], events: AsyncIterator[str], *, hide: bool) -> AsyncIterator[str]:
    """The whole stream; one that breaks off ends in an error event, and without the done marker."""
    for data in first:
        yield data
    last = ""
    try:
        async with aclosing(events):  # type: ignore[type-var]
            async for data in events:
                yield (last := data)
    except (httpx.HTTPError, AttemptError):
        last = ""
    if last != DONE:
        yield DONE if hide else json.dumps({"error": {"message": "the stream broke off", "type": "server_error"}})


def _or_raw(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {"raw": answer.text}
    return body if isinstance(body, dict) else {"raw": answer.text}

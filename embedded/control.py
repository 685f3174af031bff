"""The control API that the scripted servers share: switch deviations on and off by name, read counters.

``GET /control/faults`` names them; ``PUT`` and ``DELETE /control/faults/<name>`` switch one; ``POST /control/reset``
switches all off; ``GET /control/counters`` tells what arrived. Loopback only, like everything embedded.
"""

from collections import Counter
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Controlled(Protocol):
    """What the control API needs of a server's switchboard."""

    requests: Counter[str]

    def switch_on(self, name: str, parameters: dict[str, Any]) -> None: ...  # noqa: D102
    def switch_off(self, name: str) -> None: ...  # noqa: D102
    def reset(self) -> None: ...  # noqa: D102
    def state(self) -> dict[str, dict[str, Any]]: ...  # noqa: D102


def control_routes(board: Controlled, known: dict[str, str]) -> list[Route]:
    """Routes under ``/control`` for a switchboard whose deviations are `known` (name to description)."""

    async def faults(_: Request) -> Response:
        return JSONResponse({"known": known, "on": board.state()})

    async def fault(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in known:
            return JSONResponse({"error": f"no fault is called {name}", "known": sorted(known)}, 404)
        if request.method == "PUT":
            board.switch_on(name, await request.json() if await request.body() else {})
        else:
            board.switch_off(name)
        return JSONResponse({"on": board.state()})

    async def reset(_: Request) -> Response:
        board.reset()
        return JSONResponse({"on": board.state()})

    async def counters(_: Request) -> Response:
        return JSONResponse(dict(board.requests))

    return [
        Route("/control/faults", faults),
        Route("/control/faults/{name}", fault, methods=["PUT", "DELETE"]),
        Route("/control/reset", reset, methods=["POST"]),
        Route("/control/counters", counters),
    ]

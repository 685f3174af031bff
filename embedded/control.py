"""The control API that the scripted servers share: switch deviations on and off by name, read counters.

``GET /control/faults`` names them; ``PUT`` and ``DELETE /control/faults/<name>`` switch one; ``POST /control/reset``
switches all off; ``GET /control/counters`` tells what arrived. Loopback only, like everything embedded.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from embedded.switchboard import Switchboard


def control_routes(board: Switchboard) -> list[Route]:
    """Routes under ``/control`` for a switchboard."""

    async def faults(_: Request) -> Response:
        return JSONResponse({"known": board.known, "on": board.state()})

    async def fault(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in board.known:
            return JSONResponse({"error": f"no fault is called {name}", "known": sorted(board.known)}, 404)
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

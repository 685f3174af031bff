"""Run a recording pass-through."""

import argparse

import uvicorn

from embedded.passthrough.app import build_app


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m embedded.passthrough", description=__doc__)
    parser.add_argument("--upstream", required=True, help="base URL of the server behind it")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--timeout-s", type=float, default=600.0, help="patience with the server (%(default)g)")
    options = parser.parse_args()
    app = build_app(options.upstream, options.timeout_s)
    uvicorn.run(app, host=options.host, port=options.port, log_level="critical", timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()

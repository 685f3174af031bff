"""Run the router."""

import argparse
from pathlib import Path

import uvicorn

from embedded.router.app import build_app
from embedded.router.settings import load_settings


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m embedded.router", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="its settings file, JSON")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    app = build_app(load_settings(options.settings.read_text(encoding="utf-8")))
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="critical", timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()

"""Run the agent."""

import argparse
from pathlib import Path

import uvicorn

from embedded.agent.app import build_app


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m embedded.agent", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where its database and its workspace are")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    app = build_app(options.folder)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()

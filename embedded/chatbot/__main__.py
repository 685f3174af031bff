"""Run the chatbot."""

import argparse
from pathlib import Path

import uvicorn

from embedded.chatbot.app import build_app, load_settings
from embedded.spanish import classifier


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m embedded.chatbot", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="chatbot.json")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    classifier()
    app = build_app(load_settings(options.settings.read_text(encoding="utf-8")))
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()

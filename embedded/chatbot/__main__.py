"""Run the chatbot."""

import argparse
import time
from pathlib import Path

import uvicorn

from embedded.chatbot.app import build_app, load_settings
from embedded.chatbot.switchboard import SLOW_START_S
from embedded.spanish import classifier


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m embedded.chatbot", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="chatbot.json")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    classifier()
    settings = load_settings(options.settings.read_text(encoding="utf-8"))
    if "slow-start" in settings.deviations:
        time.sleep(SLOW_START_S)
    app = build_app(settings)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()

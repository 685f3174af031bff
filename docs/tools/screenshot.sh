#!/usr/bin/env bash
# The README's picture: docs/tools/screenshot.sh reports/runs/<id>/report.html (needs Debian's chromium).
set -euo pipefail
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
  --disable-component-update --disable-sync --user-data-dir="$profile" --window-size=1100,1000 --hide-scrollbars \
  --screenshot="$(dirname "$0")/../report.png" "file://$(realpath "$1")" >/dev/null 2>&1

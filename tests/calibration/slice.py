"""Give the new provider of ``routed.yaml`` a slice of its model: ``python3 slice.py URL PERCENT``."""

import json
import sys
import urllib.request

url, percent = sys.argv[1], float(sys.argv[2])
body = json.dumps({"main": 100 - percent, "hosted": percent}).encode()
urllib.request.urlopen(urllib.request.Request(url, body, method="PUT"), timeout=5).close()  # noqa: S310 (loopback)

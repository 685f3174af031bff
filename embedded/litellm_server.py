"""Run LiteLLM's own command line, with its start-up shortened: a fifth of it is garbage collection while it imports.

What runs is LiteLLM unchanged; only Python's collector sleeps until the modules are there, and then keeps to moments at
which it can do no harm (`embedded.collector`).
"""

import gc
import os

# llama.cpp and uvicorn close a connection that was idle for 5 s; LiteLLM keeps it for two minutes, and a request
# that is sent in that moment fails
os.environ.setdefault("AIOHTTP_KEEPALIVE_TIMEOUT", "4")
gc.disable()
from litellm import run_server  # noqa: E402 (after the collector is off: that is the point)
from litellm.proxy import proxy_server  # noqa: E402, F401

from embedded.collector import collect_between_instructions  # noqa: E402

gc.freeze()
gc.enable()
collect_between_instructions()

if __name__ == "__main__":
    run_server()

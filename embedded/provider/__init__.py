"""A scripted model provider: deterministic text with true token timing, in the dialects that gateways talk to.

Run as ``python -m embedded.provider --dialect vllm|ollama|hosted --port N``. Deviations ("faults") are switched on by
name at run time through ``/control/faults/<name>``; see `switchboard.FAULTS` for the names.
"""

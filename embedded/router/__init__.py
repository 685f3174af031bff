"""A small gateway: chains of fallbacks over weighted pools, cooldown, cache in Redis, limits, queues.

It does right what gateways get wrong, and any of that can be switched off by name: so the checks of the suite routing
are proven on it, in a tenth of the time that a large gateway takes.
"""

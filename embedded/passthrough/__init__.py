"""A recording pass-through: stands before a server that counts nothing, notes what arrives, and can fail by name.

Point the gateway at it instead of at the provider (in staging), and name it in the target: ``control_url`` is its
``/control``, so attempts are counted where they arrive and faults can be switched on, whatever the provider is.
"""

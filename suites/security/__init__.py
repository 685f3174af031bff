"""Suite security: what must stay closed."""

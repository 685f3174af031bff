"""Suite cluster: what runs, and on what."""

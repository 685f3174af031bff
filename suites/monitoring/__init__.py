"""Suite monitoring: metrics and alerts."""

"""Suite routing: where requests go."""

"""Suite load: objectives under load."""

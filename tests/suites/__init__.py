"""What each check says of what was found: judgements that no fault on a small machine brings about in time."""

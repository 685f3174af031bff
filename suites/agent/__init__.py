"""Is the agent held back: by its tools, its policy, its approvals, and is everything that it does on record?"""

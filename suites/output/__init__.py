"""Suite output: the chatbot's answers."""

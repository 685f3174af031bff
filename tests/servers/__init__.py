"""The suite contract against real servers, all on loopback: Ollama, llama.cpp, and LiteLLM in front of both."""

module example.invalid/ollama-headers

go 1.26

require github.com/ollama/ollama v0.11.4

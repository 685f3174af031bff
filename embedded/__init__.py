"""The embedded deployment: a complete small chatbot stack on loopback, so that the gate can be tried and tested.

A separate program. It imports nothing of gonogo and nobody imports it: the gate knows it only through a target file
(``targets/embedded.yaml``) and the environment that ``python -m embedded up`` prints. Its parts: the real LiteLLM
gateway, a real llama.cpp server, a real Redis (or Valkey), three scripted providers (vLLM, Ollama, hosted inference
API) and a chatbot service, run by supervisor so that drills have something real to roll back.
"""

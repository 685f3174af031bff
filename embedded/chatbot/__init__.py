"""The chatbot service: ``POST /api/chat/message``, ``/api/chat/health``, ``/metrics``; the eight-field JSON answer.

Modes: ``mock`` (its own rules), ``hosted`` (a hosted inference API) and ``local`` (the gateway); the latter two fall
back to mock, and the answer then says so in the ``x-chatbot-mode`` header.
"""

"""Give the new provider of ``haproxy.cfg`` a slice of its backend: ``python3 slice.py SOCKET PERCENT``."""

import socket
import sys

path, percent = sys.argv[1], round(float(sys.argv[2]))
for server, weight in (("main", 100 - percent), ("hosted", percent)):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(f"set server canary/{server} weight {weight}\n".encode())
        answer = connection.recv(1000).decode().strip()
        if answer:
            sys.exit(answer)

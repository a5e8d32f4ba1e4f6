"""rush.py PORT CONNECTIONS SECONDS FILE: posts what FILE holds (a JSON list of whole HTTP requests) one after the
other over kept-alive connections to 127.0.0.1 in turn, spread evenly over SECONDS. A process of its own, so that what it
measures is not what else the test does. Prints one JSON object: how many were answered 200, how many otherwise, how long it
took, and how long each answer took, in milliseconds."""
import json
import socket
import sys
import time


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def answer(connection):
    """The answers have no body."""
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(4096)
        if not part:
            raise ConnectionError("the connection ended before the answer")
        head += part
    return head


def main():
    port, count, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    with open(sys.argv[4]) as file:
        requests = [request.encode() for request in json.load(file)]
    connections = [connect(port) for _ in range(count)]
    good, took, began = 0, [], time.perf_counter()
    for place, request in enumerate(requests):
        due = began + seconds * place / len(requests)
        while time.perf_counter() < due:
            pass
        start = time.perf_counter()
        connections[place % count].sendall(request)
        good += answer(connections[place % count]).startswith(b"HTTP/1.1 200 ")
        took.append((time.perf_counter() - start) * 1000)
    lasted = time.perf_counter() - began
    print(json.dumps({"good": good, "bad": len(requests) - good, "seconds": lasted, "took_ms": took}))


main()

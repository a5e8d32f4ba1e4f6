"""The smallest worker of LiveKit's agents: registers without a name and takes every room that it is offered. It never joins
one. The protocol is livekit_agent.proto as JSON in text frames of a WebSocket (RFC 6455)."""
import base64
import json
import os
import socket
import struct
import threading
import time

import livekit

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Worker:
    """`with Worker(port) as worker:`; `jobs` are the ids of those it took."""

    def __init__(self, port, agent_name=""):
        self.port, self.agent_name = port, agent_name
        self.registered, self.jobs = threading.Event(), []

    def __enter__(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.stream = self.socket.makefile("rb")
        now = int(time.time())
        token = livekit.jwt({"iss": livekit.KEY, "nbf": now - 10, "exp": now + 600, "video": {"agent": True}})
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET /agent HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                            f"Authorization: Bearer {token}\r\n\r\n".encode())
        status = self.stream.readline()
        assert b" 101 " in status, status
        while self.stream.readline().strip():
            pass
        self.socket.settimeout(None)
        threading.Thread(target=self.read, daemon=True).start()
        self.say({"register": {"type": "JT_ROOM", "agentName": self.agent_name, "version": "1"}})
        assert self.registered.wait(60), "LiveKit registers the worker"
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def send(self, kind, payload):
        mask = os.urandom(4)
        size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | kind]) + size + mask + masked)

    def say(self, message):
        self.send(TEXT, json.dumps(message).encode())

    def frame(self):
        kind, size = self.stream.read(2)
        if size == 126:
            size, = struct.unpack(">H", self.stream.read(2))
        elif size == 127:
            size, = struct.unpack(">Q", self.stream.read(8))
        return kind & 15, self.stream.read(size)

    def read(self):
        try:
            while True:
                kind, payload = self.frame()
                if kind == PING:
                    self.send(PONG, payload)
                elif kind == TEXT:
                    self.hear(json.loads(payload))
        except (OSError, ValueError):
            pass  # the end

    def hear(self, message):
        if "register" in message:
            self.registered.set()
        elif "availability" in message:
            self.jobs.append(message["availability"]["job"]["id"])
            self.say({"availability": {"jobId": self.jobs[-1], "available": True, "participantIdentity": "agent-x",
                                       "participantName": "x"}})

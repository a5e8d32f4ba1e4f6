"""Sends webhooks as LiveKit does: events of one room in order, each up to five times at 0, 1, 3, 7 and 15 s, again on a
transport error, 429 and 5xx except 501; kept-alive connections. And notes what came of it."""
import collections
import http.client
import queue
import socket
import threading
import time

import livekit

SCHEDULE = (0, 1, 3, 7, 15)


class Sender:
    """`with Sender(port) as sender: sender.send(*events)`; events of one room go to one worker. `wait` gives the tally."""

    def __init__(self, port, workers=16, keep_alive=True):
        self.port, self.keep_alive = port, keep_alive
        self.queues = [queue.Queue() for _ in range(workers)]
        self.lock = threading.Lock()
        self.tally = collections.Counter()
        self.threads = [threading.Thread(target=self.work, args=(q,), daemon=True) for q in self.queues]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for q in self.queues:
            q.put(None)
        for thread in self.threads:
            thread.join(40)

    def send(self, *events):
        for event in events:
            self.note("sent")
            self.queues[hash(event["room"]["name"]) % len(self.queues)].put(event)

    def note(self, what):
        with self.lock:
            self.tally[what] += 1

    def work(self, events):
        connection = None
        for event in iter(events.get, None):
            connection = self.deliver(event, connection)
        if connection is not None:
            connection.close()

    def deliver(self, event, connection):
        body = livekit.encode(event)
        headers = {"Content-Type": "application/webhook+json", "Authorization": livekit.webhook_token(body)}
        began = time.monotonic()
        for due in SCHEDULE:
            time.sleep(max(0.0, began + due - time.monotonic()))
            status, connection = self.attempt(body, headers, connection)
            if status == 200:
                self.note("answered")
                return connection
            if status is not None and status < 500 and status != 429:
                break
        self.note("lost")
        return connection

    def attempt(self, body, headers, connection):
        """(status or None, the connection to go on with). A kept-alive connection that was closed while it was idle is
        replaced at once, as Go's client does."""
        for fresh in (connection is None, True):
            used = connection if not fresh else http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                if fresh:
                    used.connect()
                    used.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                used.request("POST", "/webhooks/livekit", body, headers)
                answer = used.getresponse()
                answer.read()
                self.note(f"status {answer.status}")
                if self.keep_alive and not answer.will_close:
                    return answer.status, used
                used.close()
                return answer.status, None
            except ConnectionRefusedError:
                self.note("refused")
                return None, None
            except (OSError, http.client.HTTPException) as error:
                used.close()
                connection = None
                if fresh:
                    self.note(f"broken: {type(error).__name__}")
                    return None, None
                self.note("idle connection closed")
        return None, None

    def finished(self):
        with self.lock:
            return self.tally["answered"] + self.tally["lost"] == self.tally["sent"]

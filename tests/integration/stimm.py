"""A small Stimm: GET /api/agents/ over real HTTP, agents with the fields of Stimm's own answers and keys that must
never be seen again; it can be slow, wrong or away."""
import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-provider-key-of-stimm"


def agent(name, is_default=False, is_active=True):
    def provider(kind):
        return {"provider": f"{kind}.example", "api_key": f"{KEY}-{kind}", "config": {"api_key": f"{KEY}-nested"}}
    return {"id": str(uuid.uuid4()), "user_id": str(uuid.uuid4()), "name": name, "description": None,
            "system_prompt": f"You are {name}. {KEY}-prompt", "rag_config_id": None, "llm_provider": "llm.example",
            "tts_provider": "tts.example", "stt_provider": "stt.example", "llm_config": provider("llm"),
            "tts_config": provider("tts"), "stt_config": provider("stt"), "is_default": is_default,
            "is_active": is_active, "is_system_agent": False, "created_at": "2026-01-02T03:04:05",
            "updated_at": "2026-01-02T03:04:05"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        stimm = self.server.stimm
        stimm.requests.append(self.path)
        if stimm.delay_s:
            stimm.closing.wait(stimm.delay_s)
        status, body = stimm.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_):
        """Whoever asked has gone: that is what some tests are about."""


class Stimm:
    """`with Stimm(agent("a")) as stimm:`; stop() and start() again on the same port."""

    def __init__(self, *agents):
        self.agents, self.requests = list(agents), []
        self.delay_s, self.status, self.body = 0, 200, None
        self.port, self.server, self.closing = 0, None, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.closing.clear()
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.stimm, self.port = self, self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.closing.set()
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path):
        if self.body is not None:
            return self.status, self.body if isinstance(self.body, bytes) else self.body.encode()
        if self.status != 200:
            return self.status, json.dumps({"detail": f"{KEY}-in-an-error"}).encode()
        if path.partition("?")[0] != "/api/agents/":
            return 404, b'{"detail":"Not Found"}'
        limit = int(path.partition("limit=")[2] or 100)
        return 200, json.dumps(self.agents[:limit]).encode()

    def id_of(self, name):
        return next(one["id"] for one in self.agents if one["name"] == name)

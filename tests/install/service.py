"""What systemd would do for the installed service, in a root without it: start the unit's command as its user, restart it.

The maintainer scripts of the package speak to systemd through systemctl; a stand-in takes its place, notes what it was asked,
and restarts for good."""
import http.client
import json

import livekit
from daemon import wait_for
from servers import free_port

# The unit's own command line as the unit's user; process 1 takes in what it leaves behind.
START = r"""#!/bin/sh
unit=/usr/lib/systemd/system/sipbridge.service
echo $$ >/run/sipbridge.pid
exec setpriv --reuid="$(sed -n 's/^User=//p' "$unit")" --regid="$(sed -n 's/^Group=//p' "$unit")" --init-groups $(sed -n 's/^ExecStart=//p' "$unit") >>/run/sipbridge.log 2>&1
"""
SYSTEMCTL = r"""#!/bin/sh
echo "$*" >>/run/systemctl.log
case " $* " in
*" is-enabled "*) echo enabled ;;
*" restart "*)
  pid=$(cat /run/sipbridge.pid)
  kill "$pid"
  tail --pid="$pid" -f /dev/null
  rm /run/sipbridge.pid
  setsid /opt/start </dev/null >/dev/null 2>&1 &
  ;;
esac
"""


class Service:
    def __init__(self, root):
        self.root, self.port, self.admin_port = root, free_port(), free_port()
        root.write("opt/start", START, 0o755)

    def pretend_systemd(self):
        self.root.write("usr/bin/systemctl", SYSTEMCTL, 0o755)
        self.root.path("run/systemd/system").mkdir(parents=True)

    def asked(self):
        log = self.root.path("run/systemctl.log")
        return log.read_text().splitlines() if log.exists() else []

    def configure(self, *lines):
        """What an administrator writes into the settings that the package brought: the key, its secret, the agents' command."""
        file = self.root.path("etc/sipbridge/sipbridge.env")
        text = file.read_text()
        for name, value in (("LIVEKIT_API_KEY", livekit.KEY), ("LIVEKIT_API_SECRET", livekit.SECRET),
                            ("SIP_LISTEN", f"127.0.0.1:{self.port}"), ("SIP_ADMIN_LISTEN", f"127.0.0.1:{self.admin_port}")):
            before = [line for line in text.splitlines() if line.startswith(name + "=")]
            assert len(before) == 1, f"the example settings no longer have one line {name}="
            text = text.replace(before[0], f"{name}={value}")
        file.write_text(text + "\n".join(lines) + "\n")

    def start(self):
        self.root.run("sh", "-c", "setsid /opt/start </dev/null >/dev/null 2>&1 &")
        return self.wait_up()

    def pid(self):
        return self.root.path("run/sipbridge.pid").read_text().strip()

    def log(self):
        return self.root.path("run/sipbridge.log").read_text()

    def request(self, method, path, body=None, headers=None, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return None, b""
        finally:
            connection.close()

    def wait_up(self):
        """The health, once it is told."""
        status, body = wait_for(lambda: (got := self.request("GET", "/health/sip-bridge"))[0] and got, "the health is told")
        assert status == 200, self.log()
        return json.loads(body)

    def post(self, *events):
        """As LiveKit sends: again where nobody answers."""
        for event in events:
            body = livekit.encode(event)
            headers = {"Content-Type": "application/webhook+json", "Authorization": livekit.webhook_token(body)}
            status = wait_for(lambda: self.request("POST", "/webhooks/livekit", body, headers)[0], "the webhook is taken")
            assert status == 200, self.log()

    def calls(self):
        status, body = self.request("GET", "/health/sip-bridge-status", port=self.admin_port)
        assert status == 200, body
        return {call["sid"]: call for call in json.loads(body)["calls"]}

"""A real Prometheus (Debian package) on loopback that scrapes what a test names."""
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from daemon import wait_for
from servers import Server, find

SCRAPE_S = 0.5


class Prometheus(Server):
    def __init__(self, target, token=None):
        super().__init__("sb-prometheus-")
        self.target, self.token = target, token

    def start(self):
        config = self.dir / "prometheus.yml"
        access = f"\n    authorization: {{credentials: {self.token}}}" if self.token else ""
        config.write_text(f"global: {{scrape_interval: {int(SCRAPE_S * 1000)}ms}}\nscrape_configs:\n"
                          f"  - job_name: sipbridge{access}\n    static_configs: [{{targets: ['{self.target}']}}]\n")
        self.run([find("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={self.dir}/data",
                  f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"])
        wait_for(self.is_ready, "prometheus is ready")

    def is_ready(self):
        if not self.is_open():
            return False
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=60):
                return True
        except urllib.error.HTTPError:
            return False

    def query(self, expression):
        """[(labels, value)] of an instant query, without what is not a number."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(url, timeout=60) as answer:
            result = json.load(answer)["data"]
        samples = [(sample["metric"], float(sample["value"][1])) for sample in result["result"]]
        return [(labels, value) for labels, value in samples if value == value]

    def wait_for_value(self, expression, value, timeout=60):
        wait_for(lambda: [v for _, v in self.query(expression)] == [value], f"{expression} is {value}", timeout)


def promtool(*args, given=None):
    run = subprocess.run([find("promtool"), *map(str, args)], input=given, capture_output=True, timeout=60)
    return run.returncode, (run.stdout + run.stderr).decode()

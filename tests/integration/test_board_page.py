"""The live board in a real browser (headless Chromium): what a person sees of calls that come, talk and go."""
import os
import shutil
import statistics
import time

import livekit
import pytest
from daemon import wait_for
from livekit import Call
from test_board import Viewer, admin_port

MISSING = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
try:
    from selenium import webdriver
except ImportError:
    MISSING.append("selenium")

if MISSING:
    if os.environ.get("CI"):
        raise RuntimeError(f"missing: {', '.join(MISSING)} (deploy/packages.sh ci installs them)")
    pytest.skip(f"THE BOARD'S PAGE IS NOT TESTED, missing: {', '.join(MISSING)}", allow_module_level=True)

WATCH = """
window.appeared = {};
new MutationObserver(changes => { for (const c of changes) for (const n of c.addedNodes)
  if (n.dataset?.sid) window.appeared[n.dataset.sid] ??= Date.now(); }).observe(document.body, {childList: true, subtree: true});
"""


@pytest.fixture(scope="module")
def browser():
    options = webdriver.chrome.options.Options()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--host-resolver-rules=MAP board.test 127.0.0.1"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.chrome.service.Service(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


class Page:
    def __init__(self, browser, port):
        self.browser, self.port = browser, port
        self.look(1280, 800, "light")
        browser.get(f"http://127.0.0.1:{port}/board")
        self.wait("document.getElementById('health').dataset.status !== 'connecting'", "the page is fed")
        self.run(WATCH)

    def look(self, width, height, scheme):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.wait("innerWidth === arguments[0] && matchMedia(`(prefers-color-scheme: ${arguments[1]})`).matches",
                  "it looks like that", width, scheme)

    def run(self, script, *args):
        return self.browser.execute_script(script, *args)

    def value(self, expression, *args):
        return self.run(f"return {expression}", *args)

    def wait(self, expression, what, *args):
        return wait_for(lambda: self.value(expression, *args), what)

    def cells(self, sid):
        """(list it stands in, [text of its cells]); None when it is not shown."""
        return self.value("(row => row && [row.parentNode.id, [...row.cells].map(c => c.textContent)])"
                          "(document.querySelector(`[data-sid='${arguments[0]}']`))", sid)

    def wait_in(self, call, list_id):
        return wait_for(lambda: (self.cells(call.sid) or [None])[0] == list_id and self.cells(call.sid)[1],
                        f"{call.sid} is shown among {list_id}")

    def wait_known(self, call):
        """Its cells when the number that was called is among them."""
        return wait_for(lambda: (cells := self.wait_in(call, "ringing"))[1] != "–" and cells, f"{call.called} is shown")

    def complaints(self):
        return [entry for entry in self.browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


@pytest.fixture
def page(start, browser):
    made = []

    def open_page(**settings):
        daemon = start(SIP_ADMIN_LISTEN="127.0.0.1:0", **settings)
        made.append(Page(browser, admin_port(daemon)))
        return daemon, made[-1]
    yield open_page
    complaints = made[-1].complaints() if made and not getattr(made[-1], "broken", False) else []
    browser.get("about:blank")
    assert not complaints, complaints


def test_a_call_appears_changes_and_disappears(page):
    daemon, board = page()
    call = Call()
    daemon.post(*call.ringing())
    rings = board.wait_known(call)
    assert rings[0].endswith(" s") and rings[1].endswith("567") and "*" in rings[1]
    assert board.wait("document.title.startsWith('1 ringing')", "the title counts it")
    first = board.cells(call.sid)[1][0]
    wait_for(lambda: board.cells(call.sid)[1][0] != first, "the ring time grows")
    daemon.wait_agent(call)
    daemon.post(*call.answered())
    board.wait_in(call, "talking")
    assert board.value("document.getElementById('talking-count').textContent") == "1"
    daemon.post(*call.hung_up())
    ended = board.wait_in(call, "ends")
    assert ended[-1] == "the room is finished" or "left" in ended[-1]
    assert board.wait("document.getElementById('summary').textContent.startsWith('1 of 1 answered')", "the summary counts it")


def test_how_soon_a_call_appears(page, capsys):
    daemon, board = page()
    took, calls = [], [Call(caller=f"+1555{i:07d}") for i in range(20)]
    for call in calls:
        sent_ms = time.time() * 1000
        daemon.post(call.room_started())
        board.wait("window.appeared[arguments[0]]", "it is there", call.sid)
        took.append(board.value("window.appeared[arguments[0]]", call.sid) - sent_ms)
    took.sort()
    with capsys.disabled():
        print(f"\nboard: webhook to row: p50 {statistics.median(took):.0f} ms, p95 {took[18]:.0f} ms, 20 calls")
    for call in calls:
        daemon.post(call.room_finished())


@pytest.mark.parametrize("name", ["<img src=x onerror='window.hurt=1'>", "</td><script>window.hurt=1</script>",
                                  "\u202egnirts&amp;", "a" * 100])
def test_hostile_names_are_text(page, name):
    agents = lambda d: {name: d.entry()}  # noqa: E731
    daemon, board = page(rules=[{"pattern": "*", "agent_name": name}], agents=agents)
    call = Call(called=name[:60])
    daemon.post(*call.ringing())
    assert board.wait_known(call)[3] == name
    assert board.value("document.querySelectorAll('img, td script, td :not(span), td span *, .agent *').length") == 0
    assert board.value("window.hurt ?? 'unhurt'") == "unhurt"
    daemon.post(*call.hung_up())
    board.wait_in(call, "ends")


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_it_fits(page, width):
    name = "x" * 100
    daemon, board = page(rules=[{"pattern": "*", "agent_name": name}], agents=lambda d: {name: d.entry()})
    call, over = Call(called="+493023125000"), Call()
    for each in (over, call):
        daemon.post(*each.ringing())
    daemon.post(*over.hung_up())
    board.wait_in(call, "ringing")
    board.wait_in(over, "ends")
    colours = {}
    for scheme in ("light", "dark"):
        board.look(width, 900, scheme)
        colours[scheme] = board.value("getComputedStyle(document.body).backgroundColor")
        assert board.value("document.documentElement.scrollWidth <= window.innerWidth"), "nothing sticks out"
        sideways = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length"
        assert board.value(sideways) == 0, "no list scrolls sideways, however long its names are"
        board.wait("document.querySelector('#ringing .agent')?.offsetWidth >= 60", "of the agent something is left")
    assert colours["light"] != colours["dark"]
    daemon.post(*call.hung_up())


def test_trouble_says_what_to_do(page):
    daemon, board = page()
    assert board.value("document.getElementById('remedy').offsetHeight") == 0
    daemon.write("rules.json", '[{"pattern": }]')
    board.wait("document.getElementById('health').dataset.status === 'degraded'", "it says that something is wrong")
    assert board.value("document.getElementById('remedy').offsetHeight") > 0, "what to do is there without a mouse"
    assert board.value("document.querySelector('#remedy code').textContent") == "sipbridge rules check"
    assert board.value("document.title").startswith("degraded · ")
    daemon.write("rules.json", "[]")
    board.wait("document.getElementById('health').dataset.status === 'healthy'", "it is mended")
    assert board.value("document.getElementById('remedy').offsetHeight") == 0


def test_keyboard_and_screen_reader(page):
    _, board = page()
    unnamed = board.value("[...document.querySelectorAll('section, [role=region]')].filter("
                          "e => !document.getElementById(e.getAttribute('aria-labelledby'))?.textContent.trim()).length")
    assert unnamed == 0
    assert board.value("document.documentElement.lang") == "en"
    assert board.value("document.getElementById('health').getAttribute('role')") == "status"
    reached = set()
    for _ in range(12):
        board.browser.switch_to.active_element.send_keys(webdriver.common.keys.Keys.TAB)
        reached.add(board.value("document.activeElement.getAttribute('aria-labelledby')"))
    assert {"ringing-title", "talking-title", "ends-title", "errors-title"} <= reached


def test_five_hundred_calls(page, capsys):
    """Each frame that came late is counted while all of them ring and their times grow."""
    daemon, board = page(rules=[], agents=lambda d: {"nobody": {"command": ["/nonexistent"]}})
    calls = [Call(caller=f"+1555{i:07d}") for i in range(500)]
    for call in calls:
        daemon.post(call.room_started())
    board.wait("document.querySelectorAll('#ringing tr').length === 500", "all are shown")
    last = "document.querySelector('#ringing tr:last-child .time').textContent"
    before = board.value(last)
    board.wait(f"{last} !== arguments[0]", "what is out of view is written too, now and then", before)
    board.run("document.querySelector('.ringing .scroll').scrollTop = 1e6")
    before = board.value(last)
    board.wait(f"{last} !== arguments[0]", "what is scrolled into view grows", before)
    board.run("window.gaps = []; let last = performance.now(); (function frame() { const now = performance.now();"
              "window.gaps.push(now - last); last = now; if (window.gaps.length < 120) requestAnimationFrame(frame); })()")
    gaps = sorted(board.wait("window.gaps.length >= 120 && window.gaps", "120 frames"))
    with capsys.disabled():
        print(f"\nboard: 500 calls ring: frames every {statistics.median(gaps):.0f} ms, p95 {gaps[113]:.0f} ms")
    for call in calls:
        daemon.post(call.room_finished())
    board.wait("document.querySelectorAll('#ringing tr').length === 0", "all are gone")


def test_it_says_nothing_of_calls_before_it_knows_any(page):
    _, board = page()
    board.broken = True  # the browser complains of the refused requests
    shown = "document.getElementById('lists').offsetHeight"
    assert board.value(shown) > 0
    board.browser.get(f"http://board.test:{board.port}/board")
    board.wait("!document.getElementById('door').hidden", "it asks for a token")
    assert board.value(shown) == 0
    give = "document.getElementById('token').value = arguments[0]; document.querySelector('#door button').click()"
    board.run(give, "nonsense")
    board.wait("document.getElementById('message').textContent.startsWith('this token does not open it')", "it is refused")
    board.run(give, livekit.operator_token("reader"))
    board.wait("document.getElementById('health').dataset.status === 'healthy'", "it is let in")
    assert board.value(shown) > 0


def test_one_too_many_is_told_why(page):
    daemon, board = page()
    board.browser.get("about:blank")
    board.broken = True
    looking = [Viewer(board.port) for _ in range(50)]
    board.browser.get(f"http://127.0.0.1:{board.port}/board")
    board.wait("document.getElementById('remedy').textContent.startsWith('Close one of the others')", "it says so")
    for viewer in looking:
        viewer.close()
    board.wait("document.getElementById('health').dataset.status === 'healthy'", "it gets a place when there is one")


def test_the_bridge_goes_and_comes_back(page):
    daemon, board = page()
    board.broken = True  # the browser complains of the refused connection
    daemon.settings["SIP_ADMIN_LISTEN"] = f"127.0.0.1:{board.port}"
    daemon.stop()
    board.wait("document.getElementById('health').dataset.status === 'gone'", "it says that the bridge is gone")
    said = board.value("document.getElementById('message').textContent")
    assert " is of " in said and board.value("document.title") == "gone · sipbridge"
    assert "systemctl status" in board.value("document.getElementById('remedy').textContent")
    board.run("window.tries = 0; const ask = window.fetch; window.fetch = (...a) => { window.tries++; return ask(...a); };")
    board.wait("window.tries >= 3", "it looks for the bridge again and again")
    later = board.value("document.getElementById('message').textContent")
    assert later.split(" is of ")[1] == said.split(" is of ")[1], "the page grows no younger by that"
    daemon.start()
    board.wait("document.getElementById('health').dataset.status === 'healthy'", "it finds the bridge again")
    call = Call()
    daemon.post(*call.ringing())
    board.wait_in(call, "ringing")
    daemon.post(*call.hung_up())

"""Headless Chromium, driven over its debugging protocol as a person would: mouse, wheel and keys."""

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager, suppress
from itertools import count

import websocket

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")
ALONE = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND")
BUTTONS = {"left": 1, "right": 2}
PATIENCE_S = 60
LEAVING = ("navigated or closed", "context was destroyed", "Cannot find context", "Cannot find default")


class PageChangesError(AssertionError):
    """A page was asked while another took its place; the next one can be asked again."""


class Browser:
    """One page.

    Attributes
    ----------
    complaints : list of str
        What the console, the policy and uncaught errors said since the page was opened.
    requests : list of str
        What it asked for, but for itself and what it holds.
    """

    def __init__(self, socket):
        self.socket, self.ids, self.page = socket, count(), None
        self.complaints, self.requests, self.loaded = [], [], False
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        """Send one command; what was told meanwhile is kept."""
        number = next(self.ids)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (told := json.loads(self.socket.recv())).get("id") != number:
            self._hear(told)
        if "error" in told:
            leaving = any(sign in told["error"]["message"] for sign in LEAVING)
            raise (PageChangesError if leaving else AssertionError)(told)
        return told["result"]

    def open(self, path, width=1280, height=900, scheme="light", scale=1):
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", features=media)
        screen = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **screen)
        self.page, self.loaded, self.complaints, self.requests = path.as_uri(), False, [], []
        self.ask("Page.navigate", url=self.page)
        while not self.loaded:
            self._hear(json.loads(self.socket.recv()))

    def value(self, script):
        """What a script gives, awaited; the page's policy does not hold it back."""
        done = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def until(self, script):
        """Wait until a script gives something true, also on the page that comes next, and return it."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(PageChangesError):
                if found := self.value(script):
                    return found
            time.sleep(0.02)
        raise AssertionError(f"not true within {PATIENCE_S} s: {script}")

    def mouse(self, kind, x, y, button="none", **more):
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, **more)

    def drag(self, start, stop=None, button="left"):
        """Press at a point, move to another, release; without another it is a click."""
        self.mouse("mousePressed", *start, button, buttons=BUTTONS[button], clickCount=1)
        if stop:
            self.mouse("mouseMoved", *stop, button, buttons=BUTTONS[button])
        self.mouse("mouseReleased", *(stop or start), button, clickCount=1)

    def key(self, name):
        text = {"text": name} if len(name) == 1 else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=name, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=name)

    def picture(self, path):
        """Save what is seen, the whole page."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _hear(self, told):
        method, params = told.get("method"), told.get("params", {})
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if url.partition("#")[0] != self.page and not url.startswith("data:"):
                self.requests.append(url)
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            if params.get("entry", {}).get("source") != "rendering":  # that tests read pixels often, which is slow
                self.complaints.append(json.dumps(params))


@contextmanager
def browser(profile):
    """Start Chromium with a profile folder of its own."""
    options = (*ALONE, *QUIET, f"--user-data-dir={profile}", "--remote-debugging-port=0", "--remote-allow-origins=*")
    log = subprocess.DEVNULL
    process = subprocess.Popen([CHROMIUM, *options, "about:blank"], stdout=log, stderr=log, start_new_session=True)
    try:
        port, deadline = profile / "DevToolsActivePort", time.monotonic() + PATIENCE_S
        while not (port.exists() and len(port.read_text().split()) == 2):
            assert process.poll() is None and time.monotonic() < deadline, "Chromium did not start"
            time.sleep(0.05)
        yield Browser(_socket(port.read_text().split()[0]))
    finally:
        process.terminate()
        process.wait(30)


def _socket(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=PATIENCE_S) as answer:
        page = next(target for target in json.load(answer) if target["type"] == "page")
    return websocket.create_connection(page["webSocketDebuggerUrl"], timeout=PATIENCE_S)

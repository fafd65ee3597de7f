"""A real headless Chromium, spoken to over its debugging pipe: what a person sees of a page, and what it reached for.

    with Chromium() as browser:
        browser.open("file:///…/report.html", width=390, dark=True)
        browser.evaluate("document.title")
        browser.screenshot(path)
"""

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from .npm import Unavailable

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 60


class Chromium:
    """One browser with one page, in a home of its own. `requests` and `complaints` are of the page that is open."""

    def __init__(self):
        if not PROGRAM:
            raise Unavailable("chromium is not on PATH: apt-get install chromium")
        self.home = Path(tempfile.mkdtemp(prefix="dh-chromium-"))
        self._ids = itertools.count(1)
        self._rest = b""
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._start()
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")

    def _start(self) -> None:
        theirs_in, self._write = os.pipe()
        self._read, theirs_out = os.pipe()
        # Chromium reads descriptor 3 and writes 4.
        wire = f"exec 3<&{theirs_in} 4>&{theirs_out}; exec \"$0\" \"$@\""
        argv = [PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--remote-debugging-pipe", f"--user-data-dir={self.home}/profile", "--hide-scrollbars"]  # fmt: skip
        env = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TMPDIR": str(self.home)}
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", wire, *argv], env=env, pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self.session = ""

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_exc) -> None:
        with contextlib.suppress(OSError, AssertionError):
            self.session = ""
            self._call("Browser.close")
        for fd in (self._read, self._write):
            os.close(fd)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    # what a person does and sees

    def open(self, url: str, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Loads the page anew in a window of this size."""
        self.requests, self.complaints = [], []
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                   mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.navigate", url=url)
        deadline = time.monotonic() + PATIENCE
        while self.evaluate("document.readyState + location.href") != f"complete{url}":
            assert time.monotonic() < deadline, f"{url} does not load"
            time.sleep(0.05)

    def evaluate(self, expression: str):
        done = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def screenshot(self, path: Path, whole: bool = True) -> None:
        made = self._call("Page.captureScreenshot", captureBeyondViewport=whole, **self._clip(whole))
        path.write_bytes(base64.b64decode(made["data"]))

    def _clip(self, whole: bool) -> dict:
        if not whole:
            return {}
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 8000), "scale": 1}}

    def pdf(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("Page.printToPDF", printBackground=False)["data"]))

    # the protocol

    def _call(self, method: str, **params):
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            said = self._next(deadline, method)
            self._note(said)
            if said.get("id") == number:
                assert "error" not in said, (method, said["error"])
                return said["result"]

    def _next(self, deadline: float, method: str) -> dict:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no answer to {method} (exit status {self.process.poll()})"
            data = os.read(self._read, 1 << 16)
            assert data, f"chromium ended with {self.process.wait(10)}"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        return json.loads(line)

    def _note(self, said: dict) -> None:
        params = said.get("params", {})
        if said.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif said.get("method") == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif said.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))

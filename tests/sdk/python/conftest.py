"""A running Cornet, a receiver, and the official Svix SDK as its client, for the tests in this folder."""

import http.server
import os
import re
import select
import subprocess
import threading
import time
from types import SimpleNamespace

import pytest
from svix.api import Svix, SvixOptions

KEY = "sdk-suite-key-0123456789-0123456789-0123456789"
PATIENCE_SECONDS = 30


class Server:
    """One cornet process on a data directory."""

    def __init__(self, data_dir):
        self.data_dir = data_dir
        self.process = None
        self.url = None

    def start(self):
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "CORNET_API_KEY": KEY,
            "CORNET_ALLOW_NETWORKS": "127.0.0.0/8",
            "CORNET_RETRY_SCHEDULE": "50ms,50ms",
        }
        command = [os.environ["CORNET_BIN"], "serve", "--listen", "127.0.0.1:0", "--data-dir", str(self.data_dir)]
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.url = "http://" + self._read_address()
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        return self

    def _read_address(self):
        written, deadline = b"", time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if not select.select([self.process.stderr], [], [], 1)[0]:
                continue
            chunk = os.read(self.process.stderr.fileno(), 65536)
            written += chunk
            for line in written.decode(errors="replace").splitlines():
                if '"message":"serving"' in line:
                    found = re.search(r'"address":"([^"]+)"', line)
                    if found:
                        return found.group(1)
            if not chunk:
                break
        raise AssertionError("the server did not come to serve; it wrote:\n" + written.decode(errors="replace"))

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE_SECONDS) == 0


class Receiver:
    """Records every request; answers as told for each path, 204 else. The last reply of a path stays."""

    def __init__(self):
        self.requests = []
        self.replies = {}
        self.more = threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver.more:
                    receiver.requests.append(SimpleNamespace(path=self.path, headers=headers, body=body))
                    replies = receiver.replies.get(self.path, [204])
                    status = replies.pop(0) if len(replies) > 1 else replies[0]
                    receiver.more.notify_all()
                text = b"" if status == 204 else b"said %d" % status
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def wait_for(self, path, count):
        """Waits for the count-th request to a path; returns all of them."""
        with self.more:
            arrived = lambda: [request for request in self.requests if request.path == path]
            assert self.more.wait_for(lambda: len(arrived()) >= count, PATIENCE_SECONDS), f"{count} requests to {path}"
            return arrived()


def until(what, look):
    """Asks the server again and again until it shows what is expected."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.005)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("cornet") / "data").start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


@pytest.fixture
def svix(server):
    return Svix(KEY, SvixOptions(server_url=server.url, retry_schedule=[]))


@pytest.fixture
def app(svix, request):
    """An application of the test's own."""
    from svix.api import ApplicationIn

    name = re.sub(r"[^A-Za-z0-9_.-]", "-", request.node.name)[:200]
    return svix.application.create(ApplicationIn(name=name, uid=name)).id


def pytest_terminal_summary(terminalreporter):
    count = lambda *names: sum(len(terminalreporter.stats.get(name, [])) for name in names)
    failed = count("failed", "error")
    print(f"\n{count('passed')} passed, {failed} failed, {count('skipped', 'xfailed', 'xpassed', 'deselected')} skipped")

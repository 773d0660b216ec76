"""JupyterLab's own server opens every notebook and runs it cell by cell, as its users do."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
TOKEN = "for-this-test-alone"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address of a JupyterLab that was started headless in the repository."""
    runtime = tmp_path_factory.mktemp("jupyter")
    environment = os.environ | {"JUPYTER_RUNTIME_DIR": str(runtime), "JUPYTER_CONFIG_DIR": str(runtime)}
    environment.pop("MPLBACKEND", None)
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += ["--ServerApp.port=0", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={ROOT}"]
    log = open(runtime / "log", "w")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT)
    deadline = time.monotonic() + 120
    while not (found := list(runtime.glob("jpserver-*.json"))):
        assert process.poll() is None and time.monotonic() < deadline, (runtime / "log").read_text()
        time.sleep(0.2)
    port = json.loads(found[0].read_text())["port"]
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(30)
    log.close()


def ask(server, path, method="GET", body=None):
    data = json.dumps(body).encode() if body is not None else None
    headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
    asked = urllib.request.Request(f"http://{server}{path}", data=data, headers=headers, method=method)
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except (ConnectionError, urllib.error.URLError):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def execute(socket, code):
    """Run one cell; return its error, or None."""
    identity = uuid.uuid4().hex
    header = {"msg_id": identity, "msg_type": "execute_request", "username": "", "session": "test", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    socket.send(json.dumps(message))
    while True:
        answer = json.loads(socket.recv())
        if answer["parent_header"].get("msg_id") == identity and answer["header"]["msg_type"] == "execute_reply":
            return None if answer["content"]["status"] == "ok" else answer["content"].get("evalue", "aborted")


def run(server, name):
    """Run a notebook's cells one after another; return the first that fails with its error, or None."""
    import websocket

    notebook = ask(server, f"/api/contents/notebooks/{name}")["content"]
    session = {"path": f"notebooks/{name}", "name": name, "type": "notebook", "kernel": {"name": "python3"}}
    session = ask(server, "/api/sessions", "POST", session)
    kernel = session["kernel"]["id"]
    address = f"ws://{server}/api/kernels/{kernel}/channels?token={TOKEN}"
    socket = websocket.create_connection(address, timeout=300)
    try:
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code" and (error := execute(socket, cell["source"])) is not None:
                return cell["source"], error
        return None
    finally:
        socket.close()
        ask(server, f"/api/sessions/{session['id']}", "DELETE")


@pytest.fixture(scope="module")
def running(server, request):
    """Every notebook that is asked for, in a kernel of its own, two at a time."""
    names = [item.callspec.params["name"] for item in request.session.items if item.path == request.path]
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(run, server, name) for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs_in_jupyterlab(running, name):
    assert running[name].result() is None

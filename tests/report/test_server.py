"""The live page: to this machine, by its own name, reading alone; and it grows with the store."""

import http.client
import json
import signal
import subprocess
import sys
import threading

import pytest

from explorer.errors import AnalysisError
from explorer.report import View
from explorer.report.live import Live
from explorer.report.server import server
from tests.figures.stores import make
from tests.report.stores import members, publish, rows

EARLY, LATE = members(sparsity=(0.3, 0.4, 0.5)), members(sparsity=(0.6, 0.7))


def served(address, names=()):
    """A server in a thread of this process."""
    serving = server(Live(str(address), View()), "127.0.0.1", 0, names)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    return serving


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("store")
    publish(place, EARLY)
    return place


@pytest.fixture(scope="module")
def serving(place):
    running = served(place, ["explorer.example"])
    yield running
    running.shutdown()
    running.server_close()


def ask(serving, path="/", method="GET", host=None):
    host_name, port = serving.server_address[:2]
    connection = http.client.HTTPConnection(host_name, port, timeout=30)
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9", "127.0.0.1:1", "[::1]:8765", "explorer.example", "explorer.example:80"]
)
def test_its_own_names_are_answered_on_any_port(serving, host):
    assert ask(serving, "/status.json", host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "10.0.0.1", " ", "[::2]"]
)
@pytest.mark.parametrize("path", ["/", "/status.json", "/data.json"])
def test_other_names_are_refused(serving, host, path):
    status, _, text = ask(serving, path, host=host)
    assert status == 421
    assert b"cell" not in text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
def test_nothing_but_get_is_answered(serving, method):
    status, headers, text = ask(serving, method=method)
    assert (status, headers["Allow"], text) == (405, "GET", b"")


@pytest.mark.parametrize(
    "path", ["/../store.json", "/store.json", "/cell/", "/cell/..%2Fx", "/cell/'", "/cell/" + "a" * 500]
)
def test_what_is_not_there_is_not_found(serving, path):
    assert ask(serving, path)[0] == 404


def test_answers_allow_nothing_to_others(serving):
    for path in ("/", "/status.json", "/data.json", "/nothing"):
        headers = ask(serving, path)[1]
        assert "Access-Control-Allow-Origin" not in headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_cell_is_given_on_demand(serving):
    status, _, text = ask(serving, f"/cell/{EARLY[0].key}")
    assert status == 200
    assert json.loads(text)["curve"] == {"step": [1, 2], "loss": [0.5, 0.25]}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_other_machines_are_not_served_unless_told(place, host):
    with pytest.raises(AnalysisError, match="--allow-host"):
        server(Live(str(place), View()), host, 0)


def test_a_port_in_use_is_one_error(serving, place):
    with pytest.raises(AnalysisError, match="choose another with --port"):
        server(serving.live, "127.0.0.1", serving.server_address[1])


def test_an_empty_store_has_a_page_that_fills(visit, tmp_path):
    make(tmp_path, [])
    running = served(tmp_path)
    try:
        page = visit(running.url, offline=False)
        page.wait_for_selector("#nothing:has-text('No cells yet.')")
        publish(tmp_path, EARLY)
        page.wait_for_selector("#diagram canvas")
        assert page.input_value("#value") == "localization"
        assert page.input_value("#x") == "sparsity"
    finally:
        running.shutdown()
        running.server_close()


def test_new_cells_appear_and_the_choice_stays(visit, tmp_path):
    publish(tmp_path, EARLY)
    running = served(tmp_path)
    try:
        page = visit(running.url, offline=False)
        page.wait_for_selector("html[data-opened]")
        assert page.get_attribute("#picture", "src").startswith("data:image/png")
        page.select_option("#value", "loss")
        page.get_by_label("start", exact=True).select_option("identity")
        page.select_option("#cell-x", "0.5")
        page.focus("#cell-x")
        assert page.locator("#cell-x option").count() == 3
        publish(tmp_path, LATE, pack="late")
        page.wait_for_selector("#cell-x option:nth-child(5)", state="attached")
        assert "40" in page.inner_text("#facts")
        assert page.input_value("#value") == "loss"
        assert page.get_by_label("start", exact=True).input_value() == "identity"
        assert page.input_value("#cell-x") == "0.5"
        assert page.evaluate("document.activeElement.id") == "cell-x"
        page.select_option("#cell-x", "0.7")
        keys = [c.key for c in LATE if c.settings["sparsity"] == 0.7]
        page.wait_for_function("keys => keys.includes(document.documentElement.dataset.opened)", arg=keys)
        assert page.locator("#picture").is_visible()
    finally:
        running.shutdown()
        running.server_close()


def test_a_page_asks_for_what_is_new_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("explorer.report.live.FEWEST_SECONDS", 0.0)
    publish(tmp_path, EARLY)
    running = served(tmp_path)
    try:
        first = json.loads(ask(running, "/data.json")[2])
        assert len(first["keys"]) == len(EARLY)
        publish(tmp_path, LATE, pack="late")
        mark = first["mark"]
        while mark == first["mark"]:
            mark = json.loads(ask(running, "/status.json")[2])["mark"]
        news = json.loads(ask(running, f"/data.json?since={first['mark']}")[2])
        assert {*news["keys"]} == {cell.key for cell in LATE}
        assert (news["since"], news["mark"], news["live"]) == (first["mark"], mark, True)
        for path in ("/data.json", "/data.json?since=", "/data.json?since=x", "/data.json?since=%00&since=x"):
            whole = json.loads(ask(running, path)[2])
            assert ("since" in whole, len(whole["keys"])) == (False, len(EARLY) + len(LATE))
    finally:
        running.shutdown()
        running.server_close()


def test_a_cell_that_is_trained_again_loses_its_error(visit, tmp_path):
    chosen = members(sparsity=0.5, rate=1.0, init="random", seed=0)
    publish(tmp_path, chosen, rows(chosen, status="failed", error="RuntimeError: no"), kept=False)
    running = served(tmp_path)
    try:
        page = visit(running.url, offline=False)
        page.wait_for_selector("#error:has-text('RuntimeError: no')")
        assert not page.locator("#picture").is_visible()
        publish(tmp_path, chosen, pack="again")
        page.wait_for_selector("#picture", state="visible")
        assert not page.locator("#error").is_visible()
        assert "converged" in page.inner_text("#opened")
    finally:
        running.shutdown()
        running.server_close()


def test_a_store_that_cannot_be_read_leaves_what_was_there(tmp_path):
    publish(tmp_path, EARLY)
    live = Live(str(tmp_path), View())
    before = live.data()["keys"]
    (tmp_path / "store.json").unlink()
    said = live.look()
    assert "cannot be read now" in said["news"]
    assert live.data()["keys"] == before


def test_the_command_prints_its_address_and_ends_on_interrupt(place):
    running = subprocess.Popen(
        [sys.executable, "-m", "explorer.cli", "serve", str(place), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        connection.request("GET", "/")
        assert connection.getresponse().read().startswith(b"<!DOCTYPE html>")
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 0
    assert "Traceback" not in said
    assert host == "127.0.0.1"

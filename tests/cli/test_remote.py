"""Every verb over a server: the same output and the same exit codes as over the database itself."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from stepwell import App
from tests.client.deploys import pinned_to
from tests.client.serving import served

Invoke = Callable[..., Result]


@contextmanager
def server_of(app: App, **options: Any) -> Iterator[str]:
    """Serve the app from a thread, as another process would; its URL."""
    started = threading.Event()
    state: dict[str, Any] = {}

    async def main() -> None:
        done = asyncio.Event()
        async with app, served(app, **options) as url:
            state.update(url=url, loop=asyncio.get_running_loop(), done=done)
            started.set()
            await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert started.wait(60)
    try:
        yield state["url"]
    finally:
        state["loop"].call_soon_threadsafe(state["done"].set)
        thread.join()


@pytest.fixture(scope="module")
def server(filled: str, shop: Any) -> Iterator[str]:
    """A server over the filled database, which only reads it."""
    with server_of(App(filled, like=shop.app, mode="client")) as url:
        yield url


@pytest.fixture
def works(url: str, shop: Any) -> Iterator[str]:
    """A server with a worker, over a database of its own."""
    with server_of(App(url, like=shop.app)) as there:
        yield there


READS: list[tuple[str, ...]] = [
    ("runs", "list"),
    ("runs", "list", "-s", "failed", "-s", "succeeded", "--limit", "1"),
    ("runs", "list", "-t", "team=b", "-w", "approval"),
    ("runs", "list", "--id-prefix", "l", "--since", "1h"),
    ("runs", "show", "good"),
    ("runs", "show", "bad"),
    ("runs", "show", "asks"),
    ("workers", "list"),
    ("runs", "logs", "good"),
]


def findings(result: Result) -> dict[str, tuple[str, str]]:
    return {f["what"]: (f["level"], f["text"]) for f in json.loads(result.stdout)["findings"]}


def test_the_doctor_examines_the_server_that_is_meant(
    stepwell: Invoke, server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEPWELL_API_URL", server)
    examined = stepwell("doctor", "--json")
    assert examined.exit_code == 0, examined.stdout
    found = findings(examined)
    assert found["server"][0] == "ok"
    assert server in found["server"][1]
    assert found["key"] == ("ok", "none is needed from here")
    assert {"workers", "queue", "parked", "versions", "clocks"} <= set(found)
    assert "database" not in found
    assert findings(stepwell("doctor", "--server", server, "--json"))["server"] == found["server"]


def test_the_doctor_says_that_a_server_does_not_answer(stepwell: Invoke) -> None:
    examined = stepwell("doctor", "--server", "http://127.0.0.1:9", "--json")
    assert examined.exit_code == 1
    assert findings(examined)["server"][0] == "fail"
    assert "does not answer" in findings(examined)["server"][1]


def test_the_doctor_says_whom_the_server_takes_it_for(
    stepwell: Invoke, works: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = stepwell("keys", "create", "ci", "--scope", "read", "-u", url).stdout.strip()
    refused = stepwell("doctor", "--server", works, "--json")
    assert refused.exit_code == 1
    assert findings(refused)["key"] == ("fail", "the server wants one, and was shown none that is valid")
    assert "workers" not in findings(refused)
    monkeypatch.setenv("STEPWELL_API_KEY", secret)
    found = findings(stepwell("doctor", "--server", works, "--json"))
    assert found["key"] == ("ok", "ci, which may read")
    assert found["workers"][0] == "ok"


@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_reading_says_the_same(stepwell: Invoke, filled: str, server: str, words: tuple[str, ...]) -> None:
    local = stepwell(*words, "--json", "--url", filled)
    remote = stepwell(*words, "--json", "--server", server)
    assert (remote.exit_code, remote.stderr) == (local.exit_code, local.stderr) == (0, "")
    assert json.loads(remote.stdout) == json.loads(local.stdout)
    for ways in (("--url", filled), ("--server", server)):
        assert stepwell(*words, *ways).exit_code == 0


def test_watching_what_has_ended(stepwell: Invoke, server: str) -> None:
    assert "good succeeded" in stepwell("runs", "watch", "good", "--server", server).stdout
    assert stepwell("runs", "watch", "bad", "--server", server).exit_code == 1


def test_versions(stepwell: Invoke, filled: str, server: str) -> None:
    def told(*at: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(stepwell("versions", "list", "--json", *at).stdout)["versions"]
        return found

    local, remote = told("--url", filled), told("--server", server)
    assert local == remote
    assert "hello" in stepwell("versions", "list", "hello", "--server", server).stdout
    assert stepwell("versions", "diff", "nonesuch", "--server", server).exit_code == 3


def test_runs_that_nobody_goes_on_with(stepwell: Invoke, works: str, url: str, shop: Any) -> None:
    async def strand() -> None:
        async with App(url, like=shop.app, mode="client") as client:
            await pinned_to(client._engine(), "hello", "0ther")

    asyncio.run(strand())
    for way in (("--url", url), ("--server", works)):
        said = stepwell("workers", "list", *way)
        assert "1 run of 'hello' pinned to code 0ther, which no live worker has" in said.stderr
        (lost,) = json.loads(stepwell("workers", "list", "--json", *way).stdout)["stranded"]
        assert (lost["workflow"], lost["code"], lost["count"]) == ("hello", "0ther", 1)


def test_what_is_not_there(stepwell: Invoke, server: str) -> None:
    result = stepwell("runs", "show", "nobody", "--server", server)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("error[not_found]: there is no run 'nobody'")


def test_a_run_from_its_start_to_its_end(stepwell: Invoke, works: str, shop: Any) -> None:
    at = ("--server", works)
    said = stepwell("start", "hello", '"ann"', "--id", "h", "--wait", "--timeout", "60s", "--tag", "a=1", *at)
    assert (said.exit_code, said.stdout) == (0, '"hello ann"\n')
    assert stepwell("start", "hello", '"ann"', "--id", "h", *at).stdout == "h\n"
    taken = stepwell("start", "hello", '"ben"', "--id", "h", *at)
    assert (taken.exit_code, taken.stderr.partition(":")[0]) == (4, "error[conflict]")
    assert stepwell("start", "refuse", '"ann"', "--wait", *at).exit_code == 1
    assert stepwell("start", "hello", "5", *at).exit_code == 2
    assert stepwell("start", "nonesuch", *at).exit_code == 3
    stepwell("start", "approval", '{"name": "cid"}', "--id", "a", *at)
    sent = stepwell("events", "send", "approved", '{"by": "me"}', "--key", "cid", *at)
    assert (sent.exit_code, sent.stderr) == (0, "sent approved to key cid\n")
    watched = stepwell("runs", "watch", "a", *at)
    assert watched.exit_code == 0
    assert "a succeeded" in watched.stdout
    published = json.loads(stepwell("events", "publish", "approved", '{"by": "me"}', "--json", *at).stdout)
    assert [run["workflow"] for run in published["runs"]] == ["note"]
    assert "hello" in stepwell("runs", "list", *at).stdout


def test_steering(stepwell: Invoke, works: str) -> None:
    at = ("--server", works)
    for run in ("one", "two"):
        stepwell("start", "approval", '"x"', "--id", run, "--delay", "1h", *at)
    assert stepwell("runs", "pause", "one", "two", *at).stdout == "one  paused\ntwo  paused\n"
    assert stepwell("runs", "resume", "one", *at).exit_code == 0
    cancelled = stepwell("runs", "cancel", "one", "nobody", *at)
    assert cancelled.exit_code == 3
    assert "error[not_found]" in cancelled.stderr
    assert stepwell("runs", "terminate", "two", "--yes", *at).stdout == "two  terminated\n"
    refused = stepwell("runs", "resume", "two", "--json", *at)
    assert refused.exit_code == 4
    assert json.loads(refused.stdout)["errors"][0]["code"] == "illegal_state"


def test_settings_of_the_server(stepwell: Invoke, server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "stepwell").mkdir()
    (tmp_path / "stepwell" / "config.toml").write_text(f'[profiles.here]\nserver = "{server}"\nkey_env = "MY_KEY"\n')
    monkeypatch.setenv("STEPWELL_API_URL", server)
    assert "good" in stepwell("runs", "list").stdout
    monkeypatch.delenv("STEPWELL_API_URL")
    missing = stepwell("runs", "list", "--profile", "here")
    assert (missing.exit_code, "MY_KEY is not set" in missing.stderr) == (2, True)
    monkeypatch.setenv("MY_KEY", "swk_hush")
    shown = json.loads(stepwell("config", "show", "--profile", "here", "--json").stdout)
    assert shown["server"] == {"value": server, "origin": f"profile here in {tmp_path}/stepwell/config.toml"}
    assert shown["api_key"]["value"] == "(set)"
    assert "hush" not in stepwell("config", "show", "--profile", "here").output
    assert stepwell("runs", "list", "--server", server, "-n", "other").exit_code == 2
    monkeypatch.setenv("STEPWELL_PROFILE", "nonesuch")
    assert "there is no profile 'nonesuch'" in stepwell("runs", "list").stderr


def test_errors_name_the_fix(stepwell: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.client.http.FIRST_PAUSE", 0.001)
    refused = stepwell("runs", "list", "--server", "http://127.0.0.1:9")
    assert refused.exit_code == 5
    assert "Is `stepwell server` running at http://127.0.0.1:9?" in refused.stderr


@pytest.mark.parametrize(
    "words",
    [("worker", "x.py"), ("dev", "x.py"), ("check", "--app", "x.py"), ("db", "init"), ("db", "status")],
    ids=" ".join,
)
def test_what_needs_the_database_says_so(stepwell: Invoke, words: tuple[str, ...]) -> None:
    result = stepwell(*words, "--server", "http://x")
    assert (result.exit_code, result.stdout) == (2, "")
    verb = " ".join(word for word in words if not word.startswith("-") and word != "x.py")
    assert result.stderr.startswith(f"error[needs_database]: `stepwell {verb}` works on a database itself")


def test_keys_are_needed_and_scopes_named(
    stepwell: Invoke, url: str, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stepwell.client.keys import Keys

    app = App(url, like=shop.app, mode="client")

    async def make() -> str:
        async with App(url, mode="client") as client:
            engine = client._engine()
            return (await Keys(engine.store, engine.clock).create("looker", ["read"]))[1]

    secret = asyncio.run(make())
    with server_of(app) as there:
        nobody = stepwell("runs", "list", "--server", there)
        assert (nobody.exit_code, "STEPWELL_API_KEY" in nobody.stderr) == (4, True)
        monkeypatch.setenv("STEPWELL_API_KEY", secret)
        assert stepwell("runs", "list", "--server", there).exit_code == 0
        reader = stepwell("start", "hello", '"x"', "--server", there)
        assert reader.exit_code == 4
        assert "execute" in reader.stderr
        assert secret not in reader.output


def test_keys_are_administered_over_the_server(
    stepwell: Invoke, url: str, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = stepwell("keys", "create", "root", "-s", "admin", "--url", url).stdout.strip()
    with server_of(App(url, like=shop.app, mode="client")) as there:
        monkeypatch.setenv("STEPWELL_API_KEY", root)
        made = json.loads(stepwell("keys", "create", "ops", "-s", "read", "--json", "--server", there).stdout)
        assert made["secret"].startswith("swk_")
        listed = json.loads(stepwell("keys", "list", "--json", "--server", there).stdout)["keys"]
        assert [key["name"] for key in listed] == ["root", "ops"]
        assert stepwell("keys", "revoke", made["id"], "--server", there).exit_code == 0
        assert json.loads(stepwell("keys", "list", "--json", "--url", url).stdout)["keys"][1]["revoked_at"] is not None


def test_a_verb_needs_its_own_scope_alone(
    stepwell: Invoke, works: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = ("--server", works)
    stepwell("start", "approval", '"x"', "--id", "later", "--delay", "1h", *at)
    keys = {scope: stepwell("keys", "create", scope, "-s", scope, "-u", url).stdout.strip()
            for scope in ("execute", "operate")}  # fmt: skip
    monkeypatch.setenv("STEPWELL_API_KEY", keys["operate"])
    for verb, status in (("pause", "paused"), ("resume", "waiting"), ("cancel", "cancel")):
        steered = stepwell("runs", verb, "later", *at)
        assert (steered.exit_code, steered.stderr) == (0, "")
        assert status in steered.stdout
    assert stepwell("start", "hello", '"ann"', *at).exit_code == 4
    monkeypatch.setenv("STEPWELL_API_KEY", keys["execute"])
    said = stepwell("start", "hello", '"ann"', "--wait", "--timeout", "60s", *at)
    assert (said.exit_code, said.stdout) == (0, '"hello ann"\n')
    assert stepwell("events", "send", "approved", '{"by": "me"}', "--run", "later", *at).exit_code in (0, 4)
    assert stepwell("runs", "list", *at).exit_code == 4

"""A stage by the batch API gives what it gives online, whatever the endpoint does and whatever ends the process."""

import json
import subprocess

import pytest

from komep_dataset.config.config import Policy
from komep_dataset.errors import KomepError
from komep_dataset.inference import batch as module
from komep_dataset.inference.batch import ask_in_batches  # noqa: F401 - imported before its waits are shortened
from komep_dataset.inference.costs import spent_in
from komep_dataset.inference.wire import batches as calls
from tests import warm
from tests.batches import Batches
from tests.inference.asking import SECRET, ask_all, echo, request
from tests.inference.prices import expensive, priced
from tests.loopback import Fault, Loopback, last_text, loopback

REQUESTS = [request(f"q{i}") for i in range(12)]


@pytest.fixture(autouse=True)
def no_wait(monkeypatch):
    monkeypatch.setattr(module, "FIRST_POLL", 0.01)
    monkeypatch.setattr(calls, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(calls, "UNHEARD", 0.01)


def served(**changes) -> Loopback:
    state = Loopback(echo)
    state.batches = Batches(state, **changes)
    return state


def by_batch(url, folder, requests=REQUESTS, **changes):
    return ask_all(url, folder, requests, batch_api=True, **changes)


def left_in(folder) -> list[str]:
    return [path.name for path in (folder / "batches").glob("*")] if (folder / "batches").exists() else []


def test_a_batch_gives_what_the_online_way_gives_and_leaves_nothing(tmp_path, capfd):
    state = served()
    with loopback(state) as (_, url):
        online = ask_all(url, tmp_path / "online", REQUESTS)
        assert by_batch(url, tmp_path / "batch") == online and state.repeats == 12
        again = len(state.batches.log)
        assert by_batch(url, tmp_path / "batch") == online and len(state.batches.log) == again
    assert [one for one in state.batches.log if one[0] == "POST"] == [
        ("POST", "/files"),
        ("POST", "/batches"),
    ]
    assert (
        left_in(tmp_path / "batch") == []
        and "batch batch-0 is at the endpoint, which may take a day (requests: 12)" in capfd.readouterr().err
    )
    lines = [json.loads(line) for line in state.batches.files["file-0"].splitlines()]
    assert {line["url"] for line in lines} == {"/v1/chat/completions"} and all(
        line["body"]["model"] == "m" for line in lines
    )


def test_plain_prompts_and_azure_have_paths_of_their_own(tmp_path):
    state = served()
    with loopback(state) as (_, url):
        mixed = [request("a"), ("b", {"prompt": "b"})]
        assert by_batch(url, tmp_path / "a", mixed)["b"].text == "re: b"
        azure = url.replace("/v1", "/openai/deployments/d?api-version=2024-10-21")
        assert by_batch(azure, tmp_path / "b", [request("a")])["a"].text == "re: a"
    assert [batch["endpoint"] for batch in state.batches.batches.values()] == [
        "/v1/chat/completions",
        "/v1/completions",
        "/chat/completions",
    ]


def test_a_file_has_no_more_requests_and_bytes_than_a_batch_may(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_REQUESTS", 5)
    state = served()
    with loopback(state) as (_, url):
        assert len(by_batch(url, tmp_path / "a")) == 12 and len(state.batches.batches) == 3
        monkeypatch.setattr(module, "MOST_BYTES", 700)
        assert len(by_batch(url, tmp_path / "b")) == 12
    sizes = [len(state.batches.files[one["input_file_id"]]) for one in state.batches.batches.values()]
    assert max(sizes[3:]) <= 700 and state.repeats == 12


def test_lines_that_fail_are_asked_again_and_then_fail_alone(tmp_path):
    busy = Fault(429, '{"error": {"message": "slow down"}}')
    filtered = Fault(400, '{"error": {"code": "content_filter", "message": "blocked"}}')
    barred = Fault(403, '{"error": {"message": "moderated"}}')

    def plan(body, attempt):
        text = last_text(body)
        return {"q1": filtered, "q2": busy, "q3": barred}.get(text) if text != "q2" or attempt > 0 else None

    state = served()
    state.faults = lambda body, n: busy if last_text(body) == "q4" and n == 1 else plan(body, n)
    with loopback(state) as (_, url):
        replies = by_batch(url, tmp_path, max_attempts=8)
    failed = {id: reply.failure for id, reply in replies.items() if reply.failure}
    assert failed.keys() == {"q1", "q2", "q3"} and replies["q4"].text == "re: q4" and state.repeats == 0
    assert failed["q2"].startswith("no answer after 3 batches: HTTP 429: ") and "blocked" in failed["q1"]
    sizes = [state.batches.files[one["input_file_id"]].count(b"\n") for one in state.batches.batches.values()]
    assert sizes == [12, 2, 1]


def test_a_parameter_that_is_refused_is_left_out_of_the_next_batch(tmp_path, capfd):
    said = json.dumps({"error": {"message": "Unsupported parameter: 'max_tokens'", "param": "max_tokens"}})
    state = served()
    state.faults = lambda body, n: Fault(400, said) if "max_tokens" in body else None
    with loopback(state) as (_, url):
        replies = by_batch(url, tmp_path, [request(f"q{i}", max_tokens=9) for i in range(3)])
    assert {reply.left_out for reply in replies.values()} == {"max_tokens"} and state.repeats == 0
    assert all(body["max_completion_tokens"] == 9 for body in state.calls[3:])
    assert "the endpoint refuses max_tokens" in capfd.readouterr().err


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_what_a_batch_had_answered_when_it_ended_early_is_kept(tmp_path, status):
    state = served(ends=lambda batch, nth: "completed" if nth else status, share=0.5)
    with loopback(state) as (_, url):
        if status == "cancelled":  # somebody wanted it to end: nothing is sent again unasked
            with pytest.raises(KomepError, match="batch batch-0 was cancelled: 6 of 12 answers are kept"):
                by_batch(url, tmp_path)
        replies = by_batch(url, tmp_path)
    assert [reply.text for reply in replies.values()] == [f"re: q{i}" for i in range(12)]
    assert len(state.calls) == 12 and len(state.batches.batches) == 2


def test_a_batch_that_fails_at_its_check_ends_the_run_and_a_full_queue_makes_smaller_ones(tmp_path):
    state = served(ends=lambda batch, nth: "failed", errors="The model `m` does not exist.")
    with loopback(state) as (_, url), pytest.raises(KomepError, match=r"has failed: .*`m` does not exist"):
        by_batch(url, tmp_path / "a")
    full = served(
        ends=lambda batch, nth: "completed" if nth else "failed", errors="Enqueued token limit reached for m"
    )
    with loopback(full) as (_, url):
        assert not any(reply.failure for reply in by_batch(url, tmp_path / "b").values())
    assert len(full.batches.batches) == 3 and len(full.calls) == 12


@pytest.mark.parametrize(
    ("path", "fault", "said"),
    [
        ("/files", Fault(401, "no key"), "set `api_key_env`"),
        ("/files", Fault(404, "no such page"), "without `batch_api: true`"),
        ("/files", Fault(501, "not here"), "without `batch_api: true`"),
        ("/files", Fault(200, "<html>"), "no answer after 2 attempts"),
        ("/files", Fault(200, "[]"), "no answer after 2 attempts"),
        ("/batches", Fault(400, "no such model"), "HTTP 400: no such model"),
        ("/batches", Fault(500, "x"), "makes no second batch"),
        ("/batches/ID", Fault(404, "x"), "its requests are asked anew"),
        ("/batches/ID", Fault(200, '{"status": 3, "errors": [], "request_counts": [1]}'), None),
        ("/files/ID/content", Fault(404, "x"), "the answers of batch batch-0: HTTP 404"),
        ("/files/ID/content", Fault(302, "x", {"Location": "http://elsewhere"}), "HTTP 302"),
    ],
)
def test_what_the_endpoint_refuses_is_said_and_the_same_command_goes_on(tmp_path, path, fault, said):
    broken = [True]
    state = served(
        faults=lambda method, at, nth: fault if at == path and broken and (said or nth == 1) else None
    )
    with loopback(state) as (_, url):
        if said:
            with pytest.raises(KomepError) as error:
                by_batch(url, tmp_path)
            assert said in str(error.value)
            broken.clear()
        assert [reply.text for reply in by_batch(url, tmp_path).values()] == [f"re: q{i}" for i in range(12)]
    assert state.repeats == 0 and len(state.batches.batches) == 1 and left_in(tmp_path) == []


def test_passing_faults_of_every_call_cost_nothing_but_time(tmp_path):
    plans = [Fault(500, "x"), Fault(429, "x", {"Retry-After": "0"}), Fault(reset=True), Fault(200, "<html>")]
    state = served(
        faults=lambda method, at, nth: plans[nth - 1] if nth <= 4 and "content" not in at else None
    )
    with loopback(state) as (_, url):
        replies = by_batch(url, tmp_path, max_attempts=8)
    assert not any(reply.failure for reply in replies.values())
    assert state.repeats == 0 and len(state.batches.batches) == 1


def test_an_answer_that_is_lost_makes_no_second_batch(tmp_path):
    """The batch is found by its file, on whichever page of the list."""
    state = served(
        faults=lambda method, at, nth: Fault(299) if (method, at, nth) == ("POST", "/batches", 1) else None
    )
    with loopback(state) as (_, url):
        for number in range(5):
            state.batches.batches[f"batch-{number}"] = {"id": f"batch-{number}", "input_file_id": "other"}
        assert not any(reply.failure for reply in by_batch(url, tmp_path).values())
    assert len(state.batches.batches) == 6 and state.repeats == 0


def test_where_it_cannot_be_told_nothing_is_paid_for_twice(tmp_path):
    lost = lambda method, at, nth: Fault(299) if (method, at) == ("POST", "/batches") else None  # noqa: E731
    with loopback(served(faults=lost, hides=True)) as (state, url):
        for _ in range(2):
            with pytest.raises(
                KomepError, match="a batch of file-0 was made before cannot be told: HTTP 404"
            ):
                by_batch(url, tmp_path)
    assert len(state.batches.batches) == 1


def test_odd_lines_cost_their_own_requests_alone(tmp_path):
    state = served()
    kept = state.batches._file

    def torn(content: bytes) -> dict:
        if b"batch_req_" in content and len(state.batches.batches) == 1:
            lines = content.splitlines()
            odd = [b"[]", b"{", b'{"custom_id": "nobody\'s", "response": {}}', lines[1], b'{"custom_id": 5}']
            content = b"\n".join([*odd, *lines[2:], lines[3].replace(b"re: ", b"again: ")])
        return kept(content)

    state.batches._file = torn
    with loopback(state) as (_, url):
        replies = by_batch(url, tmp_path)
    assert [reply.text for reply in replies.values()] == [f"re: q{i}" for i in range(12)]
    assert state.repeats == 1  # the one whose line is gone


def as_is(content: bytes, seen: int) -> bytes:
    return content


def each(change):
    """A file whose rows are changed."""

    def changed(content: bytes, seen: int) -> bytes:
        rows = [row for line in content.splitlines() for row in change(json.loads(line))]
        return "".join(json.dumps(row) + "\n" for row in rows).encode()

    return changed


def failed(row: dict) -> dict:
    return row | {"response": {"status_code": 500, "body": {"error": {"message": "a worker was lost"}}}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda content, seen: content if seen else content[:-40], {}),  # cut off, and no length told
        (lambda content, seen: content if seen else content[: content.index(b"\n") + 1], {}),
        (lambda content, seen: b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"), {}),
        (each(lambda row: [failed(row), row, failed(row)]), {}),
        (each(lambda row: [row | {"response": row["response"] | {"status_code": "200"}}]), {}),
        (each(lambda row: [row | {"response": row["response"] | {"status_code": None}}]), {}),
        (each(lambda row: [row | {"response": row["response"]["body"]}]), {}),
        (as_is, {"error_file_id": "file-99"}),  # named and not there, as aibrix had it
        (as_is, {"error_file_id": "", "request_counts": None}),
        (as_is, {"request_counts": {"completed": 12, "failed": 12}}),
        (as_is, {"output_file_id": None}),  # at the first look
        (as_is, {"job": {"id": "batch-0", "status": "COMPLETED", "output_file_id": "file-1"}}),
    ],
)
def test_answers_that_are_there_are_not_paid_for_twice(tmp_path, content, said):
    state = served(polls=1)
    state.batches.content = content
    looks = iter([said] if said.get("output_file_id", "") is None else [said] * 9)
    state.batches.says = lambda batch: batch | next(looks, {})
    with loopback(state) as (_, url):
        replies = by_batch(url, tmp_path)
    assert [reply.text for reply in replies.values()] == [f"re: q{i}" for i in range(12)]
    assert len(state.batches.batches) == 1 and state.repeats == 0


@pytest.mark.parametrize("lost", [True, False])
def test_a_batch_whose_answers_are_not_to_be_had_is_not_made_again_unasked(tmp_path, lost):
    state = served(polls=1)
    if lost:
        state.batches.faults = lambda method, path, nth: Fault(404, "expired") if "content" in path else None
    else:
        state.batches.says = lambda batch: batch | {"output_file_id": None}
    with loopback(state) as (_, url):
        why = "HTTP 404: expired" if lost else "it is completed, and names no file that has one"
        with pytest.raises(
            KomepError, match=f"answers of batch batch-0: {why}; .*remove {tmp_path}/batches/"
        ):
            by_batch(url, tmp_path)
        state.batches.faults, state.batches.says = lambda *_: None, lambda batch: batch
        assert not any(reply.failure for reply in by_batch(url, tmp_path).values())
    assert len(state.batches.batches) == 1 and state.repeats == 0


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/files", Fault(413, "<html>Request Entity Too Large</html>")),
        ("/batches", Fault(400, '{"error": {"code": "token_limit_exceeded"}}')),
    ],
)
def test_what_is_too_large_for_an_endpoint_goes_in_smaller_batches(tmp_path, path, fault):
    state = served(polls=1)
    state.batches.faults = lambda method, at, nth: (
        fault if (method, at) == ("POST", path) and nth < 3 else None
    )
    with loopback(state) as (_, url):
        assert not any(reply.failure for reply in by_batch(url, tmp_path / "a").values())
        sizes = [
            state.batches.files[one["input_file_id"]].count(b"\n") for one in state.batches.batches.values()
        ]
        assert sizes == [3, 3, 3, 3] and state.repeats == 0
        state.batches.faults = lambda method, at, nth: fault if (method, at) == ("POST", path) else None
        with pytest.raises(KomepError, match="nothing was paid for"):
            by_batch(url, tmp_path / "b")


def test_it_is_said_which_batch_is_waited_for_and_which_is_left(tmp_path, capfd):
    state = served(polls=1)
    state.batches.faults = lambda method, path, nth: Fault(404, "gone") if path == "/batches/ID" else None
    looks = iter(["paused", "paused"])
    state.batches.says = lambda batch: batch | {"status": next(looks, batch["status"])}
    with loopback(state) as (_, url):
        with pytest.raises(KomepError, match="batch batch-0: HTTP 404: gone"):
            by_batch(url, tmp_path)
        state.batches.faults = lambda *_: None
        by_batch(url, tmp_path, model="other")
        told = capfd.readouterr().err
        assert "a batch of another model or address (batch-0)" in told
        assert told.count("is 'paused', a status that is not known here; it is waited for: completed") == 1
        by_batch(url, tmp_path)
    told = capfd.readouterr().err
    assert "goes on with batch batch-0 (requests: 12)" in told and "of another model" not in told
    assert len(state.batches.batches) == 2 and left_in(tmp_path) == []


def test_a_look_that_tells_no_status_is_no_batch_at_work(tmp_path):
    state = served()
    state.batches.says = lambda batch: {"error": {"message": "lost"}}
    with (
        loopback(state) as (_, url),
        pytest.raises(KomepError, match=r"batch-0: .* without `status`: .*lost"),
    ):
        by_batch(url, tmp_path)


@pytest.mark.parametrize("path", ["/files", "/batches", "/batches/ID", "/files/ID/content"])
def test_one_attempt_ends_the_run_with_words(tmp_path, path):
    busy = Fault(503, "busy")
    state = served(polls=1)
    state.batches.faults = lambda method, at, nth: busy if at == path else None
    with loopback(state) as (_, url), pytest.raises(KomepError, match="no answer after 1 attempt: HTTP 503"):
        by_batch(url, tmp_path, max_attempts=1)


def test_a_batch_that_is_listed_late_is_waited_for(tmp_path, monkeypatch):
    """Its making was not heard of: it is looked for after a while, not at once."""
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr(calls, "UNHEARD", 10.0)
    monkeypatch.setattr(calls.asyncio, "sleep", sleep)
    state = served()
    state.batches.faults = lambda method, path, nth: (
        Fault(299) if (method, path, nth) == ("POST", "/batches", 1) else None
    )
    with loopback(state) as (_, url):
        by_batch(url, tmp_path)
    assert waits.count(10.0) == 1 and len(state.batches.batches) == 1


def test_a_batch_at_work_is_not_paid_for_again_online(tmp_path):
    state = served(
        faults=lambda method, at, nth: Fault(503, "x") if at == "/batches/ID" and nth < 3 else None
    )
    with loopback(state) as (_, url):
        with pytest.raises(KomepError, match="the same command looks again"):
            by_batch(url, tmp_path)
        with pytest.raises(KomepError, match=r"set `batch_api: true` to wait for it, or remove .*\.json"):
            ask_all(url, tmp_path, REQUESTS)
        other = ask_all(url, tmp_path, REQUESTS, model="other")  # another model is another matter
        assert other["q0"].text == "re: q0" and not any(r.failure for r in by_batch(url, tmp_path).values())
    assert len(state.batches.batches) == 1 and state.repeats == 0


def test_no_key_is_written_or_shown(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("KOMEP_TEST_KEY", SECRET)
    state = served(ends=lambda batch, nth: "failed", errors=f"{SECRET} is no key")
    with loopback(state) as (_, url), pytest.raises(KomepError) as error:
        by_batch(url, tmp_path, api_key_env="KOMEP_TEST_KEY")
    assert set(state.keys) == {f"Bearer {SECRET}"} and SECRET not in str(error.value) + capfd.readouterr().err
    state.batches.ends, state.reply = lambda batch, nth: "completed", lambda body: f"it is {SECRET}"
    with loopback(state) as (_, url):
        assert by_batch(url, tmp_path, api_key_env="KOMEP_TEST_KEY")["q0"].text == "it is ***"
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and SECRET in p.read_text("utf-8")]


def test_a_batch_is_paid_for_at_its_price_and_holds_to_the_budget(tmp_path):
    prices = priced(tmp_path, "m")
    prices.write_text(prices.read_text().replace("input: 1", "batch: 0.5\n    input: 1"))

    def policy(budget):
        return Policy(prices=prices, budget=budget, spending=tmp_path / "spending")

    state = expensive()
    state.usage = {"prompt_tokens": 300, "completion_tokens": 100}  # 0.0002 a call, by batch
    state.batches = Batches(state)
    asked = [request(f"q{i}", max_tokens=144) for i in range(12)]
    with loopback(state) as (_, url):
        with pytest.raises(KomepError, match="8 requests are not asked"):
            by_batch(url, tmp_path / "w", asked, policy=policy(0.00085))
        assert (
            spent_in(tmp_path / "spending") == (pytest.approx(0.0008), 4) and len(state.batches.batches) == 1
        )
        by_batch(url, tmp_path / "w", asked, policy=policy(0.01))
    assert spent_in(tmp_path / "spending") == (pytest.approx(0.0024), 12) and state.repeats == 0


KILLED = """
import json, sys
from pathlib import Path
from komep_dataset.config.config import Judge, Policy
from komep_dataset.inference import batch
from komep_dataset.inference.ask import ask
from komep_dataset.inference.wire import batches
batch.FIRST_POLL = batches.UNHEARD = 0.02
url, folder, prices = sys.argv[1:]
policy = Policy(prices=Path(prices), budget=1.0, spending=Path(folder) / "spending")
requests = {f"q{i}": {"messages": [{"role": "user", "content": f"q{i}"}], "max_tokens": 9} for i in range(40)}
judge = Judge(endpoint=url, model="m", batch_api=True, policy=policy)
replies = ask(requests, judge, Path(folder) / "w", label="test")
Path(folder, "out").write_text(json.dumps({id: reply.text for id, reply in replies.items()}))
"""


@pytest.mark.slow
def test_after_kill_9_at_any_call_nothing_is_asked_or_paid_for_twice(tmp_path):
    """Killed while each of its calls is under way, before and after the server has done it."""
    prices, program = priced(tmp_path, "m"), tmp_path / "killed.py"
    program.write_text(KILLED)
    for moment in range(12):
        folder, children = tmp_path / str(moment), []
        state = served(polls=3)

        def strike(method, path, nth, state=state, moment=moment, children=children):
            if len(state.batches.log) == moment // 2 + 1 and len(children) == 1:
                children[0].send_signal(warm.KILL)
                children[0].wait(timeout=300)
                return Fault(299) if moment % 2 else Fault(reset=True)  # done, but nobody hears of it; or not
            return None

        state.batches.faults = strike
        with loopback(state) as (_, url):
            command = [warm.python("komep"), str(program), url, str(folder), str(prices)]
            folder.mkdir()
            while not (folder / "out").exists():
                children.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
                assert children[-1].wait(timeout=300) == (0 if len(children) > 1 else -9), moment
        assert json.loads((folder / "out").read_text()) == {f"q{i}": f"re: q{i}" for i in range(40)}, moment
        assert state.repeats == 0 and len(state.batches.batches) == 1, moment
        amount, counted = spent_in(folder / "spending")
        assert (counted, amount) == (40, pytest.approx(40 * 12e-6)), moment

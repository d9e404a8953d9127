"""The batch API of the loopback server: files, batches and their lists, as OpenAI has them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.loopback import Fault, Loopback

EXPIRED_LINE = {"code": "batch_expired", "message": "This request could not be executed in time."}


@dataclass
class Batches:
    """Files and batches of a server; a batch is answered at its `polls`-th look, line by line as the server answers."""

    state: Loopback
    polls: int = 2
    ends: Callable[[dict, int], str] = lambda batch, nth: (
        "completed"
    )  # the status that the nth batch ends with
    errors: str = ""  # what a batch that has failed says
    share: float = 1.0  # of its lines that a batch which did not complete has asked
    faults: Callable[[str, str, int], Fault | None] = lambda method, path, nth: None
    content: Callable[[bytes, int], bytes] = lambda content, seen: (
        content
    )  # what is sent of a file of answers
    says: Callable[[dict], dict] = lambda batch: batch  # what a look is told
    hides: bool = False  # whether there is no list of batches
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    _fetched: Counter = field(default_factory=Counter)
    _looks: Counter = field(default_factory=Counter)
    _calls: Counter = field(default_factory=Counter)

    def answer(self, method: str, target: str, body: bytes, content_type: str) -> Fault:
        path = re.sub(r"\A/(v1|openai)(?=/)", "", urlsplit(target).path)
        kind = re.sub(r"(?<=/)(?:file|batch)-\d+", "ID", path)
        self.log.append((method, path))
        self._calls[method, kind] += 1
        after = self.faults(method, kind, self._calls[method, kind])
        if after and after.status != 299:  # 299: the answer is lost, and what was asked is done
            return after
        done = self._done(method, path, urlsplit(target).query, body, content_type)
        return Fault(reset=True) if after else done

    def _done(self, method: str, path: str, query: str, body: bytes, content_type: str) -> Fault:
        if (method, path) == ("POST", "/files"):
            boundary = re.search("boundary=(.+)", content_type)[1].encode()
            parts = [part.partition(b"\r\n\r\n") for part in body.split(b"--" + boundary)]
            fields = {re.search(rb'name="(\w+)"', head)[1]: data[:-2] for head, _, data in parts if data}
            assert fields[b"purpose"] == b"batch"
            return self._json(self._file(fields[b"file"]))
        if (method, path) == ("POST", "/batches"):
            asked = json.loads(body)
            assert asked["completion_window"] == "24h" and asked["input_file_id"] in self.files
            id = f"batch-{len(self.batches)}"
            self.batches[id] = {"id": id, "status": "validating", **asked}
            return self._json(self.batches[id])
        if path == "/batches":
            if self.hides:
                return Fault(404, "no such page")
            ids, wanted = list(self.batches)[::-1], parse_qs(query)
            start = ids.index(wanted["after"][0]) + 1 if "after" in wanted else 0
            page = ids[start : start + 2]  # shorter than any limit: the list has pages
            listed = {"data": [self.batches[id] for id in page], "has_more": start + 2 < len(ids)}
            return Fault(200, json.dumps(listed))
        if found := re.fullmatch("/batches/([^/]+)", path):
            return self._json(self.says(self._looked(found[1])))
        if (found := re.fullmatch("/files/([^/]+)/content", path)) and found[1] in self.files:
            seen = self._fetched[found[1]]
            self._fetched[found[1]] += 1
            return Fault(200, self.content(self.files[found[1]], seen))
        return Fault(404, "{}")

    def _json(self, content: dict) -> Fault:
        return Fault(200, json.dumps(content))

    def _file(self, content: bytes) -> dict:
        id = f"file-{len(self.files)}"
        self.files[id] = content
        return {"id": id, "object": "file", "purpose": "batch"}

    def _looked(self, id: str) -> dict:
        batch = self.batches[id]
        self._looks[id] += 1
        if self._looks[id] < self.polls:
            return batch | {
                "status": "in_progress",
                "request_counts": {"total": 9, "completed": 1, "failed": 0},
            }
        if batch["status"] == "validating":
            status = self.ends(batch, int(id[6:]))
            batch["status"] = status
            if status == "failed":
                batch["errors"] = {"object": "list", "data": [{"code": "x", "message": self.errors}]}
            else:
                self._answer(batch)
        return batch

    def _answer(self, batch: dict) -> None:
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        asked = len(lines) if batch["status"] == "completed" else int(len(lines) * self.share)
        good, bad = [], []
        for number, line in enumerate(lines):
            row = {"id": f"batch_req_{number}", "custom_id": line["custom_id"]}
            if number >= asked:
                bad.append(row | {"response": None, "error": EXPIRED_LINE})
                continue
            fault = self.state.arrive(line["url"], None, line["body"])
            self.state.leave()
            if fault:
                reply = {"status_code": fault.status, "body": json.loads(fault.body)}
                bad.append(row | {"response": reply, "error": None})
            else:
                self.state.count_answer(line["body"])
                reply = {"status_code": 200, "body": self.state.completion(line["url"], line["body"])}
                good.append(row | {"response": reply, "error": None})
        for name, rows in (("output_file_id", good[::-1]), ("error_file_id", bad)):  # in no order
            if rows:
                batch[name] = self._file("".join(json.dumps(row) + "\n" for row in rows).encode())["id"]
        batch["request_counts"] = {"total": len(lines), "completed": len(good), "failed": len(bad)}

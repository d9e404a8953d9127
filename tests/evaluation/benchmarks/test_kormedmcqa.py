"""KorMedMCQA from its place on the Hub, by a stand-in over HTTP; its subjects."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from evaluation.benchmarks import kormedmcqa
from evaluation.harness.benchmark import fingerprint
from evaluation.harness.questions import (
    from_folders,
)
from komep_dataset.errors import KomepError
from tests.evaluation.harness.test_questions import CARD, CONFIG

ROOT = Path(__file__).resolve().parents[3]


def test_an_unknown_subject_is_told_the_known_ones():
    with pytest.raises(KomepError, match=r"--subjects surgeon: .*doctor, nurse, pharm, dentist"):
        kormedmcqa.BENCHMARK.load(None, ["surgeon"])


def test_another_benchmark_in_the_folder_must_be_chosen(question_folder):
    for name in ("doctor", "nurse"):
        (question_folder / name).rename(question_folder / ("medqa" if name == "nurse" else name))
    with pytest.raises(KomepError, match=r"besides KorMedMCQA's doctor it holds medqa.*--subjects doctor"):
        kormedmcqa.BENCHMARK.load(question_folder, None)
    found = kormedmcqa.BENCHMARK.load(question_folder, ["doctor", "medqa"])
    assert [subject.name for subject in found] == ["doctor", "medqa"]


class Hub(BaseHTTPRequestHandler):
    """What `load_dataset` asks a Hub for: a dataset's info, its tree, and its files."""

    repo, commit = "sean0042/KorMedMCQA", "a" * 40
    folder: Path

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path, api = self.path.split("?")[0], f"/api/datasets/{self.repo}"
        files = sorted(p for p in self.folder.rglob("*") if p.is_file())
        names = [str(p.relative_to(self.folder)) for p in files]
        if path in (api, f"{api}/revision/main", f"{api}/revision/{self.commit}"):
            self.give({"id": self.repo, "sha": self.commit, "siblings": [{"rfilename": n} for n in names]})
        elif path.startswith(f"{api}/tree/"):
            below = path.removeprefix(f"{api}/tree/").partition("/")[2]
            tree = [
                {"type": "file", "path": n, "size": p.stat().st_size, "oid": "0"}
                for n, p in zip(names, files, strict=True)
            ]
            self.give([entry for entry in tree if entry["path"].startswith(below)])
        elif path.startswith(f"{api}/paths-info/"):
            self.give([])
        elif f"/datasets/{self.repo}/resolve/" in path:
            self.file(path.split("/resolve/")[1].partition("/")[2])
        else:
            self.send_error(404)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def give(self, value):
        self.body(json.dumps(value).encode(), {"Content-Type": "application/json"})

    def file(self, name):
        path = self.folder / name
        if not path.is_file():
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.body(path.read_bytes(), {"ETag": f'"{name}"', "X-Repo-Commit": self.commit})

    def body(self, content, headers):
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.mark.slow
def test_hub_benchmark_over_http(question_folder, tmp_path):
    """The real id and config names against a loopback stand-in: the client's flow, not the Hub's own content."""
    (question_folder / "README.md").write_text(CARD.format(CONFIG.format("doctor") + CONFIG.format("nurse")))
    handler = type("Here", (Hub,), {"folder": question_folder})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    script = (
        "from evaluation.benchmarks.kormedmcqa import BENCHMARK\n"
        "from evaluation.harness.benchmark import fingerprint\n"
        "found = BENCHMARK.load(None, ('nurse', 'doctor'))\n"
        "print([s.name for s in found], fingerprint(found, 'test'), fingerprint(found, 'fewshot'))\n"
    )
    env = {
        **os.environ,
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "home"),
    }
    env |= {
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    try:
        run = [sys.executable, "-c", script]
        done = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr[-3000:]
    local = from_folders(question_folder)
    assert done.stdout.splitlines()[-1] == (
        f"['doctor', 'nurse'] {fingerprint(local, 'test')} {fingerprint(local, 'fewshot')}"
    )

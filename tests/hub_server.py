"""A small stand-in for the Hugging Face Hub on the loopback address: repositories in memory, real HTTP.

It proves the client's flow (info, resolve, preupload, LFS, commit, pull request, tag, tree), not that the
Hub itself would accept the content. Set HF_ENDPOINT to its address, HF_HUB_DISABLE_XET=1 and no
HF_HUB_OFFLINE before huggingface_hub is imported: run the client in a process of its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

LFS_SUFFIXES = (".parquet", ".safetensors", ".bin")
FRONT = re.compile(r"^\s*---\r?\n(.*?)\r?\n---", re.DOTALL)


@dataclass
class Repo:
    """Snapshots by commit id, refs by name (branches, tags, pull requests), and what was said in each commit.

    `tags` are the names among `refs` that are tags; `settings` holds `private` and `gated`.
    """

    snapshots: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    settings: dict = field(default_factory=lambda: {"private": False, "gated": False})
    log: list[dict] = field(default_factory=list)

    def commit(self, files: dict[str, bytes], ref: str = "main", **said) -> str:
        sha = hashlib.sha1(f"{len(self.snapshots)} {sorted(files)} {said}".encode()).hexdigest()
        self.snapshots[sha], self.refs[ref] = files, sha
        self.log.append({"ref": ref, **said})
        return sha

    def files(self, revision: str = "main") -> dict[str, bytes] | None:
        revision = unquote(revision)
        return self.snapshots.get(self.refs.get(revision, revision))


class Hub:
    """Repositories by (type, id); `tokens` may write; `faults` gives a status to answer with, by call.

    The status 0 closes the connection without an answer, as a server that dies. `calls` is the log: method
    and path; `received` the bytes of bodies by method and kind of path.
    """

    def __init__(self, tokens: tuple[str, ...] = ("hf_write",)):
        self.repos: dict[tuple[str, str], Repo] = {}
        self.tokens, self.faults = tokens, {}
        self.namespaces = ("someone", "org")  # where the tokens may create
        self.blobs: dict[str, bytes] = {}
        self.calls: list[tuple[str, str]] = []
        self.received: list[tuple[str, str, int]] = []
        self.before_commit = lambda hub: None  # to let somebody else push in between
        self.address = ""

    def create(self, repo_id: str, files: dict[str, bytes] | None = None, kind: str = "model") -> Repo:
        repo = self.repos[kind, repo_id] = Repo()
        repo.commit(dict(files or {}), title="initial commit")
        return repo

    def _blob(self, path: str, content: bytes) -> dict:
        lfs = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry = {"type": "file", "path": path, "size": len(content), "oid": oid}
        return entry | ({"lfs": lfs} if path.endswith(LFS_SUFFIXES) else {})

    def api(self, path: str, query: dict, body: bytes):
        """(status, JSON content) of a call below /api."""
        if path == "/api/validate-yaml":
            return self._validate(json.loads(body)["content"])
        if path == "/api/whoami-v2":
            return 200, {"type": "user", "name": "someone", "orgs": []}
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = "/".join(filter(None, (asked.get("organization") or "someone", asked["name"])))
            if (asked.get("type", "model"), name) in self.repos:
                return 409, {"error": "You already created this repo", "url": f"{self.address}/{name}"}
            if name.split("/")[0] not in self.namespaces:
                return 403, {"error": "You don't have the rights to create a repo under this namespace"}
            repo = self.create(
                name, {".gitattributes": b"*.parquet filter=lfs\n"}, asked.get("type", "model")
            )
            repo.settings["private"] = bool(asked.get("private")) or asked.get("visibility") == "private"
            return 200, {"url": f"{self.address}/{name}", "name": name}
        match = re.fullmatch(r"/api/(\w+)s/([^/]+/[^/]+)(?:/([\w-]+)(?:/([^/]+))?(?:/(.+))?)?", path)
        repo = self.repos.get((match[1], match[2])) if match else None
        if repo is None:
            return 404, {"error": "Repository not found", "code": "RepoNotFound"}
        if match[3] == "tree":
            return self._tree(repo, unquote(match[4]), unquote(match[5] or ""), query)
        return self._repo_call(repo, match[2], match[3] or "info", unquote(match[4] or "main"), query, body)

    def _validate(self, content: str):
        try:
            data = yaml.safe_load(FRONT.match(content)[1]) if FRONT.match(content) else {}
            assert isinstance(data.get("model-index", []), list), '"model-index" must be an array'
        except (yaml.YAMLError, AssertionError) as error:
            return 400, {"errors": [{"message": str(error)}], "warnings": []}
        return 200, {"errors": [], "warnings": []}

    def _tree(self, repo: Repo, revision: str, folder: str, query: dict):
        """Files and folders in a folder, those below them too if `recursive`."""
        if repo.files(revision) is None:
            return 404, {"error": "Invalid rev id", "code": "RevisionNotFound"}
        start = f"{folder}/" if folder else ""
        below = {p: c for p, c in sorted(repo.files(revision).items()) if p.startswith(start)}
        if folder and not below:
            return 404, {"error": "no such folder", "code": "EntryNotFound"}
        folders = {"/".join(p.split("/")[:n]) for p in below for n in range(1, p.count("/") + 1)}
        entries = [{"type": "directory", "path": p, "oid": "0" * 40, "size": 0} for p in sorted(folders)]
        entries = [e for e in entries if e["path"].startswith(start)] + [
            self._blob(*f) for f in below.items()
        ]
        deep = query.get("recursive", ["false"])[0].lower() in ("true", "1")
        return 200, [e for e in entries if deep or "/" not in e["path"].removeprefix(start)]

    def _repo_call(self, repo: Repo, repo_id: str, what: str, revision: str, query: dict, body: bytes):
        if what in ("info", "revision"):
            files = repo.files(revision)
            if files is None:
                return 404, {"error": "Invalid rev id", "code": "RevisionNotFound"}
            names = [{"rfilename": name} for name in files]
            return 200, {
                "id": repo_id,
                "sha": repo.refs.get(revision, revision),
                "siblings": names,
                "tags": [],
                **repo.settings,
            }
        if what == "settings":
            repo.settings |= {
                "private" if k == "visibility" else k: v == "private" if k == "visibility" else v
                for k, v in json.loads(body).items()
            }
            return 200, {}
        if what == "paths-info":
            paths = parse_qs(body.decode()).get("paths", []) if b"=" in body else json.loads(body)["paths"]
            held = repo.files(revision) or {}
            folders = [p for p in paths if any(name.startswith(f"{p}/") for name in held)]
            found = [{"type": "directory", "path": p, "oid": "0" * 40, "size": 0} for p in folders]
            return 200, found + [self._blob(p, c) for p, c in held.items() if p in paths]
        if what == "refs":
            refs = {n: {"name": n, "ref": n, "targetCommit": s} for n, s in repo.refs.items()}
            tags = [ref for name, ref in refs.items() if name in repo.tags]
            heads = [r for n, r in refs.items() if n not in repo.tags and not n.startswith("refs/")]
            return 200, {"branches": heads, "tags": tags, "converts": []}
        if what in ("tag", "branch"):
            asked = json.loads(body)
            name, start = (
                (asked["tag"], revision) if what == "tag" else (revision, asked.get("startingPoint"))
            )
            if name in repo.refs:
                return 409, {"error": f"{name} exists already"}
            repo.refs[name] = repo.refs.get(start or "main", start)
            repo.tags |= {name} if what == "tag" else set()
            return 200, {}
        if what == "preupload":
            held = repo.files(revision) or {}
            modes = [
                {"path": f["path"], "shouldIgnore": False, "uploadMode": "lfs" if f["path"].endswith(LFS_SUFFIXES) else "regular",
                 "oid": self._blob(f["path"], held[f["path"]])["oid"] if f["path"] in held else None}
                for f in json.loads(body)["files"]
            ]  # fmt: skip
            return 200, {"files": modes}
        return self._commit(repo, repo_id, revision, query, body)

    def _commit(self, repo: Repo, repo_id: str, revision: str, query: dict, body: bytes):
        self.before_commit(self)
        lines = [json.loads(line) for line in body.splitlines()]
        head = lines[0]["value"]
        if "create_pr" not in query and head.get("parentCommit") not in (None, repo.refs[revision]):
            return 412, {"error": "A commit has happened since. Please refresh and try again."}
        files = dict(repo.files(revision))
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.blobs[value["oid"]]
            elif line["key"] in ("deletedFile", "deletedFolder"):
                gone = value["path"].rstrip("/")
                files = {p: c for p, c in files.items() if p != gone and not p.startswith(f"{gone}/")}
        ref = f"refs/pr/{len(repo.log)}" if "create_pr" in query else revision
        changed = [line["value"]["path"] for line in lines[1:]]
        sha = repo.commit(files, ref, title=head["summary"], text=head.get("description", ""), paths=changed)
        web = f"{self.address}/{repo_id}"
        number = ref.rpartition("/")[2]
        return 200, {
            "commitUrl": f"{web}/commit/{sha}",
            "commitOid": sha,
            "pullRequestUrl": f"{web}/discussions/{number}",
        }


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hub.calls.append((self.command, url.path))
            hub.received.append((self.command, url.path, len(body)))
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            writes = self.command in ("POST", "PUT", "DELETE") and not url.path.startswith(
                ("/api/validate", "/lfs/")
            )
            fault = next((s for (m, p), s in hub.faults.items() if m == self.command and p in url.path), None)
            if fault == 0:
                self.close_connection = True
                return self.connection.close()
            if fault is not None:
                return self._json(fault, {"error": "planned"})
            if (token and token not in hub.tokens) or (writes and not token):
                return self._json(401, {"error": "Invalid credentials in Authorization header"})
            if url.path.startswith("/lfs/"):
                hub.blobs[url.path.rpartition("/")[2]] = body
                return self._json(200, {})
            if url.path.endswith("/info/lfs/objects/batch"):
                return self._json(200, self._batch(json.loads(body)))
            if url.path.startswith("/api/"):
                return self._json(*hub.api(url.path, parse_qs(url.query, True), body))
            return self._resolve(url.path)

        do_POST = do_PUT = do_HEAD = do_DELETE = do_GET

        def _batch(self, asked: dict) -> dict:
            upload = {
                o["oid"]: {"upload": {"href": f"{hub.address}/lfs/{o['oid']}"}} for o in asked["objects"]
            }
            # As the Git LFS protocol has it: no `actions` for what the server holds already.
            objects = [
                o | ({} if o["oid"] in hub.blobs else {"actions": upload[o["oid"]]}) for o in asked["objects"]
            ]
            return {"transfer": "basic", "objects": objects}

        def _resolve(self, path: str):
            match = re.fullmatch(r"/(?:(dataset|space)s/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            repo = hub.repos.get((match[1] or "model", match[2])) if match else None
            files = repo.files(match[3]) if repo else None
            if files is None or unquote(match[4]) not in files:
                code = "RepoNotFound" if repo is None else "EntryNotFound"
                return self._json(404, {"error": code, "code": code})
            content = files[unquote(match[4])]
            revision = unquote(match[3])
            headers = {
                "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
                "X-Repo-Commit": repo.refs.get(revision, revision),
            }
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            if not asked:
                return self._send(200, content, {"Content-Type": "application/octet-stream", **headers})
            first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            return self._send(206, content[first : last + 1], headers)

        def _json(self, status: int, content):
            headers = {"Content-Type": "application/json"}
            if status >= 400:
                headers |= {
                    "X-Error-Message": str(content.get("error", "")),
                    "X-Error-Code": content.get("code", ""),
                }
            self._send(status, json.dumps(content).encode(), headers)

        def _send(self, status: int, data: bytes, headers: dict[str, str]):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, *_):
            pass

    return Handler


def client_environment(address: str, home: object, token: str | None = "hf_write") -> dict[str, str]:
    """What a client's process needs for the HF_ variables around it: the stand-in, and an empty home."""
    found = {
        "HF_ENDPOINT": address,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HOME": str(home),
    }
    return found | ({"HF_TOKEN": token} if token else {})


@contextmanager
def serve(hub: Hub | None = None):
    """Serve on a free port while the block runs; yields the hub, its `address` set."""
    hub = hub or Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()

"""`komep publish`: a release on the Hub, in one commit, under a version that is never written twice.

`main` holds the Parquet files and the card; the branch `script` holds the loading script for `datasets`
before version 4: later ones refuse a repository with a script beside its data. What to send is worked
out first, by comparing the release with what the Hub has; a dry run ends there.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from komep_dataset.errors import KomepError
from komep_dataset.hub import changelog
from komep_dataset.hub.card_merge import merge_card
from komep_dataset.hub.changelog import version_numbers
from komep_dataset.hub.client import HubUnreachable, Remote, RemoteFile, Repository, check_token
from komep_dataset.hub.leaks import find_leaks, patterns
from komep_dataset.release.card.statement import unrecorded
from komep_dataset.release.facts import read_facts
from komep_dataset.release.sums import is_release_file, parse_sums, read_sums, sum_problems, tops
from komep_dataset.schema import BUILD_FILE, PROVENANCE_FILE, SUMS_FILE

CARD, CHANGELOG, BRANCH = "README.md", "CHANGELOG.md", "script"
TEXTS = (CARD, CHANGELOG, BUILD_FILE, PROVENANCE_FILE, SUMS_FILE)
GATED = ("auto", "manual")
FIRST = "v0.1.0"
_OUR_BRANCH_FILES = (".gitattributes",)  # the Hub's own


@dataclass(frozen=True, slots=True)
class Release:
    """A release folder that may be published: its facts, its card, and the SHA-256 of every file of it but SHA256SUMS."""

    folder: Path
    facts: dict[str, Any]
    card: str
    sums: dict[str, str]
    strays: tuple[str, ...] = ()  # what lies there and is not of the release


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to a file on the Hub: `new`, `changed`, `renamed` (its content is there under another name),
    `unchanged`, `deleted`; bytes that are sent."""

    path: str
    what: str
    size: int


@dataclass
class Plan:
    """What a publication does; with neither files nor a tag to set, the release is on the Hub already."""

    repo_id: str
    version: str
    files: dict[str, Path | bytes] = field(default_factory=dict, repr=False)
    gone: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    card: str = field(default="", repr=False)
    message: str = ""
    set_tag: bool = True
    published: bool = False  # True: nothing of it was left to do
    access: str = ""  # who will see it, in words


def read_release(folder: Path) -> Release:
    """A release that is whole and without secrets; files of others that lie there are not sent.

    Raises `KomepError` naming the first files that are changed, missing, unlisted or hold a secret.
    """
    folder = Path(folder)
    facts = read_facts(folder)
    problems, listed, strays = sum_problems(folder), read_sums(folder)[0], []
    if not any(name in listed or is_release_file(name) for name, _ in problems):
        strays, problems = tops((name for name, _ in problems), listed), []
    script = "is a script; `datasets` 4 and later refuse a dataset with one"
    problems += [(path.name, script) for path in sorted(folder.glob("*.py"))]
    _refuse(folder, problems, "build the release again, or take the file away")
    try:
        leaks = list(find_leaks(folder, [*listed, SUMS_FILE], patterns()))
    except OSError as error:
        raise KomepError(f"{error.filename or folder}: cannot be read ({error.strerror or error})") from error
    leaks = [(name, f"holds what looks like a secret ({kind})") for name, kind in leaks]
    _refuse(folder, leaks, "remove it, and revoke it if it was real; nothing was sent")
    return Release(folder, facts, (folder / CARD).read_text("utf-8"), listed, tuple(strays))


def _refuse(folder: Path, problems: list[tuple[str, str]], remedy: str) -> None:
    if problems:
        first = "; ".join(f"{name}: {what}" for name, what in problems[:5])
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise KomepError(f"{folder} is not published: {first}{more}; {remedy}")


# The plan


def _versions(remote: Remote) -> tuple[list[str], list[str]]:
    """(versions that are tags, versions of the change log), each newest first."""
    return changelog.newest_first(remote.tags), changelog.entries(remote.texts.get(CHANGELOG, ""))


def next_version(remote: Remote | None, data_changed: bool) -> str:
    """The version after the newest on the Hub: the next minor, or the next patch if the data are the same."""
    tags, logged = _versions(remote) if remote else ([], [])
    newest = max(map(version_numbers, (*tags, *logged)), default=None)
    if newest is None:
        return FIRST
    major, minor, patch = newest
    return f"v{major}.{minor + 1}.0" if data_changed else f"v{major}.{minor}.{patch + 1}"


def _facts_of(remote: Remote | None) -> dict[str, Any]:
    """What the release on the Hub says of itself; empty where there is none that can be read."""
    facts: dict[str, Any] = {}
    for name in (BUILD_FILE, PROVENANCE_FILE) if remote else ():
        try:
            content = json.loads(remote.texts[name])
        except (KeyError, ValueError):
            continue
        facts |= content if isinstance(content, dict) else {}
    return facts


class Content(NamedTuple):
    """What a file on the Hub is to hold: a file of the release, or bytes, and their SHA-256."""

    source: Path | bytes
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> "Content":
        return cls(data, hashlib.sha256(data).hexdigest())

    @property
    def size(self) -> int:
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    def is_at(self, there: RemoteFile | None) -> bool:
        """Whether the Hub has it: by SHA-256 for large files, by git's id of a blob for the others."""
        if there is None or self.size != there.size:
            return False
        if there.sha256:
            return self.sha256 == there.sha256
        data = self.source if isinstance(self.source, bytes) else self.source.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() == there.blob


def compare(files: Mapping[str, Content], there: Mapping[str, RemoteFile], gone: list[str]) -> list[Change]:
    """What happens to each file, by path. A release that grows numbers its shards anew."""
    changes = [Change(path, "deleted", 0) for path in gone]
    known = {file.sha256 for file in there.values()}
    for path, content in files.items():
        if content.is_at(there.get(path)):
            changes.append(Change(path, "unchanged", 0))
        elif isinstance(content.source, Path) and content.sha256 in known:
            changes.append(Change(path, "renamed", 0))
        else:
            changes.append(Change(path, "changed" if path in there else "new", content.size))
    return sorted(changes, key=lambda change: change.path)


def _differs(files: Mapping[str, Content], there: Mapping[str, RemoteFile]) -> list[str]:
    """Paths whose content is not there, those that follow from the others left out."""
    names = [path for path in files if path not in (CHANGELOG, SUMS_FILE)]
    return [path for path in names if not files[path].is_at(there.get(path))]


def _with_log(files: Mapping[str, Content], log: bytes) -> dict[str, Content]:
    """The files with a change log, and a SHA256SUMS over all: of the merged card, not the one in the folder."""
    files = {**files, CHANGELOG: Content.of(log)}
    lines = [f"{files[path].sha256}  {path}\n" for path in sorted(files)]
    return {**files, SUMS_FILE: Content.of("".join(lines).encode())}


def make_plan(
    release: Release,
    remote: Remote | None,
    repo_id: str,
    *,
    tag: str | None = None,
    tagged: Mapping[str, RemoteFile] | None = None,
    message: str = "",
    date: str = "",
) -> Plan:
    """What to send; asks nobody.

    Args:
        remote: the repository as it is; None = it is not there.
        tag: the version that was asked for; by default the next one.
        tagged: the tree at that version, where it exists.
        message, date: of the entry in the change log, and of the commit.

    Raises:
        KomepError: the version exists with other content, or is not above the newest.
    """
    there = remote or Remote("")
    former = _facts_of(remote)
    own = re.sub(
        r'^(pairs|scored) = load_dataset\("(?:[^"\\]|\\.)*"(.*?# )(?:the folder .*, )?',
        lambda found: f'{found[1]} = load_dataset("{repo_id}"{found[2]}',
        release.card,
        flags=re.MULTILINE,
    )
    # The Hub's name is the same anywhere.
    own = re.sub(r"^Run this beside the folder .*\n\n", "", own, flags=re.MULTILINE)
    card = merge_card(there.texts.get(CARD), own, repo_id)
    files = {name: Content(release.folder / name, digest) for name, digest in release.sums.items()}
    files[CARD] = Content.of(card.text.encode())
    listed, _ = parse_sums(there.texts.get(SUMS_FILE, ""))
    gone = sorted((listed.keys() & there.files.keys()) - {*files, CHANGELOG})
    plan = Plan(repo_id, "", notes=list(card.notes), card=card.text, message=message)
    if release.strays:
        plan.notes.append(f"not of the release, and not sent: {', '.join(release.strays)}")
    tags, logged = _versions(there)
    differs = _differs(files, there.files) + gone
    if tag is not None and tagged is not None:
        # The card has what people wrote since that version: it does not tell versions apart.
        if others := [path for path in _differs(files, tagged) if path != CARD]:
            raise KomepError(
                f"{repo_id}: {tag} exists with another content (first: {others[0]}); a version is never "
                "overwritten, leave --tag out to get the next one"
            )
        plan.version, plan.set_tag, plan.published, plan.notes = tag, False, True, []
        return plan
    if not differs and logged:  # the release is there; its tag may have been lost on the way
        plan.version, plan.set_tag = logged[0], logged[0] not in tags
        plan.published = not plan.set_tag
        plan.changes = compare(_with_log(files, there.texts[CHANGELOG].encode()), there.files, [])
        return plan
    plan.version = tag or next_version(remote, release.facts["content_hash"] != former.get("content_hash"))
    newest = max((*tags, *logged), key=version_numbers, default=None)
    if newest and version_numbers(plan.version) <= version_numbers(newest):
        told = f"the newest version is {newest}; give a higher one"
        raise KomepError(f"--tag {plan.version}: {told}", exit_code=2)
    entry = changelog.changelog_entry(plan.version, release.facts, former, message, date)
    files = _with_log(files, changelog.with_entry(there.texts.get(CHANGELOG), entry))
    plan.changes = compare(files, there.files, gone)
    sent = {change.path for change in plan.changes if change.what in ("new", "changed", "renamed")}
    plan.files, plan.gone = {path: files[path].source for path in files if path in sent}, gone
    return plan


def script_files(repo_id: str, version: str) -> dict[str, bytes]:
    """The branch `script`: the builder, reading that version, under the name that `datasets` 3 looks for."""
    text = (Path(__file__).parents[1] / "komep.py").read_text("utf-8")
    pinned = text.replace('REVISION = "main"', f'REVISION = "{version}"')
    about = (
        f"# {repo_id}, for `datasets` before version 4\n\n"
        f"This branch holds a loading script for {version} and no data. With a newer `datasets`, or where "
        f'scripts are not wanted, leave the revision out: `load_dataset("{repo_id}")` reads Parquet.\n\n'
        f'```python\nload_dataset("{repo_id}", revision="{BRANCH}", trust_remote_code=True)\n```\n'
    )
    return {f"{repo_id.split('/')[1]}.py": pinned.encode(), CARD: about.encode()}


# Doing it


def publish(
    folder: Path,
    repo_id: str,
    *,
    public: bool = False,
    private: bool = False,
    gated: str | None = None,
    dry_run: bool = False,
    tag: str | None = None,
    message: str = "",
) -> Plan:
    """Publish a release; done twice, the second time sends nothing. A new repository is private.

    Args:
        folder: what `komep build` wrote.
        repo_id: ORG/NAME on the Hub; made if it is not there.
        public: let everybody see it, once all of it is there.
        private: hide one that is public; with neither, a repository that is there stays as it is.
        gated: `auto` or `manual` approval of those who ask for access; None leaves it as it is.
        dry_run: read and plan, write nothing; without a network, as for a new repository.
        tag: the version, v1.2.3; by default the next one.
        message: for the change log and the commit.

    Raises:
        KomepError: a folder that may not be published, terms that nobody stated where everybody would see it, a token or
            repository that the Hub refuses, no network, a version that exists with other content, or somebody who wrote
            meanwhile. Nothing half-done is visible.
    """
    repository = Repository(repo_id)
    repository.check_id()
    if public and private:
        raise KomepError("--public, --private: give one of them", exit_code=2)
    if gated not in (None, *GATED):
        raise KomepError(f"--gated {gated}: give one of {', '.join(GATED)}", exit_code=2)
    if tag is not None:
        version_numbers(tag)
    release = read_release(folder)
    if public:
        _check_terms(release, "--public")
    if not dry_run:
        check_token()
    unseen = None
    try:
        remote = repository.read(TEXTS)
        tagged = repository.tree(tag) if remote and tag in remote.tags else None
    except HubUnreachable as error:
        if not dry_run:
            raise
        remote, tagged, unseen = None, None, f"{error}: shown as for a repository that is not there yet"
    stays_public = bool(remote and not remote.private and not private)
    if stays_public and not public:
        _check_terms(release, f"{repo_id} is public")
    date = datetime.now(UTC).date().isoformat()
    plan = make_plan(release, remote, repo_id, tag=tag, tagged=tagged, message=message, date=date)
    if unseen:
        plan.notes.append(unseen)
    is_public = public or stays_public
    if is_public and (stated := unrecorded(release.facts)):
        told = "public, and the release states that the terms of these are unknown"
        plan.notes.append(f"{told}: {'; '.join(stated)}")
    now, other = ("public", "private") if is_public else ("private", "public")
    was = f", {'as it was' if is_public != remote.private else f'and was {other}'}" if remote else ""
    plan.access = now + was + (f"; gated, {gated} approval" if gated else "")
    if dry_run:
        return plan
    if plan.files:
        repository.check_card(plan.card)
    commit = remote.commit if remote else repository.create(private=True)
    hide = True if private and remote and not remote.private else None
    gate = None if remote and gated == remote.gated else gated
    if hide or gate:
        repository.set_access(private=hide, gated=gate)
    if plan.files or plan.gone:
        title = f"{plan.version}: {message}" if message else f"{plan.version}, by komep publish"
        commit = repository.commit(plan.files, plan.gone, parent=commit, title=title.splitlines()[0]).oid
    if plan.set_tag:
        repository.create_tag(plan.version, commit, message)
    if not _publish_script(repository, plan.version, remote, commit):
        plan.published = False
    if public and (remote is None or remote.private):
        repository.set_access(private=False, gated=None)
    return plan


def _check_terms(release: Release, why: str) -> None:
    """Raise `KomepError` where everybody would see a release and nobody said under which terms its parts are."""
    open_terms = unrecorded(release.facts)
    if open_terms and not release.facts["options"].get("license"):
        raise KomepError(
            f"{why}: {release.folder} has no licence, and the terms of these are not recorded: {'; '.join(open_terms)}. Build "
            "it with `komep build --license ID` (as cc-by-4.0; unknown, if you do not know, which the card then says), or publish it "
            "privately"
        )


def _publish_script(repository: Repository, version: str, remote: Remote | None, commit: str) -> bool:
    """Bring the branch `script` to a version; True where it was there already."""
    newest = _versions(remote)[0][:1] if remote else []
    if newest and version_numbers(newest[0]) > version_numbers(version):
        return True  # an older version was named, and is there: the script stays with the newest
    head = remote.branches.get(BRANCH) if remote else None
    if head is None:
        repository.create_branch(BRANCH, commit)
        head = commit
    there = repository.tree(head)
    files = script_files(repository.id, version)
    changed = {path: data for path, data in files.items() if not Content.of(data).is_at(there.get(path))}
    gone = sorted(there.keys() - {*files, *_OUR_BRANCH_FILES})
    if changed or gone:
        repository.commit(changed, gone, parent=head, title=f"Loading script of {version}", branch=BRANCH)
    return not (changed or gone)

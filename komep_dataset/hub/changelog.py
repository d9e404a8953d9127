"""Versions of a published dataset, and the CHANGELOG.md that says what each of them holds."""

import re
from typing import Any

from komep_dataset.build_options import OPTIONS
from komep_dataset.errors import KomepError

VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_ENTRY = re.compile(r"^## (v\d+\.\d+\.\d+)\b", re.MULTILINE)
_HEAD = "# Changelog\n\nWhat each version of this dataset holds, newest first; each is a tag.\n"


def version_numbers(text: str) -> tuple[int, int, int]:
    """`v1.2.3` -> (1, 2, 3); wrong usage for anything else."""
    found = VERSION.fullmatch(text)
    if not found:
        raise KomepError(f"--tag {text}: give a version as v1.2.3", exit_code=2)
    return tuple(int(number) for number in found.groups())


def newest_first(versions) -> list[str]:
    """Those of some names that are versions, newest first."""
    return sorted({v for v in versions if VERSION.fullmatch(v)}, key=version_numbers, reverse=True)


def entries(text: str) -> list[str]:
    """The versions that a change log tells of, newest first."""
    return newest_first(_ENTRY.findall(text))


def changelog_entry(
    version: str, facts: dict[str, Any], former: dict[str, Any], message: str, date: str
) -> str:
    """The section of one version: its message, rows by config and split, and what is not as before."""
    lines = [f"## {version} ({date})", ""]
    if message:
        lines += [message, ""]
    lines += ["| config | split | rows | against the version before |", "|---|---|---|---|"]
    before = former.get("rows", {})
    for config, splits in facts["rows"].items():
        for split, rows in splits.items():
            change = f"{rows - before.get(config, {}).get(split, 0):+,}" if former else "–"
            lines.append(f"| `{config}` | {split} | {rows:,} | {change} |")
    return "\n".join([*lines, "", *_differences(facts, former)]) + "\n"


def _differences(facts: dict[str, Any], former: dict[str, Any]) -> list[str]:
    if not former:
        return ["First version."]
    same = facts["content_hash"] == former.get("content_hash")
    lines = ["The data are the same." if same else "The data changed."]
    lines += [f"Config `{c}` is gone." for c in former.get("rows", {}) if c not in facts["rows"]]
    # An option that the former version did not know had its default.
    defaults = {o.name: o.unsaid for o in OPTIONS if o.name in facts.get("options", {})}
    options, before = facts.get("options", {}), defaults | former.get("options", {})
    for key in sorted(options.keys() | before.keys()):
        if options.get(key) != before.get(key):
            lines.append(f"Option `{key}`: {before.get(key)} before, now {options.get(key)}.")
    models, earlier = set(facts.get("models", {})), set(former.get("models", {}))
    for what, names in (("New", models - earlier), ("Gone", earlier - models)):
        if names:
            lines.append(f"{what} responders: {', '.join(f'`{name}`' for name in sorted(names))}.")
    return lines


def with_entry(former: str | None, entry: str) -> bytes:
    """The change log with an entry above the others; text that people wrote above them stays on top."""
    text = former or _HEAD
    found = re.search(r"^## ", text, re.MULTILINE)
    at = found.start() if found else len(text)
    before = text[:at].rstrip("\n")
    return "\n\n".join(part.strip("\n") for part in (before, entry, text[at:]) if part).encode() + b"\n"

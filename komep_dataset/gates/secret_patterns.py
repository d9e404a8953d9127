"""What tokens and keys look like: for the texts of a build, and for the files that are about to be published."""

from __future__ import annotations

# Prefixes and lengths as the issuers document them; Python's `re`, RE2 (pyarrow) and Rust's regex (polars) read these.
KINDS = {
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "OpenAI-style key": r"\bsk-[A-Za-z0-9_-]{20,}",
    "AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22,})",
    "Google API key": r"\bAIza[0-9A-Za-z_-]{35}",
    "Slack token": r"\bxox[abprs]-[0-9A-Za-z-]{10,}",
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
}
# Literal pieces of which a text has one if it has any of `KINDS`: a fast first look.
HINTS = r"hf_|sk-|AKIA|ASIA|gh[pousr]_|github_pat_|AIza|xox[abprs]-|PRIVATE KEY"

"""The GPU check: every figure that a card owes us, by one command. `check.sh` starts it, docs/gpu.md has the results."""

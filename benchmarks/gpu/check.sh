#!/usr/bin/env bash
# What a GPU owes us, in order of worth, in nine minutes or --seconds: bash benchmarks/gpu/check.sh [options of benchmarks/gpu/check.py]
# A machine without a network needs the wheels of `make gpu-wheels` in .gpu/ (or --wheels FOLDER, as the first option);
# what is installed there already stays. PYTHON names the interpreter.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PYTHON="${PYTHON:-python3}"
site="${KOMEP_GPU_SITE:-/tmp/komep-gpu}"
wheels=.gpu
if [ "${1:-}" = --wheels ]; then
  wheels="${2:?--wheels: a folder is needed}"
  [ -d "$wheels" ] || { echo "error: --wheels $wheels: no such folder" >&2; exit 2; }
  shift 2
fi
if [ -d "$wheels" ]; then
  KOMEP_GPU_SITE="$site" bash benchmarks/gpu/install.sh "$wheels" || echo "the steps that need what is missing will say so"
fi
if [ -d "$site/site" ]; then export PYTHONPATH="$site/site${PYTHONPATH:+:$PYTHONPATH}"; fi
exec "$PYTHON" -m benchmarks.gpu.check "$@"

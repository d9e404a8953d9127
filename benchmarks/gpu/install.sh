#!/usr/bin/env bash
# Install the wheels that benchmarks/gpu/wheels.py packed, without network and without dependencies.
#
#     bash benchmarks/gpu/install.sh .gpu            # or .gpu/part-1, and in a later call .gpu/part-2
#     export PYTHONPATH=/tmp/komep-gpu/site:$PWD     # the repository travels as source
#
# They go into $KOMEP_GPU_SITE/site (KOMEP_GPU_SITE is /tmp/komep-gpu unless it is set), for the Python named by PYTHON
# (python3). The pieces of a split wheel are kept until all have come. What is installed already is left alone; what
# cannot be installed is named on a line of its own, and the rest goes on.
set -u
shopt -s nullglob

python=${PYTHON:-python3}
home=${KOMEP_GPU_SITE:-/tmp/komep-gpu}
site=$home/site parts=$home/parts new=$home/new
started=$(date +%s)
mkdir -p "$site" "$parts" || exit 1
rm -rf "$new" && mkdir "$new" || exit 1

install() {
    "$python" -m pip install -q --disable-pip-version-check --no-index --no-deps --no-compile --no-cache-dir \
        --upgrade --target "$site" "$@" >"$home/pip.log" 2>&1
}

failed=0 marks=()
for folder in "$@"; do
    [ -d "$folder" ] || { echo "$folder: no such folder"; failed=1; continue; }
    for from in "$folder" "$folder"/part-*/; do
        for file in "$from"/*.whl; do ln -s "$(realpath "$file")" "$new/"; done
        for file in "$from"/*.whl.part-?; do cp "$file" "$parts/"; done
        for file in "$from"/*.tar.xz; do
            # nothing is unpacked again whose wheels are all installed
            mark=$site/.unpacked-$(sha256sum "$file" | cut -c1-16)
            [ -e "$mark" ] && continue
            if "$python" -m tarfile -e "$file" "$new" >"$home/pip.log" 2>&1 || tar -xf "$file" -C "$new" 2>/dev/null
            then marks+=("$mark")
            else echo "$file: cannot be unpacked: $(tail -n 1 "$home/pip.log")"; failed=1; fi
        done
    done
done

for first in "$parts"/*.whl.part-a; do
    pieces=("${first%a}"?)
    # the second part is the last one (wheels.py)
    [ ${#pieces[@]} -eq 2 ] && cat "${pieces[@]}" >"$new/$(basename "${first%.part-a}")"
done

wheels=()
for wheel in "$new"/*.whl; do
    IFS=- read -r name version _ <<<"$(basename "$wheel")"
    [ -d "$site/$name-$version.dist-info" ] || wheels+=("$wheel")
done
if [ ${#wheels[@]} -gt 0 ] && ! install "${wheels[@]}"; then
    for wheel in "${wheels[@]}"; do
        install "$wheel" && continue
        failed=$((failed + 1))
        echo "$(basename "$wheel"): cannot be installed: $(grep -m 1 ERROR "$home/pip.log" || tail -n 1 "$home/pip.log")"
    done
fi
[ $failed -eq 0 ] && touch ${marks[@]+"${marks[@]}"} "$home/pip.log"
rm -rf "$new"
echo "install: ${#wheels[@]} wheels were to install, $failed failures, $(($(date +%s) - started)) s, into $site"
[ $failed -eq 0 ]

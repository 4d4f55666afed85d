#!/usr/bin/env bash
# Writes requirements.lock (to run) and requirements-dev.lock (to run and to check).
#
# The locks name versions and no builds: `torch==2.13.0` becomes the CUDA build on one machine and
# the CPU build on another, and pip finds NVIDIA's libraries by itself where they are wanted.
set -euo pipefail
cd "$(dirname "$0")/.."

main() {
    if [ ! -x .venv/lock/bin/pip-compile ]; then
        .venv/bin/python -m venv .venv/lock
        .venv/lock/bin/python -m pip install --quiet pip-tools
    fi
    compile requirements.lock
    compile requirements-dev.lock --extra dev --constraint requirements.lock
}

compile() {
    CUSTOM_COMPILE_COMMAND="make lock" .venv/lock/bin/pip-compile --quiet --upgrade \
        --strip-extras --allow-unsafe --no-emit-index-url --no-emit-trusted-host \
        --no-emit-find-links --no-emit-options --output-file "$1" "${@:2}" pyproject.toml
    any_build "$1" >"$1.new"
    mv "$1.new" "$1"
}

any_build() {
    awk '/^[[:alnum:]#]/ { skip = /^(nvidia-|cuda-|triton)/ } !skip' "$1" |
        sed -E 's/^(torch==[0-9.]+)\+[a-z0-9.]+/\1/'
}

main

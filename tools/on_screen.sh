#!/usr/bin/env bash
# Runs a command on the display there is, else on a virtual one, else without.
#
#   tools/on_screen.sh COMMAND [ARGUMENT ...]
set -euo pipefail

if [ "$(uname)" = Linux ] && [ -z "${DISPLAY:-}" ] && command -v xvfb-run >/dev/null; then
    exec xvfb-run -a -s "-screen 0 1600x1000x24" "$@"
fi
exec "$@"

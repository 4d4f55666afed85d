#!/usr/bin/env bash
# What make needs before it can start: a screen, Python, an environment, system libraries.
#
#   tools/setup.sh STEP      STEP: screen | environment | libraries | virtual_screen
#
# Every step looks first, installs with apt-get where it may, else says in one line what to do.
set -euo pipefail
cd "$(dirname "$0")/.."

# The locked libraries have wheels for these; antspyx and its SciPy have none for 3.14.
readonly PYTHON_IS_RIGHT='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'

main() {
    case "${1:-}" in
        screen | environment | libraries | virtual_screen) "$1" ;;
        *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
    esac
}

# A window needs a display; without one Qt would abort with a page of plugin names.
screen() {
    [ "$(uname)" = Linux ] || return 0
    [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}${QT_QPA_PLATFORM:-}" ] || return 0
    die "there is no display to open the window on (neither DISPLAY nor WAYLAND_DISPLAY is set);" \
        "start it from a desktop, or on a virtual screen: xvfb-run -a make run"
}

environment() {
    local python version
    ! .venv/bin/python -m pip --version >/dev/null 2>&1 || return 0
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
        install_packages "to make a virtual environment" "$version-venv"
    fi
    "$python" -m venv --clear .venv
}

# The loader knows best what Qt misses on this machine, so it is asked.
libraries() {
    [ "$(uname)" = Linux ] || return 0
    local missing packages
    missing=$(ldd $(qt_files) | awk '/=> not found/ {print $1}' | sort -u)
    [ -n "$missing" ] || return 0
    mapfile -t packages < <(package_of <<<"$missing" | sort -u)
    # No file names the last two: software OpenGL, and the cursors that VTK opens while it runs.
    install_packages "for Qt and OpenGL" "${packages[@]}" libgl1-mesa-dri libxcursor1
}

# Tests that need OpenGL are skipped when this finds no way.
virtual_screen() {
    [ "$(uname)" = Linux ] && [ -z "${DISPLAY:-}" ] || return 0
    ! { command -v xvfb-run && command -v xauth; } >/dev/null || return 0
    if may_install; then
        install_packages "for a virtual screen" xvfb xauth
    else
        say "no display and no virtual screen, so tests that need OpenGL are skipped;" \
            "to run them: $(by_hand xvfb xauth)"
    fi
}

# The real path, so that the environment is built anew when a system upgrade takes this Python away.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c "$PYTHON_IS_RIGHT" 2>/dev/null; then
            "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
            return
        fi
    done
    die "Python 3.11, 3.12 or 3.13 is needed (tried ${PYTHON:-python3, python3.13, .12 and .11});" \
        "install one, or name it: make run PYTHON=/path/to/python3.12"
}

qt_files() {
    local qt
    qt=$(.venv/bin/python -c 'import PySide6; print(PySide6.__path__[0])')
    ls "$qt"/Qt{Widgets,OpenGLWidgets,Svg}.abi3.so "$qt"/Qt/plugins/platforms/libqxcb.so \
        "$qt"/Qt/plugins/xcbglintegrations/*.so
    [ -z "${WAYLAND_DISPLAY:-}" ] || ls "$qt"/Qt/plugins/platforms/libqwayland.so
}

# Debian names a library's package after its soname: libX11-xcb.so.1 is in libx11-xcb1,
# libdbus-1.so.3 in libdbus-1-3. GLib is the exception.
package_of() {
    tr '[:upper:]_' '[:lower:]-' |
        sed -E 's/^lib(glib|gthread)-2\.0\.so\.0$/libglib2.0-0/; s/([0-9])\.so\./\1-/; s/\.so\.//'
}

install_packages() {
    local purpose=$1 packages
    shift
    mapfile -t packages < <(not_installed "$@")
    may_install || die "system packages are missing $purpose;" \
        "to install them: $(by_hand "${packages[@]}")"
    say "installing ${packages[*]} ($purpose)"
    apt-get update -qq || say "apt-get update failed; trying with the package lists there are"
    DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

not_installed() {
    local package
    for package in "$@"; do
        dpkg-query --show --showformat '${Status}' "$package" 2>/dev/null |
            grep -q 'ok installed' || echo "$package"
    done
}

by_hand() {
    if command -v apt-get >/dev/null; then
        echo "sudo apt-get install -y $*"
    else
        echo "your package manager's names for Debian's $*"
    fi
}

may_install() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; }

say() { printf 'brainviewer: %s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}

main "$@"

# Sourced by bin/syncd and bin/test, POSIX sh: keeps the virtual environment equal to a lock file.
# Needs $root, the folder of the checkout. Gives $python, the interpreter that has what the lock names.
# shellcheck shell=sh

venv=${SYNCD_VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
python=$venv/bin/python
unfinished=$venv/.syncd-unfinished

say() { printf 'syncd: %s\n' "$*" >&2; }

stop() {
    say "$*"
    exit 1
}

# prepare LOCK [COVERED]: make the environment hold LOCK; COVERED is a lock whose every line LOCK has too.
prepare() {
    holds "$1" && return
    find_python
    mkdir -p -- "$(dirname -- "$venv")"
    # The kernel drops this lock when the last process that has file 9 open ends, so a killed run leaves none behind.
    exec 9>>"$venv.lock"
    "$base" -c "$take_turn" 9>&9 || stop "cannot lock $venv.lock; name a folder on a local disk in SYNCD_VENV"
    holds "$1" || install "$@"
    exec 9>&-
}

take_turn='
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("syncd: another run is installing; waiting for it", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
'

# The stamp names the checkout as well: a folder that was moved needs its path written anew.
stamp() { printf '%s %s\n' "$(cksum <"$root/$1")" "$root"; }

holds() { [ -x "$python" ] && [ "$(cat "$venv/.syncd-$1" 2>/dev/null)" = "$(stamp "$1")" ]; }

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

has_pip() {
    "$1" -c 'from importlib.util import find_spec as f; raise SystemExit(not (f("ensurepip") or f("pip")))' >/dev/null 2>&1
}

# Versioned names first: a link to python3.12 breaks cleanly when the system drops 3.12, and is then made anew.
find_python() {
    base=
    without_pip=
    for candidate in ${SYNCD_PYTHON:+"$SYNCD_PYTHON"} python3.13 python3.12 python3.11 python3.14 python3 "$python"; do
        command -v "$candidate" >/dev/null 2>&1 && fits "$candidate" || {
            [ "$candidate" != "${SYNCD_PYTHON:-}" ] || stop "SYNCD_PYTHON=$candidate is not a Python 3.11 or newer"
            continue
        }
        if has_pip "$candidate"; then
            base=$candidate
            return
        fi
        without_pip=${without_pip:-$candidate}
    done
    [ -z "$without_pip" ] || stop "$without_pip has neither venv's ensurepip nor pip." \
        "Debian, Ubuntu: apt install python3-venv"
    stop "needs Python 3.11 or newer; python3 here is $(python3 -V 2>/dev/null || echo missing)." \
        "Debian, Ubuntu: apt install python3 python3-venv; or name one: SYNCD_PYTHON=/path/to/python3.12"
}

make_environment() {
    if [ -e "$venv" ] && [ ! -f "$venv/pyvenv.cfg" ] && [ -n "$(ls -A -- "$venv")" ]; then
        stop "$venv is not a virtual environment and not empty; it is left alone. Name another folder in SYNCD_VENV"
    fi
    "$base" -m venv --clear -- "$venv" >/dev/null 2>&1 || "$base" -m venv --clear --without-pip -- "$venv" ||
        stop "cannot make a virtual environment in $venv"
}

# An environment made by hand is filled, not replaced; one whose filling was cut short is made anew.
install() {
    if [ -e "$unfinished" ] || ! fits "$python"; then make_environment; fi
    say "installing the $(grep -c '==' "$root/$1" || :) packages of $1 into $venv"
    : >"$unfinished"
    if run_pip install -qq --disable-pip-version-check --no-input --no-compile --require-hashes -r "$root/$1"; then
        :
    else
        rm -f -- "$unfinished"
        stop "the packages could not be installed; what pip said stands above"
    fi
    site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$root" >"$site/syncd.pth"
    # Written even where PYTHONDONTWRITEBYTECODE is set: without it every start would take twice as long.
    "$python" -m compileall -q -j 0 "$site" >/dev/null 2>&1 || :
    for lock in "$@"; do stamp "$lock" >"$venv/.syncd-$lock"; done
    rm -f -- "$unfinished"
}

run_pip() {
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m pip "$@"
    elif "$base" -m pip --python "$python" --version >/dev/null 2>&1; then
        "$base" -m pip --python "$python" "$@"
    elif "$python" -m ensurepip >/dev/null 2>&1; then
        "$python" -m pip "$@"
    else
        say "neither $venv nor $base has pip 22.3 or newer. Debian, Ubuntu: apt install python3-venv"
        return 1
    fi
}

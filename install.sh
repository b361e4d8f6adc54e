#!/bin/sh
# Makes .venv with exactly the locked packages, and headway itself in place.
# On Debian or Ubuntu as root it installs python3-venv where that is missing.
set -eu
python=${1:-python3}
cd "$(dirname "$0")"

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "headway needs Python 3.11 or later; $python is $("$python" --version 2>&1)." >&2
    echo "Name another one: make install PYTHON=python3.12" >&2
    exit 2
}

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing python3-venv"
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    else
        echo "$python cannot make virtual environments; install python3-venv." >&2
        exit 2
    fi
fi

echo "installing the locked Python packages into .venv"
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .

#!/usr/bin/env sh
# Names what is missing on this machine before anything is installed.
set -u
python=${1:-python3}
for tool in "$python" git make; do
    command -v "$tool" >/dev/null 2>&1 || { echo "missing: $tool (on Debian or Ubuntu: apt-get install $tool)" >&2; exit 1; }
done
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "$python is $("$python" -V 2>&1); Python 3.11 or newer is needed (make PYTHON=python3.12 ...)" >&2; exit 1; }
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    { echo "missing: the venv module (on Debian or Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
# LightGBM's wheel looks for it on the machine.
"$python" -c 'import ctypes, sys; sys.platform == "linux" and ctypes.CDLL("libgomp.so.1")' 2>/dev/null ||
    { echo "missing: libgomp (on Debian or Ubuntu: apt-get install libgomp1)" >&2; exit 1; }

#!/bin/sh
# Brings the foreign libp2p peers into one folder and says where they are:
#   setup.sh DIR        then:  . DIR/env      ($P2PD, $PY_PYTHON)
# DIR/py    a venv with py-libp2p
# DIR/p2pd  the go-libp2p daemon, taken out of the hivemind wheel (nothing else of it is used)
# Does nothing when DIR already holds these versions. Needs Python 3.11 or newer.
set -eu
dir=${1:?usage: setup.sh DIR}
python=${PYTHON:-python3}
libp2p=0.8.1
hivemind=1.1.12

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
wanted="libp2p $libp2p, hivemind $hivemind, in $dir"
[ "$(cat "$dir/versions" 2>/dev/null)" != "$wanted" ] || exit 0

echo "installing the foreign peers: $wanted" >&2
rm -rf "$dir/py" "$dir/p2pd" "$dir/wheels"
"$python" -m venv "$dir/py"
pip() { "$dir/py/bin/pip" --disable-pip-version-check --quiet --retries 10 "$@"; }
pip install "libp2p==$libp2p"
pip download --no-deps --dest "$dir/wheels" "hivemind==$hivemind"
"$dir/py/bin/python" - "$dir" <<'END'
import glob, os, sys, zipfile
folder = sys.argv[1]
with zipfile.ZipFile(glob.glob(folder + "/wheels/hivemind-*.whl")[0]) as wheel:
    with open(folder + "/p2pd", "wb") as out:
        out.write(wheel.read("hivemind/hivemind_cli/p2pd"))
os.chmod(folder + "/p2pd", 0o755)
END
rm -rf "$dir/wheels"
printf 'export P2PD="%s" PY_PYTHON="%s"\n' "$dir/p2pd" "$dir/py/bin/python" >"$dir/env"
echo "$wanted" >"$dir/versions"

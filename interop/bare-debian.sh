#!/bin/bash
# Proves the README's commands on a bare Debian 12: a fresh root with git and Swift in it and nothing else.
#   bare-debian.sh --swift DIR [--root DIR] [--mirror URL] [--only up|test]
# DIR holds Swift's usr/. The root is made once and kept; the mirror is this system's unless told. Needs root and
# debootstrap. Prints the wall time of `./dev up` until "ready" and of `./dev test`.
set -euo pipefail
repo=$(cd "$(dirname "$0")/.." && pwd)
swift="" root=${TMPDIR:-/tmp}/starling-bare mirror="" only=""
while [ $# -gt 0 ]; do
    case $1 in
        --swift) swift=$2 ;;
        --root) root=$2 ;;
        --mirror) mirror=$2 ;;
        --only) only=$2 ;;
        *) sed -n 's/^# \{0,1\}//p' "$0" | head -n 5 >&2; exit 2 ;;
    esac
    shift 2
done
[ -x "$swift/usr/bin/swift" ] || { echo "--swift DIR: no usr/bin/swift in '$swift'" >&2; exit 2; }

# The mounts below live in a namespace of their own and end with it, as do the processes.
if [ -z "${STARLING_BARE:-}" ]; then
    export STARLING_BARE=1
    exec unshare --mount --pid --fork --kill-child -- "$0" --swift "$swift" --root "$root" --mirror "$mirror" --only "$only"
fi

if [ ! -x "$root/usr/bin/git" ]; then
    [ -n "$mirror" ] || mirror=$(find /etc/apt \( -name '*.list' -o -name '*.sources' \) -exec cat {} + |
        sed -nE 's/^(deb (\[[^]]*\] )?|URIs: *)(https?:[^ ]*\/debian)\/?( .*)?$/\3/p' | head -n 1)
    [ -n "$mirror" ] || { echo "no Debian mirror among apt's sources: give one with --mirror" >&2; exit 2; }
    debootstrap --variant=minbase --include=git,ca-certificates bookworm "$root" "$mirror" >"$root.log"
fi

# The root is a mount, as on a machine of its own: the failing disks are mounted in a namespace that needs that.
mount --bind "$root" "$root"
mkdir -p "$root/swift"
mount --bind -o ro "$swift" "$root/swift"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" # a network may have an authority of its own
rm -rf "$root/starling"
git clone --quiet "$repo" "$root/starling"

cat >"$root/proof.sh" <<'END'
set -euo pipefail
cd /starling
if [ "$1" != test ]; then
    start=$SECONDS
    ./dev up --json >/up.out &
    node=$!
    until grep -q '"event": *"ready"' /up.out; do
        kill -0 $node 2>/dev/null || { echo "./dev up ended before it was ready"; exit 1; }
        sleep 0.2
    done
    echo "./dev up: ready after $((SECONDS - start)) s: $(head -n 1 /up.out)"
    kill -INT $node
    wait $node || echo "the node ended with status $?"
fi
if [ "$1" != up ]; then
    start=$SECONDS
    ./dev test
    echo "./dev test: passed after $((SECONDS - start)) s"
fi
END
chroot "$root" env -i PATH=/swift/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/ TERM="${TERM:-dumb}" bash /proof.sh "${only:-all}"

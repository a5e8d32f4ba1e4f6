#!/bin/bash
# A bare Debian 12 in a directory, made once: what mmdebstrap's minbase has, and beside it, not installed, the packages that
# sipbridge depends on. Prints the directory's name. tests/install/conftest.py runs it before the first test.
#
#   tests/install/setup.sh        exit 0: it is there; 77: it cannot be made here (1 instead with CI=true); 1: failed
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sipbridge-e2e

give_up() {
  echo "install setup: $*" >&2
  if [ "${CI:-}" = true ]; then
    exit 1
  fi
  exit 77
}

mapfile -t later < <("$root/deploy/packages.sh" --list run)
later+=(adduser logrotate ca-certificates)
# A root's lists of packages grow old with it: it is made anew every month.
wanted=$cache/root-$({ cat "$0" && printf '%s\n' "${later[@]}" && date +%Y-%m; } | sha256sum | cut -c1-12)

[ "$(id -u)" -eq 0 ] || give_up "a root to install into can only be made by root"
mkdir -p "$cache"
exec 9>"$cache/root.lock"
flock 9
if [ ! -e "$wanted" ]; then
  command -v mmdebstrap >/dev/null || give_up "mmdebstrap is needed (Debian package of the same name)"
  echo "install setup: making a bare Debian (a minute, once)" >&2
  part=$cache/part.root.$$
  trap 'rm -rf "$part"' EXIT
  rm -rf "$cache"/root-*/
  mmdebstrap --quiet --mode=root --format=directory --variant=minbase --skip=cleanup/apt --dpkgopt=force-unsafe-io \
    --customize-hook="chroot \"\$1\" apt-get clean" \
    --customize-hook="chroot \"\$1\" apt-get install -qq --download-only ${later[*]} >/dev/null" bookworm "$part" >&2
  mv "$part" "$wanted"
fi
echo "$wanted"

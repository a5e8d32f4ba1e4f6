#!/bin/sh
# The Debian 12 packages that sipbridge needs, by purpose; installs those that are missing.
#
#   deploy/packages.sh [--list] PURPOSE...      PURPOSE: run build package test ci bench
set -eu

packages_for() {
  case $1 in
    run) echo libh2o-evloop0.13 libhiredis0.14 libcurl4 libsodium23 libssl3 libjansson4 ;;
    build)
      echo gcc libc6-dev cmake ninja-build pkg-config \
        libh2o-evloop-dev libssl-dev libhiredis-dev libcurl4-openssl-dev libsodium-dev libjansson-dev uthash-dev
      ;;
    package)
      packages_for build
      echo dpkg-dev file
      ;;
    test)
      packages_for package
      echo libcmocka-dev git curl jq python3 python3-pytest python3-pytest-xdist python3-jsonschema redis-server nginx openssl faketime nodejs procps systemd \
        apache2 caddy haproxy logrotate zsh docker-compose python3-yaml lintian mmdebstrap prometheus gnuplot-nox user-mode-linux
      ;;
    ci)
      packages_for test
      echo clang clang-format clang-tidy llvm libclang-rt-14-dev shellcheck valgrind libc6-dbg gcovr \
        chromium chromium-driver python3-selenium
      ;;
    bench)
      packages_for build
      echo python3 python3-venv webhook gnuplot-nox
      ;;
    *)
      echo "packages.sh: no such purpose: $1 (run, build, package, test, ci, bench)" >&2
      return 2
      ;;
  esac
}

is_installed() {
  dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

list_only=false
if [ "${1:-}" = --list ]; then
  list_only=true
  shift
fi
wanted=$(for purpose in "$@"; do packages_for "$purpose" || exit; done)
if $list_only; then
  printf '%s\n' "$wanted" | tr ' ' '\n' | sort -u
  exit 0
fi
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "packages.sh: this is not Debian; make sure that you have what these packages hold:" >&2
  echo "$wanted" >&2
  exit 0
fi

missing=
for package in $wanted; do
  is_installed "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
  exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "packages.sh: missing, and neither root nor sudo to install them:$missing" >&2
    exit 1
  fi
  as_root=sudo
fi
echo "installing with apt-get:$missing" >&2
# Services that a package would start (redis, nginx) are not wanted: the tests start their own.
policy=/usr/sbin/policy-rc.d
made_policy=false
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod +x "$policy"
  made_policy=true
fi
remove_policy() {
  if $made_policy; then
    $as_root rm -f "$policy"
  fi
}
trap remove_policy EXIT
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq >&2
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null

#!/bin/sh
# A software Vulkan driver for `make test-device`: Mesa's lavapipe, 25 or newer.
#
#     sh tests/device/install_driver.sh [--dry-run]
#
# Does nothing where one is. As root on Debian 12 it takes it from bookworm-backports, on the
# mirror that the machine's apt already uses; elsewhere on Debian from the suite itself. Exits 2
# with a line that says what to install where it can't.
set -eu

manifests="/usr/share/vulkan/icd.d"
packages="mesa-vulkan-drivers libvulkan1"
oldest=25
dry=""
[ "${1:-}" = "--dry-run" ] && dry="--dry-run"

fail() {
  echo "error: the GPU check needs a software Vulkan driver. Received: $1." \
    "Install $packages, version $oldest or newer (Debian 12: from bookworm-backports)" >&2
  exit 2
}

# Debian's version of the installed lavapipe, e.g. 25; 0 for none.
installed() {
  if ! ls "$manifests"/lvp_icd*.json >/dev/null 2>&1; then
    echo 0
  elif command -v dpkg-query >/dev/null; then
    version=$(dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null || true)
    echo "${version%%.*}" | grep -E '^[0-9]+$' || echo "$oldest"  # not by dpkg: built by hand
  else
    echo "$oldest"  # no dpkg: the check itself will tell
  fi
}

# The first archive of Debian's main suite that apt knows, whatever host it is on.
mirror() {
  apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
    awk -v suite="$1" '$2 == suite { print $1; exit }'
}

have=$(installed)
[ "$have" -ge "$oldest" ] && [ -z "$dry" ] && exit 0
command -v apt-get >/dev/null || fail "version $have, and no apt-get to install one"
[ "$(id -u)" = 0 ] || fail "version $have, and no root to install one"

. /etc/os-release
# apt knows its sources' suites only after an update.
[ -n "$(mirror "${VERSION_CODENAME:-}")" ] || apt-get update -qq ||
  fail "version $have, and apt-get update failed"
if [ "${VERSION_CODENAME:-}" = bookworm ]; then
  suite="$VERSION_CODENAME-backports"
  if [ -z "$(mirror "$suite")" ] || [ -n "$dry" ]; then
    uri=$(mirror "$VERSION_CODENAME")
    [ -n "$uri" ] || fail "version $have, and no mirror of $VERSION_CODENAME among the apt sources"
    key=/usr/share/keyrings/debian-archive-keyring.gpg
    line="deb [signed-by=$key] $uri $suite main"
    if [ -n "$dry" ]; then
      echo "would add: $line"
    else
      echo "$line" >"/etc/apt/sources.list.d/$suite.list"
    fi
  fi
  from="-t $suite"
else
  from=""
fi
[ -n "$dry" ] || apt-get update -qq || fail "version $have, and apt-get update failed"
# shellcheck disable=SC2086 # lists of words
apt-get install -qq -y --no-install-recommends $dry $from $packages >/dev/null ||
  fail "version $have, and apt-get could not install one"
[ -n "$dry" ] && exit 0
[ "$(installed)" -ge "$oldest" ] || fail "version $(installed) after the installation"

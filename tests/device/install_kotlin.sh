#!/bin/sh
# What tests/device/test_kotlin*.py and test_gradle.py need: a Java runtime with a font, JNA and the
# Kotlin compiler, which comes from npm into build/device/ and is not shipped.
#
#     sh tests/device/install_kotlin.sh
#
# Does nothing where all is there. Where it can't be had it says so and exits 0: the tests then skip
# with the same reason.
set -eu

version=2.4.20
cd "$(dirname "$0")/../.."
folder=build/device

missing() {
  echo "note: the Kotlin tests will be skipped. Received: $1." \
    "Install a Java runtime, libjna-java and npm, then run make test-device again" >&2
  exit 0
}

need=""
command -v java >/dev/null || need="$need default-jre-headless"
[ -e /usr/share/java/jna.jar ] || need="$need libjna-java"
[ -d /usr/share/fonts/truetype ] || need="$need fonts-dejavu-core"
command -v npm >/dev/null || need="$need npm"
if [ -n "$need" ]; then
  command -v apt-get >/dev/null || missing "no$need, and no apt-get"
  [ "$(id -u)" = 0 ] || missing "no$need, and no root to install them"
  apt-get update -qq || missing "no$need, and apt-get update failed"
  # shellcheck disable=SC2086 # a list of words
  apt-get install -qq -y --no-install-recommends $need >/dev/null ||
    missing "no$need, and apt-get could not install them"
fi
grep -q "\"version\": \"$version\"" "$folder/node_modules/kotlin-compiler/package.json" 2>/dev/null && exit 0
mkdir -p "$folder"
npm install --prefix "$folder" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
  "kotlin-compiler@$version" >/dev/null || missing "npm could not install kotlin-compiler $version"

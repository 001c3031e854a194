#!/bin/sh
# What tests/device/test_arm.py needs: qemu-user, and in build/device/arm a Python for arm64 from
# Debian with the arm64 wheels of LiteRT and NumPy, in the versions of constraints.txt.
#
#     sh tests/device/install_arm.sh PYTHON
#
# Takes what is missing, on the mirror that the machine's apt already uses; no foreign architecture
# is added to the system. Where it can't be had it says so and exits 0: the tests then skip with the
# same reason.
set -eu

python=$1
cd "$(dirname "$0")/../.."
folder=$PWD/build/device/arm
suite=bookworm # its Python is 3.11, for which the wheels below are
packages="python3.11-minimal libpython3.11-stdlib libstdc++6 zlib1g"

missing() {
  echo "note: the ARM tests will be skipped. Received: $1." \
    "Needed: qemu-user, and Debian's and Python's packages for arm64" >&2
  exit 0
}

wanted="$suite $packages $(grep -E '^(ai-edge-litert|numpy)==' constraints.txt | tr '\n' ' ')"
[ -e "$folder/.done" ] && [ "$(cat "$folder/.done")" = "$wanted" ] &&
  command -v qemu-aarch64 >/dev/null && exit 0

command -v apt-get >/dev/null || missing "no apt-get"
update() { apt-get update -qq || missing "apt-get update failed"; }
if ! command -v qemu-aarch64 >/dev/null; then
  [ "$(id -u)" = 0 ] || missing "no qemu-user, and no root to install it"
  update
  apt-get install -qq -y --no-install-recommends qemu-user >/dev/null ||
    missing "apt-get could not install qemu-user"
fi

# The first archive that has Debian's main suite, whatever host it is on.
mirror() {
  apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
    awk -v suite="$1" '$2 == suite { print $1; exit }'
}
[ -n "$(mirror "$suite")" ] || { [ "$(id -u)" = 0 ] && update; }
uri=$(mirror "$suite")
[ -n "$uri" ] || missing "no mirror of Debian's $suite among the apt sources"

rm -rf "$folder"
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/wheels"
: >"$folder/apt/status"
echo "deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main" \
  >"$folder/apt/sources.list"
private() {
  apt-get -qq -o Dir::State="$folder/apt" -o Dir::State::lists="$folder/apt/lists" \
    -o Dir::State::status="$folder/apt/status" -o Dir::Cache="$folder/apt/cache" \
    -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Install-Recommends=false \
    -o APT::Sandbox::User= -o Debug::NoLocking=1 -o Acquire::Languages=none "$@"
}
private update || missing "apt-get update for arm64 failed"
# shellcheck disable=SC2086 # a list of words
private install -y --download-only $packages >/dev/null || missing "no arm64 packages of Python"
for package in "$folder"/apt/cache/archives/*.deb; do
  dpkg-deb -x "$package" "$folder/sysroot"
done
"$python" -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: \
  -d "$folder/wheels" -c constraints.txt --python-version 3.11 --implementation cp --abi cp311 \
  --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 \
  --platform manylinux2014_aarch64 ai-edge-litert numpy || missing "no arm64 wheels"
for wheel in "$folder"/wheels/*.whl; do
  "$python" -m zipfile -e "$wheel" "$folder/site"
done
rm -rf "$folder/apt" "$folder/wheels"
echo "$wanted" >"$folder/.done"

#!/bin/sh
# Debian's chromium, in which the page is tested; CHROMIUM names another one.
set -eu
command -v "${CHROMIUM:-chromium}" >/dev/null && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "error: chromium is missing. Install it, or set CHROMIUM to its path" >&2
  exit 2
fi
apt-get update -qq
apt-get install -qq -y --no-install-recommends chromium >/dev/null

#!/bin/sh
# What tests/device/test_typescript.py needs: node, the TypeScript compiler and the types of
# react-native-fast-tflite, from npm into build/typescript/; not shipped.
#
#     sh tests/device/install_typescript.sh
#
# Does nothing where all is there. Where it can't be had it says so and exits 0: the tests then skip
# with the same reason.
set -eu

typescript=5.9.3
tflite=3.0.1
nitro=0.37.1
cd "$(dirname "$0")/../.."
folder=build/typescript

missing() {
  echo "note: the TypeScript test will be skipped. Received: $1." \
    "Install node and npm, then run make test-device again" >&2
  exit 0
}

command -v npm >/dev/null && command -v node >/dev/null || missing "no node or no npm"
grep -q "\"version\": \"$typescript\"" "$folder/node_modules/typescript/package.json" 2>/dev/null &&
  grep -q "\"version\": \"$tflite\"" "$folder/node_modules/react-native-fast-tflite/package.json" 2>/dev/null && exit 0
mkdir -p "$folder"
npm install --prefix "$folder" --no-save --no-audit --no-fund --ignore-scripts --legacy-peer-deps --loglevel=error \
  "typescript@$typescript" "react-native-fast-tflite@$tflite" "react-native-nitro-modules@$nitro" >/dev/null ||
  missing "npm could not install typescript $typescript, react-native-fast-tflite $tflite and react-native-nitro-modules $nitro"

#!/bin/sh
# Installs what one workspace needs in production, for the platform of the image, writes the bill of materials, and leaves out
# what nothing loads.
#
#   TARGETARCH=amd64 install-workspace.sh @millrace/api
set -eu

case "$TARGETARCH" in amd64) cpu=x64 ;; *) cpu=$TARGETARCH ;; esac
npm ci --omit=dev --ignore-scripts --os=linux --cpu="$cpu" --libc=glibc --workspace "$1"
node /usr/local/lib/sbom.mjs "$1" >sbom.cdx.json

# Node runs no TypeScript of a package, and stack traces of packages need no source maps
find node_modules packages services -type f \
    \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' -o -name '*.md' \) -delete
# 22 MB of tables: LangChain loads js-tiktoken/lite alone
rm -rf node_modules/js-tiktoken/dist/ranks node_modules/js-tiktoken/dist/index.*
# 10 MB in other module formats, for bundlers
rm -rf node_modules/@opentelemetry/*/build/esm node_modules/@opentelemetry/*/build/esnext
# 3 MB of data of its tests
rm -rf node_modules/bintrees/test

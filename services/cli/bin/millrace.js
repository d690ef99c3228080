#!/usr/bin/env node
const [major, minor] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 12)) await import('../dist/main.js');
else {
  process.stderr.write(`error: millrace needs Node 22.12 or newer, and this is ${process.versions.node}\n`);
  process.exitCode = 2;
}

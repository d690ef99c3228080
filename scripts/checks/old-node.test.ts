import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from '@swc/core';
import { inProject } from '../setup/project.mjs';

// A fresh machine has Node 20 until `npm ci` has brought the pinned one, and it reads a script whole before a line runs.
describe('the scripts', () => {
  const scripts = readdirSync(inProject('scripts'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.mjs') && !name.includes('node_modules'),
  );

  it.each(scripts)('have no syntax that Node 20 does not know: %s', async (name) => {
    const source = readFileSync(inProject('scripts', name), 'utf8');
    const parsing = parse(source, { syntax: 'ecmascript', target: 'es2023', explicitResourceManagement: false });
    await expect(parsing).resolves.toBeDefined();
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { lockFiles } from '../setup/complete-lock.mjs';
import { inProject } from '../setup/project.mjs';
import { forbidden } from './licences.mjs';

const lockOf = (license?: string, name = 'some-package') => ({
  [`node_modules/${name}`]: { version: '1.0.0', ...(license === undefined ? {} : { license }) },
});

describe('the licence of a package', () => {
  it.each(['MIT', 'Apache-2.0 AND MIT', '(AFL-2.1 OR BSD-3-Clause)', '(MPL-2.0 OR Apache-2.0)'])(
    'is permissive: %s',
    (licence) => {
      expect(forbidden(lockOf(licence))).toEqual([]);
    },
  );

  it.each([
    'GPL-3.0-only',
    'AGPL-3.0-or-later',
    'MPL-2.0',
    'MIT AND GPL-2.0-only',
    'SSPL-1.0',
    'UNLICENSED',
    'SEE LICENSE IN x',
  ])('is forbidden: %s', (licence) => {
    expect(forbidden(lockOf(licence))).toEqual([`some-package@1.0.0: ${licence}`]);
  });

  it('is forbidden where there is none, also deep in the tree', () => {
    expect(forbidden(lockOf(undefined, 'a/node_modules/@b/c'))).toEqual(['@b/c@1.0.0: no licence']);
  });

  it('may be another one for a package that is named with it, and for no other', () => {
    expect(forbidden(lockOf('MPL-2.0', 'lightningcss-linux-x64-gnu'))).toEqual([]);
    expect(forbidden(lockOf('GPL-3.0-only', 'lightningcss'))).toEqual(['lightningcss@1.0.0: GPL-3.0-only']);
  });

  it.each(lockFiles)('is permitted throughout %s', (name) => {
    expect(forbidden(JSON.parse(readFileSync(inProject(name), 'utf8')).packages)).toEqual([]);
  });
});

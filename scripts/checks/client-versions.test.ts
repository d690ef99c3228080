import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

const newest = JSON.parse(read('scripts/checks/client-versions.json')) as Record<string, string>;

/** Every version of a client that some workspace installs, also under another name. */
function installed(client: string): string[] {
  const packages = globSync(['package.json', '{packages,services}/*/package.json'], { cwd: root });
  const versions = packages.flatMap((path) => {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(read(path)) as Record<
      string,
      Record<string, string>
    >;
    return Object.entries({ ...dependencies, ...devDependencies }).flatMap(([name, version]) => {
      if (name === client) return version;
      return version.startsWith(`npm:${client}@`) ? version.slice(`npm:${client}@`.length) : [];
    });
  });
  return [...new Set(versions)];
}

/** The list says which major version of each client is the newest: whoever learns of a newer one writes it there, and this test
 *  fails until it is installed, tested and documented. */
describe.each(Object.entries(newest))('the client %s', (client, major) => {
  it(`is tested in its newest major version, ${major}`, () => {
    expect(installed(client).filter((version) => version.startsWith(`${major}.`))).not.toEqual([]);
  });

  it('is documented in each version that is tested', () => {
    const page = read('docs/protocols.md');
    const row = page
      .split('\n')
      .filter((line) => line.includes(`\`${client}\``))
      .join(' ');
    for (const version of installed(client)) expect(row).toContain(version);
  });
});

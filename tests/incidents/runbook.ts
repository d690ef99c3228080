import { readFileSync } from 'node:fs';
import { snippetsOf } from '../../scripts/docs/snippets.mjs';
import { inProject } from '../../scripts/setup/project.mjs';

const PAGE = 'docs/runbook.md';

/** The first command of each alert's section, by the alert's name, as the page prints it. Sections without one are left out. */
export function firstCommands(): ReadonlyMap<string, string> {
  const [, ...sections] = readFileSync(inProject(PAGE), 'utf8').split(/^## /m);
  const found = sections.flatMap((section): [string, string][] => {
    const [title = ''] = section.split('\n', 1);
    // before what to look at, so that it comes first
    const [first = ''] = section.split('**Look**');
    const command = snippetsOf(PAGE, first).find(({ language }) => language === 'sh');
    return command === undefined ? [] : [[title, command.code]];
  });
  return new Map(found);
}

import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { inProject } from '../setup/project.mjs';

const read = (file: string) => readFileSync(inProject(file), 'utf8');

/** The README is the start page of the site, too. */
const links = new Map(
  [...read('README.md').matchAll(/\[([^\]]+)\]\((docs\/[^)]+)\)/g)].map(([, text = '', href = '']) => [
    text.replaceAll('\n', ' '),
    href,
  ]),
);

/** What stands below a heading, or the whole page. */
function linked(href: string): string {
  const [file = '', anchor] = href.split('#');
  const parts = read(file).split(/^(?=## )/m);
  if (anchor === undefined) return parts.join('');
  return parts.find((part) => anchorOf(/^## (.+)/.exec(part)?.[1] ?? '') === anchor) ?? '';
}

const anchorOf = (heading: string) => heading.toLowerCase().replaceAll(' ', '-');

describe('what is asked first is answered one click from the start page', () => {
  it.each([
    [
      'my tokens come all at once',
      ['Everything arrives at once', 'a proxy collects the answer', 'doctor', '(proxies.md)'],
    ],
    ['how do I add an agent?', ['MILLRACE_GRAPHS', 'langgraph.json', '(agents.md)']],
    ['what happens on a deploy?', ['SIGTERM', 'resume on another node', 'no job is lost']],
    ['how do I let a browser watch?', ['/tokens', '"may":["watch"]', 'EventSource']],
    ['how do I cancel from a backend?', ['.cancel()', 'DELETE /jobs/:id']],
  ])('%s', (question, says) => {
    const answer = linked(links.get(question) ?? '');
    expect(says.filter((words) => !answer.includes(words))).toEqual([]);
  });
});

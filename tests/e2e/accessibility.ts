import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

/** What is wrong with a page for those who use a keyboard, a screen reader, or need contrast, one line each. */
export async function violationsOf(page: Page): Promise<string[]> {
  // the debugger's own way in: the page's policy lets in no foreign script
  await page.evaluate(axe.source);
  // the guards of a popup pass the focus on: it never stays on them
  const context = JSON.stringify({ exclude: [['[data-base-ui-focus-guard]']] });
  const { violations } = (await page.evaluate(`axe.run(${context})`)) as AxeResults;
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, html }) => `${id} ${target.join(' ')} ${html}`));
}

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { violationsOf } from './accessibility.ts';
import { hasChromium } from './chromium.ts';
import { answerOf, ask, ends, PageHarness, questions, shows } from './page-harness.ts';

const TIMEOUT_MS = 240_000;
const inChromium = hasChromium ? describe : describe.skip;

const MAIL_TO_ANN = { toolCall: { id: 'c1', name: 'mail', arguments: '{"to":"ann"}' } };

/** A picture, as PNG in base64. */
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

inChromium('the page, with agents and attachments', () => {
  let harness: PageHarness;
  beforeAll(async () => {
    harness = await PageHarness.start({
      MILLRACE_GRAPHS: 'tests/e2e/mailing-agent/langgraph.json,tests/e2e/asking-agent/langgraph.json',
      MILLRACE_MODELS: 'openai:gpt-4o-mini,openai:gpt-other',
    });
  }, TIMEOUT_MS);
  afterAll(() => harness?.[Symbol.asyncDispose](), TIMEOUT_MS);
  beforeEach(() => harness.newContext());

  async function openWith(pipeline: string) {
    const page = await harness.open();
    await page.getByRole('combobox', { name: 'Pipeline' }).click();
    await page.getByRole('option', { name: pipeline }).click();
    return page;
  }

  it(
    'lets a person approve, edit or reject what an agent wants to do, and shows what its tool answered',
    async () => {
      for (const [decision, said] of [
        ['Approve', 'sent to ann'],
        ['Edit', 'sent to bob'],
        ['Reject', 'Do not write to Ann'],
      ] as const) {
        harness.model.answer([MAIL_TO_ANN], { to: `${decision}?` });
        const page = await openWith('mailing');
        await ask(page, `${decision}?`);
        const form = page.getByRole('region', { name: 'The agent asks' });
        await form.waitFor();
        expect(await violationsOf(page)).toEqual([]);
        await form.getByRole('radio', { name: decision }).check();
        if (decision === 'Edit') {
          await form.getByLabel('Arguments').fill('{"to": ');
          await form.getByText('This is not a JSON object.').waitFor();
          await form.getByLabel('Arguments').fill('{"to": "bob"}');
        }
        if (decision === 'Reject') await form.getByLabel(/Why not/).fill(said);
        harness.model.answer(['All done.']);
        await form.getByRole('button', { name: 'Send decision' }).click();
        await answerOf(page).getByText('All done.').waitFor();
        await ends(page);
        await form.waitFor({ state: 'detached' });
        const tool = page.locator('details').filter({ hasText: 'mail' }).last();
        await tool.locator('summary').first().click();
        await tool.getByText(said).waitFor();
      }
      expect(harness.complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'answers a question of any form, in words or JSON, also after a reload',
    async () => {
      const page = await openWith('asking');
      await ask(page, 'May I?');
      const form = page.getByRole('region', { name: 'The agent asks' });
      await form.getByText('May I?').waitFor();
      await page.waitForURL(/\/c\//);
      await page.reload();
      await form.getByRole('textbox').fill('certainly');
      await form.getByRole('button', { name: 'Answer', exact: true }).click();
      await answerOf(page).getByText('You said certainly, of 1.').waitFor();
      await ask(page, 'Again?');
      await form.getByRole('button', { name: 'Approve' }).click();
      await answerOf(page).getByText('You said true, of 3.').waitFor();
      expect(harness.complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'shows reasoning folded, and an answer that is JSON as a tree',
    async () => {
      harness.model.answer([{ reasoning: 'Let me think.' }, '{"city": "Paris", ', '"sights": ["Louvre"]}'], {
        to: 'JSON?',
      });
      const page = await harness.open();
      await ask(page, 'JSON?');
      await ends(page);
      await answerOf(page).locator('.json-tree').first().waitFor();
      await answerOf(page).getByText('Louvre').waitFor();
      expect(await page.getByText('Let me think.').isVisible()).toBe(false);
      await page.getByText('Reasoning').click();
      await page.getByText('Let me think.').waitFor();
    },
    TIMEOUT_MS,
  );

  it(
    'asks the model that was picked, and sends pictures and files with the question',
    async () => {
      const gate = harness.model.gated({ to: /this/ });
      const page = await harness.open();
      await page.getByRole('combobox', { name: 'Model' }).click();
      await page.getByRole('option', { name: 'gpt-other' }).click();
      await page
        .getByLabel('Files to attach')
        .setInputFiles([{ name: 'pixel.png', mimeType: 'image/png', buffer: Buffer.from(PIXEL, 'base64') }]);
      await page.getByRole('list', { name: 'Attachments' }).getByText('pixel.png').waitFor();
      await ask(page, 'What is this?');
      const { body } = await gate.request;
      expect(body).toMatchObject({ model: 'gpt-other' });
      expect(JSON.stringify(body.messages)).toContain(PIXEL);
      await gate.say('A pixel.');
      await gate.finish();
      await ends(page);
      await questions(page).getByRole('img', { name: 'pixel.png' }).waitFor();
      await page
        .getByLabel('Files to attach')
        .setInputFiles([{ name: 'big.bin', mimeType: 'application/x', buffer: Buffer.alloc(900_000) }]);
      await page.getByRole('alert').filter({ hasText: '900 kB' }).filter({ hasText: '700 kB' }).waitFor();
      expect(harness.complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'takes a picture that is pasted, and a file that is dropped',
    async () => {
      const gate = harness.model.gated({ to: 'And these?' });
      const context = await harness.newContext();
      await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: harness.url });
      const page = await harness.open();
      const attachments = page.getByRole('list', { name: 'Attachments' });
      await page.evaluate(`(async () => {
        const bytes = Uint8Array.from(atob('${PIXEL}'), (char) => char.charCodeAt(0));
        await navigator.clipboard.write([new ClipboardItem({ 'image/png': new Blob([bytes], { type: 'image/png' }) })]);
      })()`);
      await page.getByLabel('Your question').focus();
      await page.keyboard.press('Control+V');
      await attachments.getByText('image.png').waitFor();
      await page.evaluate(`(() => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(['some notes'], 'notes.txt', { type: 'text/plain' }));
        document.querySelector('.composer').dispatchEvent(
          new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
      })()`);
      await attachments.getByText('notes.txt').waitFor();
      await ask(page, 'And these?');
      const sent = JSON.stringify((await gate.request).body.messages);
      expect(sent).toContain('data:image/png;base64,iVBORw0KGgo');
      expect(sent).toContain(Buffer.from('some notes').toString('base64'));
      await gate.finish();
      await questions(page).getByText('notes.txt').waitFor();
      expect(harness.complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'shows the same words on two devices as they are said',
    async () => {
      harness.model.answer(['One.'], { to: 'First?' });
      const page = await harness.open();
      await ask(page, 'First?');
      await ends(page);
      await page.waitForURL(/\/c\//);
      const other = await harness.open(new URL(page.url()).pathname);
      await shows(other, 'One.');
      const gate = harness.model.gated({ to: 'Second?' });
      await ask(page, 'Second?');
      await gate.say('Half');
      for (const each of [page, other]) await shows(each, 'Half');
      await other.getByRole('button', { name: 'Stop' }).click();
      for (const each of [page, other]) await answerOf(each).getByText('Stopped.').waitFor();
      expect(await questions(other).allTextContents()).toEqual(['First?', 'Second?']);
    },
    TIMEOUT_MS,
  );
});

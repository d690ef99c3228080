import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import OpenAI from 'openai';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
let client: OpenAI;
beforeAll(async () => {
  system = await SystemHarness.start({ env: { MILLRACE_GRAPHS: 'tests/e2e/asking-agent/langgraph.json' } });
  client = new OpenAI({ baseURL: `${system.url}/v1`, apiKey: 'none' });
  await eventually(async () =>
    JSON.stringify(await (await fetch(`${system.url}/pipelines`)).json()).includes('asking'),
  );
});
afterAll(() => system?.[Symbol.asyncDispose]());

const model = 'pipeline/asking';

/** The question that a response ends with. */
function questionOf({ output }: OpenAI.Responses.Response) {
  const [call] = output.filter(({ type }) => type === 'function_call');
  if (call?.type !== 'function_call') throw new Error('the response asks nothing');
  return call;
}

const answer = (asked: OpenAI.Responses.Response, output: string) =>
  client.responses.create({
    ...{ model, previous_response_id: asked.id },
    input: [{ type: 'function_call_output', call_id: questionOf(asked).call_id, output }],
  });

describe('an agent, by the client of OpenAI Responses', () => {
  it('asks by a call of "interrupt", and goes on with one output of it', async () => {
    const asked = await client.responses.create({ model, input: 'Go on?' });
    const { name, arguments: args } = questionOf(asked);
    expect([name, JSON.parse(args)]).toEqual(['interrupt', { value: { question: 'Go on?' }, node: 'ask' }]);
    const yes = await answer(asked, 'yes');
    expect(yes.output_text).toBe('You said yes, of 1.');
    await expect(answer(asked, 'later')).rejects.toMatchObject({ status: 409 });

    const next = await client.responses.create({ model, previous_response_id: yes.id, input: 'And now?' });
    expect(JSON.parse(questionOf(next).arguments)).toMatchObject({ value: { question: 'And now?' } });
    expect((await answer(next, '"done"')).output_text).toBe('You said done, of 3.');
    // an older one goes on in a copy
    const copy = await client.responses.create({ model, previous_response_id: yes.id, input: 'Or now?' });
    expect((await answer(copy, 'no')).output_text).toBe('You said no, of 3.');
  });

  it('refuses what is no answer to its question, which stays', async () => {
    const asked = await client.responses.create({ model, input: 'Go on?' });
    const output = { type: 'function_call_output' as const, call_id: 'other', output: 'yes' };
    const wrong = { model, previous_response_id: asked.id, input: [output] };
    await expect(client.responses.create(wrong)).rejects.toMatchObject({ status: 400, param: 'input' });
    await expect(
      client.responses.create({ input: 'x', model: 'gpt-4o-mini', previous_response_id: asked.id }),
    ).rejects.toMatchObject({ status: 400, param: 'model' });
    expect((await answer(asked, 'yes')).output_text).toBe('You said yes, of 1.');
  });
});

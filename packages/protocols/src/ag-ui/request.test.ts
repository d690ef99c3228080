import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RequestFault } from '../foreign/request-fault.ts';
import { agUiRequest } from './request.ts';

const IDS = { threadId: 'a-thread', runId: 'a-run-of-the-client' };
type Answerer = Parameters<typeof agUiRequest>[1];
const CHAT: Answerer = { pipeline: null, isAgent: false };
const AGENT: Answerer = { pipeline: 'support', isAgent: true };
const user = (content: unknown) => ({ id: 'u', role: 'user', content });
const bodyOf = (fields: object) => ({ ...IDS, state: {}, messages: [], tools: [], context: [], ...fields });
const jobOf = (fields: object, answerer = CHAT) => agUiRequest(bodyOf(fields), answerer).job;

function faultsOf(fields: object, answerer = CHAT): string[] {
  try {
    agUiRequest(bodyOf(fields), answerer);
  } catch (error) {
    if (error instanceof RequestFault) return error.errors.map(({ pointer }) => pointer);
    throw error;
  }
  return [];
}

describe('a request of AG-UI', () => {
  it('is a job in its thread, whose id is that of the run', () => {
    const { job, jobId, version } = agUiRequest(bodyOf({ messages: [user('Hi')] }), CHAT);
    expect(job).toMatchObject({
      ...{
        messages: [{ role: 'user', content: 'Hi' }],
        threadId: 'a-thread',
        onDisconnect: 'cancel',
      },
    });
    expect([jobId, version]).toEqual(['a-run-of-the-client', '0.0']);
    expect(agUiRequest(bodyOf({ messages: [user('Hi')], protocolVersion: '1.0' }), CHAT).version).toBe('1.0');
    expect(agUiRequest(bodyOf({ messages: [user('Hi')], runId: 'short' }), CHAT).jobId).toBeNull();
  });

  it('has the whole conversation, without what only the page showed', () => {
    const call = { id: 'c1', type: 'function', function: { name: 'look', arguments: '' } };
    const { messages } = jobOf({
      messages: [
        { id: 's', role: 'system', content: 'Be brief.' },
        user('Look!'),
        { id: 'r', role: 'reasoning', content: 'Hm' },
        { id: 'a', role: 'assistant', toolCalls: [call] },
        { id: 't', role: 'tool', toolCallId: 'c1', content: 'seen' },
        { id: 'x', role: 'activity', activityType: 'plan', content: {} },
      ],
    });
    expect(messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Look!' },
      { role: 'assistant', content: '', toolCalls: [{ callId: 'c1', name: 'look', arguments: '{}' }] },
      { role: 'tool', content: 'seen', toolCallId: 'c1' },
    ]);
  });

  it('has what is new alone, for an agent', () => {
    const messages = [user('one'), { id: 'a', role: 'assistant', content: 'two' }, user('three')];
    const job = jobOf({ messages, state: { page: 1 }, context: [{ description: 'd', value: 'v' }] }, AGENT);
    expect(job).toMatchObject({
      ...{ pipeline: 'support', messages: [{ role: 'user', content: 'three' }], streamModes: ['values'] },
      config: { ag_ui: { state: { page: 1 }, context: [{ description: 'd', value: 'v' }], forwardedProps: null } },
    });
  });

  it('has images and files', () => {
    const source = { type: 'data', value: 'aGk=', mimeType: 'image/png' };
    const { messages } = jobOf({
      messages: [
        user([
          { type: 'text', text: 'See' },
          { type: 'image', source },
          { type: 'document', source: { type: 'url', value: 'https://example.org/a.pdf' } },
          { type: 'binary', mimeType: 'audio/wav', data: 'aGk=' },
        ]),
      ],
    });
    expect(messages?.[0]?.content).toEqual([
      { type: 'text', text: 'See' },
      { type: 'image', data: 'aGk=', mediaType: 'image/png' },
      { type: 'file', url: 'https://example.org/a.pdf' },
      { type: 'audio', data: 'aGk=', mediaType: 'audio/wav' },
    ]);
  });

  it('says the context of the page and the tools of the front end to a chat', () => {
    const tool = { name: 'paint', description: 'Paints.', parameters: { type: 'object' } };
    const body = bodyOf({ messages: [user('Hi')], context: [{ description: 'Colour', value: 'red' }], tools: [tool] });
    const { job, instructions } = agUiRequest(body, CHAT);
    expect(instructions).toContain('Colour: red');
    expect(job.messages).toHaveLength(1);
    expect(job.tools).toEqual([tool]);
  });

  it.each<[string, object, unknown]>([
    ['of AG-UI', { resume: [{ interruptId: 'i1', status: 'resolved', payload: { ok: true } }] }, { i1: { ok: true } }],
    ['that was turned down', { resume: [{ interruptId: 'i1', status: 'cancelled' }] }, { i1: null }],
    ['as LangGraph forwards it', { forwardedProps: { command: { resume: 'yes' } } }, 'yes'],
  ])('answers a question: %s', (_, fields, resume) => {
    expect(jobOf({ messages: [user('old')], ...fields }, AGENT)).toMatchObject({ resume });
    expect(jobOf(fields, AGENT).messages).toBeUndefined();
  });

  it.each<[string, object, string[]]>([
    ['without a thread', { threadId: undefined }, ['/threadId']],
    ['whose thread has no such id', { threadId: 'a b' }, ['/threadId']],
    ['without messages', { messages: undefined }, ['/messages']],
    ['of an unknown role', { messages: [{ role: 'narrator', content: '' }] }, ['/messages/0/role']],
    ['with a video', { messages: [user([{ type: 'video' }])] }, ['/messages/0/content/0/type']],
    [
      'with a file at a provider',
      { messages: [user([{ type: 'image', source: { type: 'file' } }])] },
      ['/messages/0/content/0/source/type'],
    ],
    [
      'with an odd URL',
      { messages: [{ role: 'reasoning' }, user([{ type: 'image', source: { type: 'url', value: 'x' } }])] },
      ['/messages/1/content/0/url'],
    ],
    ['with a tool without a name', { messages: [user('Hi')], tools: [{}] }, ['/tools/0/name']],
    [
      'with a binary of nothing',
      { messages: [user([{ type: 'binary', mimeType: 'a/b' }])] },
      ['/messages/0/content/0'],
    ],
  ])('%s is refused, in its own words', (_, fields, pointers) => {
    expect(faultsOf(fields)).toEqual(pointers);
  });

  it('is a job or a fault, whatever it is', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('user', 'text', 'tool', 'assistant', 'data', 'url', 'image'));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        fc.oneof(word, fc.constant(null), fc.integer(), fc.boolean()),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(
          fc.constantFrom(
            'role',
            'content',
            'type',
            'source',
            'value',
            'id',
            'toolCalls',
            'function',
            'name',
            'arguments',
            'text',
          ),
          tie('tree'),
        ),
      ),
    }));
    const fields = fc.record(
      { messages: tree, tools: tree, context: tree, state: tree, forwardedProps: tree, resume: tree, runId: tree },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fields, fc.boolean(), (mutation, isAgent) => {
        faultsOf({ messages: [user('Hi')], ...mutation }, isAgent ? AGENT : CHAT);
      }),
      { numRuns: 500 },
    );
  });
});

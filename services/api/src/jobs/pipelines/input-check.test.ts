import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@millrace/runtime';
import { InputCheck } from './input-check.ts';

type Schema = Record<string, unknown>;

function check(): InputCheck & { lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
  return Object.assign(new InputCheck(createLogger({ service: 'api', level: 'info', destination })), { lines });
}

const agent = (inputSchema: Schema) => ({ name: 'agent', inputSchema });

const TOPIC: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    topic: { type: 'string', minLength: 2 },
    tags: { type: 'array', items: { enum: ['a', 'b'] } },
    'odd/key~': { type: 'number' },
  },
  required: ['topic'],
  additionalProperties: false,
};

describe('the input of an agent (PROTOCOL §2)', () => {
  it.each<[object, string[]]>([
    [{ topic: 'cats' }, []],
    [{ topic: 'cats', tags: ['a', 'b'] }, []],
    [{}, ['/input/topic']],
    [{ topic: 7 }, ['/input/topic']],
    [{ topic: 'x' }, ['/input/topic']],
    [{ topic: 'cats', tags: ['a', 'z'] }, ['/input/tags/1']],
    [{ topic: 'cats', 'odd/key~': 'x' }, ['/input/odd~1key~0']],
    [{ topic: 'cats', nope: 1 }, ['/input/nope']],
    [{ tags: 'a', nope: 1 }, ['/input/topic', '/input/nope', '/input/tags']],
  ])('%j has faults at %j', (input, pointers) => {
    expect(
      check()
        .ofInput(agent(TOPIC), input)
        .map(({ pointer }) => pointer),
    ).toEqual(pointers);
  });

  it.each([
    ['http://json-schema.org/draft-07/schema#'],
    ['https://json-schema.org/draft/2020-12/schema'],
    ['https://json-schema.org/draft/2019-09/schema'],
    [undefined],
  ])('is checked by a schema of %s', ($schema) => {
    const schema = {
      $schema,
      $id: 'https://example.org/same',
      type: 'object',
      properties: { n: { $ref: '#/definitions/n' } },
    };
    const whole = agent({ ...schema, definitions: { n: { type: 'integer' } } });
    const inputs = check();
    expect(inputs.ofInput(whole, { n: 1 })).toEqual([]);
    expect(inputs.ofInput({ ...whole, name: 'other' }, { n: 'one' })).toHaveLength(1);
    expect(inputs.lines).toEqual([]);
  });

  it('is neither changed nor quoted', () => {
    const schema = agent({ type: 'object', properties: { a: { type: 'number', default: 7 }, b: { const: 'x' } } });
    const input = { b: 'a secret' };
    const faults = check().ofInput(schema, input);
    expect(JSON.stringify(faults)).not.toContain('secret');
    expect(input).toEqual({ b: 'a secret' });
  });

  it.each<[string, Schema]>([
    ['is no schema', { type: 'nonsense' }],
    ['refers to another document', { $ref: 'https://example.org/other.json' }],
    ['is too long', { type: 'object', description: 'x'.repeat(300_000) }],
    ['has a pattern that is none', { properties: { a: { type: 'string', pattern: '(' } } }],
  ])('is taken as it is, with one line in the log, where the schema %s', (_, schema) => {
    const inputs = check();
    for (let time = 0; time < 3; time += 1) expect(inputs.ofInput(agent(schema), { a: 1 })).toEqual([]);
    expect(inputs.lines).toHaveLength(1);
  });

  it.each<[string, Schema, object]>([
    [
      'a pattern backtracks',
      { properties: { a: { type: 'string', pattern: '^(a+)+$' } } },
      { a: `${'a'.repeat(60)}!` },
    ],
    [
      'alternatives multiply',
      {
        $defs: {
          n: {
            anyOf: [
              { properties: { a: { $ref: '#/$defs/n' } } },
              { properties: { a: { $ref: '#/$defs/n' } }, required: ['z'] },
            ],
            required: ['z'],
          },
        },
        $ref: '#/$defs/n',
      },
      JSON.parse(`${'{"a":'.repeat(60)}{}${'}'.repeat(60)}`) as object,
    ],
  ])('holds a node up once, for a moment, where %s', (_, schema, input) => {
    const inputs = check();
    // by the clock, a busy machine takes longer
    const before = process.threadCpuUsage();
    for (let time = 0; time < 50; time += 1) expect(inputs.ofInput(agent(schema), input)).toEqual([]);
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(5_000);
    expect(inputs.lines).toHaveLength(1);
  });

  it('is checked while the machine gives this process no time', () => {
    const inputs = check();
    // the clock runs, this thread's CPU time does not
    const waiting = new Int32Array(new SharedArrayBuffer(4));
    let waits = 0;
    const input = {
      get a() {
        waits += 1;
        if (waits === 1) Atomics.wait(waiting, 0, 0, 2_000);
        return 1;
      },
    };
    expect(inputs.ofInput(agent({ properties: { a: { type: 'string' } } }), input)).toHaveLength(1);
    expect(inputs.lines).toEqual([]);
  });

  it('is checked by the schema that was announced last', () => {
    const inputs = check();
    const typed = (type: string) => agent({ type: 'object', properties: { a: { type } } });
    expect(inputs.ofInput(typed('string'), { a: 1 })).toHaveLength(1);
    expect(inputs.ofInput(typed('number'), { a: 1 })).toHaveLength(0);
  });
});

describe('messages for an agent', () => {
  const messages = { messages: { type: 'array', minItems: 1 } };

  it.each<[string, Schema, string[]]>([
    ['takes messages', { type: 'object', properties: messages, required: ['messages'] }, []],
    ['says nothing of its input', {}, []],
    ['takes none', TOPIC, ['/messages']],
    [
      'needs more',
      { type: 'object', properties: { ...messages, topic: { type: 'string' } }, required: ['topic'] },
      ['/input/topic'],
    ],
  ])('suit one that %s', (_, schema, pointers) => {
    expect(
      check()
        .ofMessages(agent(schema), 'messages')
        .map(({ pointer }) => pointer),
    ).toEqual(pointers);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type DeltaForm, deltaForm, deltaHead, partsOfDelta } from './delta.ts';
import { STREAM_EVENTS } from './stream-event.ts';

const text = deltaForm('text') as DeltaForm;
const call = deltaForm('tool_call_delta') as DeltaForm;

/** Two deltas joined, or null if they are parts of different things. */
function joined(form: DeltaForm, one: object, other: object): unknown {
  const [first, second] = [one, other].map((data) => partsOfDelta(form, JSON.stringify(data)));
  return first?.head === second?.head ? JSON.parse(`${first?.head}"${first?.quoted}${second?.quoted}"}`) : null;
}

describe('deltas', () => {
  it('are text, reasoning and the arguments of calls', () => {
    const types = Object.keys(STREAM_EVENTS).filter((type) => deltaForm(type) !== undefined);
    expect(types).toEqual(['text', 'reasoning', 'tool_call_delta']);
  });

  it('are joined within one message, never across two', () => {
    expect(joined(text, { text: 'a' }, { text: 'b' })).toEqual({ text: 'ab' });
    expect(joined(text, { messageId: 'm1', text: 'a' }, { messageId: 'm1', text: 'b' })).toEqual({
      messageId: 'm1',
      text: 'ab',
    });
    expect(joined(text, { messageId: 'm1', text: 'a' }, { messageId: 'm2', text: 'b' })).toBeNull();
    expect(joined(text, { text: 'a' }, { messageId: 'm1', text: 'b' })).toBeNull();
  });

  it('are joined within one call, never across two', () => {
    const piece = (callId: string, args: string) => ({ callId, arguments: args });
    expect(joined(call, piece('c', '{"a'), piece('c', '":1}'))).toEqual({ callId: 'c', arguments: '{"a":1}' });
    expect(joined(call, piece('c', '{'), piece('d', '}'))).toBeNull();
    expect(joined(call, { messageId: 'm', ...piece('c', '{') }, piece('c', '}'))).toBeNull();
  });

  it('are the same in any order of their fields, without fields that do not belong to them', () => {
    expect(joined(text, { text: 'a', messageId: 'm"', note: 1 }, { messageId: 'm"', text: 'b' })).toEqual({
      messageId: 'm"',
      text: 'ab',
    });
  });

  it('have a head that no id can break out of (property)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (messageId, said) => {
        expect(JSON.parse(`${deltaHead(text, { messageId })}${JSON.stringify(said)}}`)).toEqual({
          messageId,
          text: said,
        });
      }),
    );
  });
});

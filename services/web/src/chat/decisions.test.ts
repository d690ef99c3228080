import { describe, expect, it } from '@jest/globals';
import { actionsOf, resumeOf, typedAnswer } from './decisions.ts';

const question = {
  actionRequests: [
    { name: 'mail', args: { to: 'ann' }, description: 'Sends a mail.' },
    { name: 'book', args: {} },
  ],
  reviewConfigs: [{ actionName: 'book', allowedDecisions: ['approve', 'reject'] }],
};

describe('what an agent asks', () => {
  it('is a list of actions where the human-in-the-loop middleware asks', () => {
    expect(actionsOf(question)).toEqual([
      { name: 'mail', args: { to: 'ann' }, description: 'Sends a mail.', allowed: ['approve', 'edit', 'reject'] },
      { name: 'book', args: {}, description: null, allowed: ['approve', 'reject'] },
    ]);
  });

  it.each([null, 'May I?', 3, [], {}, { actionRequests: [] }, { actionRequests: [{ args: {} }] }])(
    'is any other question otherwise: %j',
    (value) => expect(actionsOf(value)).toBeNull(),
  );
});

it('gives one decision for each action, in their order', () => {
  const actions = actionsOf(question) ?? [];
  expect(
    resumeOf(actions, [
      { type: 'edit', args: { to: 'bob' } },
      { type: 'reject', message: 'no' },
    ]),
  ).toEqual({
    decisions: [
      { type: 'edit', editedAction: { name: 'mail', args: { to: 'bob' } } },
      { type: 'reject', message: 'no' },
    ],
  });
});

it('takes what was typed as JSON where it is JSON', () => {
  expect([typedAnswer('true'), typedAnswer('{"a":1}'), typedAnswer('yes, do')]).toEqual([true, { a: 1 }, 'yes, do']);
});

import { describe, expect, it } from '@jest/globals';
import { MillraceError } from '@millrace/client';
import { cancelledSentence, duration, errorSentence, failureSentence, resetSentence } from './wording.ts';

describe('wording', () => {
  it.each([
    [0, '0 ms'],
    [339.6, '340 ms'],
    [1300, '1.30 s'],
    [2758, '2.76 s'],
  ])('says %d milliseconds as %s', (ms, said) => expect(duration(ms)).toBe(said));

  it('has a sentence for a known code, and the server’s own words for another', () => {
    expect(failureSentence('MODEL_TIMEOUT', 'x')).toBe('The model took too long.');
    expect(failureSentence('MODEL_ON_FIRE', 'the model is on fire')).toBe('the model is on fire');
  });

  it('says who stopped an answer, and why one begins again', () => {
    expect(cancelledSentence('admin')).toBe('Stopped by an administrator.');
    expect(resetSentence({ reason: 'worker-lost', attempt: 2 })).toContain('attempt 2');
    expect(resetSentence({ reason: 'log-lost', attempt: 1 })).toContain('from the beginning');
  });

  it('never shows a person what a bug threw', () => {
    expect(errorSentence(new TypeError('undefined is not a function'))).toContain('reload');
    expect(errorSentence(new MillraceError('QUEUE_FULL', 'x'))).toContain('waiting already');
  });
});

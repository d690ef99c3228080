import { describe, expect, it } from '@jest/globals';
import { isErrorReply, isTransientReply } from './transient-errors.ts';

function reply(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

describe('isTransientReply', () => {
  it.each([
    'LOADING Redis is loading the dataset in memory',
    "READONLY You can't write against a read only replica.",
    'CLUSTERDOWN The cluster is down',
    "OOM command not allowed when used memory > 'maxmemory'.",
    'BUSY Redis is busy running a script.',
    'UNKILLABLE Sorry the script already executed write commands.',
    'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
  ])('is true while Redis cannot serve: %s', (message) => {
    expect([isErrorReply(reply(message)), isTransientReply(reply(message))]).toEqual([true, true]);
  });

  it.each([
    "ERR unknown command 'NOPE'",
    'WRONGTYPE Operation against a key',
    'BUSYKEY Target key name already exists.',
  ])('is false for what will not pass: %s', (message) => {
    expect(isTransientReply(reply(message))).toBe(false);
  });

  it('takes a lost connection for no reply', () => {
    expect(isErrorReply(new Error('Connection is closed.'))).toBe(false);
  });
});

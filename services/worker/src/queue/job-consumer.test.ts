import { describe, expect, it } from '@jest/globals';
import { JobConsumer } from './job-consumer.ts';

describe('the consumer of the queue', () => {
  it('declares three parameters: BullMQ gives its signal to no processor that has fewer', () => {
    expect(JobConsumer.prototype.process).toHaveLength(3);
  });
});

/** Yields one event and hangs, ignoring its signal. */
export default {
  name: 'deaf',
  async *run() {
    yield { type: 'text', data: { text: 'a' } };
    await new Promise(() => undefined);
  },
};

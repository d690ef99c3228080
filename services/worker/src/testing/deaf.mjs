/** Says one thing and hangs, whatever its signal says. */
export default {
  name: 'deaf',
  async *run() {
    yield { type: 'text', data: { text: 'a' } };
    await new Promise(() => undefined);
  },
};

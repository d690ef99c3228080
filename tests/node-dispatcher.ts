/** Jest's sandbox has Node's globals by name only. The dispatcher beneath Node's `fetch` has a symbol, and is what the
 *  worker asks its models through: with it a test goes the same way as the service. */
const node = fetch.constructor('return globalThis')() as object;
const dispatcher = Symbol.for('undici.globalDispatcher.1');

Object.defineProperty(globalThis, dispatcher, { configurable: true, get: () => Reflect.get(node, dispatcher) });

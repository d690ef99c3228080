const sameKeyPressMs = 1_000;
const parentCheckMs = 1_000;

/**
 * The wish to stop, however it is said: Ctrl-C, SIGTERM, a closed terminal, or the death of the process that started us.
 * @returns {{ first: Promise<void>, onSecond(kill: () => void): void }}
 */
export function stopSignals() {
  let kill = () => {};
  let firstAt = 0;
  const { promise: first, resolve } = withResolvers();
  const ask = () => {
    if (firstAt === 0) {
      firstAt = Date.now();
      resolve();
      // One key press arrives several times: from the terminal, from npm, from the Node that re-executed us.
    } else if (Date.now() - firstAt > sameKeyPressMs) {
      kill();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, ask);
  process.once('disconnect', ask);
  if (process.env['npm_lifecycle_event'] !== undefined) whenParentDies(ask);
  const onSecond = (/** @type {() => void} */ action) => {
    kill = action;
  };
  return { first, onSecond };
}

/**
 * npm tells nobody when it is killed. Only asked under npm: whoever starts the script directly may mean to leave it alone.
 * @param {() => void} then
 */
function whenParentDies(then) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    then();
  }, parentCheckMs);
  timer.unref();
}

/** `Promise.withResolvers`, which Node 20 does not have. @returns {{ promise: Promise<void>, resolve: () => void }} */
function withResolvers() {
  let resolve = () => {};
  const promise = new Promise((/** @type {(value: void) => void} */ done) => {
    resolve = done;
  });
  return { promise, resolve };
}

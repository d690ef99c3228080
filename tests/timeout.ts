import { jest } from '@jest/globals';

// for hooks too. Tests start processes, on a machine that may be busy; nothing here is slow by itself, and a test that
// must be quick sets its own bound
jest.setTimeout(240_000);
// CI asks for one more try, when the file has ended: its one run decides. Both tries are printed, and `retried-tests.mjs`
// names the test at the end
jest.retryTimes(Number(process.env['MILLRACE_TEST_RETRIES'] ?? 0), { logErrorsBeforeRetry: true });

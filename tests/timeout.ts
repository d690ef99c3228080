import { jest } from '@jest/globals';

// for hooks too. Tests start processes, on a machine that may be busy; nothing here is slow by itself, and a test that
// must be quick sets its own bound
jest.setTimeout(120_000);

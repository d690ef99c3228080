import { jest } from '@jest/globals';

// a fault lasts up to a minute, and the way back from it has to be watched
jest.setTimeout(180_000);

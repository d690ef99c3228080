import { describe, expect, it } from '@jest/globals';
import { askedBy, BadArgument } from './arguments.ts';

const words = (line: string) => line.split(' ');

describe('the command line', () => {
  it('needs streams and rate, and fills in the rest', () => {
    expect(askedBy(words('--streams 1000 --rate 20'))).toEqual({
      question: {
        ...{ streams: 1_000, rate: 20, answerTokens: 500, jobsPerSecond: 40, watchers: 1, retention: 86_400 },
        ...{ utilisation: 0.6, redisGib: 64, nodeCores: 4 },
      },
      prices: { vcpu: null, gib: null },
      json: false,
    });
  });

  it('takes jobs per second and tokens of an answer from each other', () => {
    const question = (line: string) => askedBy(words(`--streams 100 --rate 10 ${line}`))?.question;
    expect(question('--answer-tokens 100')).toMatchObject({ answerTokens: 100, jobsPerSecond: 10 });
    expect(question('--jobs-per-second 20')).toMatchObject({ answerTokens: 50, jobsPerSecond: 20 });
    expect(question('--jobs-per-second 1 --answer-tokens 7')).toMatchObject({ answerTokens: 7, jobsPerSecond: 1 });
  });

  it('reads prices, a utilisation in per cent, and values after an equals sign', () => {
    const asked = askedBy(words('--streams=5 --rate=0.5 --utilisation 80 --vcpu-price 0 --gib-price 0.01 --json'));
    expect(asked).toMatchObject({ prices: { vcpu: 0, gib: 0.01 }, json: true });
    expect(asked?.question.utilisation).toBeCloseTo(0.8);
  });

  it('asks for help, whatever else is wrong with it', () => {
    expect(askedBy(['--help'])).toBeNull();
    expect(askedBy(['-h', '--streams', 'many'])).toBeNull();
  });

  it.each([
    ['', '--streams is missing: say how many streams are open at a time, as in --streams 1000'],
    ['--streams 5', '--rate is missing'],
    ['--streams many --rate 1', '--streams is many: it must be a whole number from 1 on'],
    ['--streams 1.5 --rate 1', '--streams is 1.5'],
    ['--streams -5 --rate 1', '--streams is -5'],
    ['--streams 5 --rate 0', '--rate is 0: it must be a number above 0'],
    ['--streams 5 --rate Infinity', '--rate is Infinity'],
    ['--streams 5 --rate', '--rate has no value: it must be a number above 0'],
    ['--streams 5 --rate=', '--rate is empty'],
    ['--streams 5 --rate 1 --utilisation 101', '--utilisation is 101: it must be a number from 10 to 100, in per cent'],
    ['--streams 5 --rate 1 --watchers 0', '--watchers is 0: it must be a number from 1 on'],
    ['--streams 5 --rate 1 --redis-gib 0', '--redis-gib is 0'],
    ['--streams 5 --rate 1 --stream 5', 'there is no --stream: --help lists the arguments'],
    ['--streams 5 --rate 1 --toString 5', 'there is no --toString: --help lists the arguments'],
    ['--streams 5 --rate 1 --constructor=5', 'there is no --constructor'],
    ['--streams 9007199254740991 --rate 1e300', 'together are too much'],
    ['--streams 5 --rate 1 --watchers 1e300', 'together are too much'],
    ['--streams 5 --rate 1 --jobs-per-second 1e300', 'together are too much'],
    ['5 --rate 1', '5 belongs to no argument: write its name before it, as in --streams 1000'],
  ])('refuses "%s" with what to write instead', (line, message) => {
    const read = () => askedBy(words(line).filter((word) => word !== ''));
    expect(read).toThrow(BadArgument);
    expect(read).toThrow(message);
  });
});

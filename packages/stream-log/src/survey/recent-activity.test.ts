import { describe, expect, it } from '@jest/globals';
import { quantileOf } from './process-report.ts';
import { RecentActivity } from './recent-activity.ts';

const NOTHING = { total: { running: 0, streams: 0 }, by: {} };

describe('recent activity', () => {
  it('is told by name, and forgotten after a minute', () => {
    let now = 0;
    const recent = new RecentActivity(() => now);
    recent.refused({ tenant: 'acme' }, 429);
    now = 30_000;
    recent.refused({ tenant: 'acme' }, 503);
    recent.takeOver({ tenant: 'globex', model: 'm', pipeline: 'p' });
    const { total, by } = recent.summary(NOTHING);
    expect(total).toMatchObject({ refused429: 1, refused503: 1, takeOvers: 1 });
    expect(by.tenant).toMatchObject({ acme: { refused429: 1, refused503: 1 }, globex: { takeOvers: 1 } });
    expect(by.model).toMatchObject({ m: { takeOvers: 1 } });
    now = 61_000;
    expect(recent.summary(NOTHING).total).toMatchObject({ refused429: 0, refused503: 1 });
    now = 91_000;
    expect(recent.summary(NOTHING).by.tenant).toEqual({});
  });

  it('gives rates of the last ten seconds', () => {
    let now = 0;
    const recent = new RecentActivity(() => now);
    for (; now < 20_000; now += 500) recent.tokens({ model: 'm' }, 50);
    const { tokensPerSecond } = recent.summary(NOTHING).by.model['m'] ?? {};
    expect(tokensPerSecond).toBe(100);
  });

  it('gives quantiles within a tenth', () => {
    const recent = new RecentActivity(() => 0);
    for (let ms = 1; ms <= 1_000; ms += 1) recent.firstToken({}, ms);
    const { firstTokens } = recent.summary(NOTHING).total;
    expect(Math.abs((quantileOf(firstTokens, 0.5) ?? 0) - 500)).toBeLessThan(50);
    expect(Math.abs((quantileOf(firstTokens, 0.95) ?? 0) - 950)).toBeLessThan(95);
    expect(quantileOf({}, 0.5)).toBeNull();
  });

  it('tells a bounded number of names apart', () => {
    const recent = new RecentActivity(() => 0);
    for (let nth = 0; nth < 1_000; nth += 1) recent.refused({ tenant: `t${nth}` }, 429);
    const { by, total } = recent.summary(NOTHING);
    expect(Object.keys(by.tenant).length).toBeLessThanOrEqual(200);
    expect(by.tenant['other']).toMatchObject({ refused429: 900 });
    expect(total.refused429).toBe(1_000);
  });
});

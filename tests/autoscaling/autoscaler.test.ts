import { describe, expect, it } from '@jest/globals';
import { Autoscaler, type Scaling, wantedBy } from './autoscaler.ts';

const SCALING: Scaling = {
  minReplicaCount: 2,
  maxReplicaCount: 20,
  advanced: {
    horizontalPodAutoscalerConfig: {
      behavior: {
        scaleUp: {
          stabilizationWindowSeconds: 0,
          selectPolicy: 'Max',
          policies: [
            { type: 'Percent', value: 100, periodSeconds: 30 },
            { type: 'Pods', value: 4, periodSeconds: 30 },
          ],
        },
        scaleDown: { stabilizationWindowSeconds: 60, policies: [{ type: 'Pods', value: 1, periodSeconds: 30 }] },
      },
    },
  },
  triggers: [{ metadata: { query: 'open / slots', threshold: '0.8' } }],
};

/** The number of pods for each value, every 15 s. */
function podsFor(values: readonly (number | null)[], scaling = SCALING): number[] {
  const autoscaler = new Autoscaler(scaling);
  return values.map((value, place) => autoscaler.next(value, place * 15));
}

const times = (count: number, value: number | null) => Array.from({ length: count }, () => value);

describe('the number of pods', () => {
  it('is wanted between the least and the most', () => {
    expect([0, 1.6, 1.7, 8, 100].map((value) => wantedBy(value, SCALING))).toEqual([2, 2, 3, 10, 20]);
  });

  it('grows in each period by what the most generous policy allows', () => {
    expect(podsFor(times(6, 16))).toEqual([6, 6, 12, 12, 20, 20]);
    expect(podsFor([2.4, 16])).toEqual([3, 6]);
  });

  it('falls once the window has seen nothing larger, one pod a period', () => {
    expect(podsFor([4, ...times(10, 0)])).toEqual([5, 5, 5, 5, 4, 4, 3, 3, 2, 2, 2]);
  });

  it('does not fall for a dip, and counts the window anew', () => {
    expect(podsFor([4, 0, 0, 4, 0, 0, 0, 0])).toEqual([5, 5, 5, 5, 5, 5, 5, 4]);
  });

  it('stays while it is off by a tenth at most, and while the query has no value', () => {
    expect(podsFor([4, 4.3, 4.5])).toEqual([5, 5, 6]);
    expect(podsFor([4, ...times(9, null)])).toEqual(times(10, 5));
  });

  it('obeys the strictest policy where that is told, and shares', () => {
    const { scaleUp } = SCALING.advanced.horizontalPodAutoscalerConfig.behavior;
    const behavior = {
      scaleUp: { ...scaleUp, selectPolicy: 'Min' as const },
      scaleDown: {
        stabilizationWindowSeconds: 0,
        policies: [{ type: 'Percent' as const, value: 30, periodSeconds: 15 }],
      },
    };
    const strict = { ...SCALING, advanced: { horizontalPodAutoscalerConfig: { behavior } } };
    expect(podsFor([16, 16, 16, 0, 0, 0], strict)).toEqual([4, 4, 8, 5, 3, 2]);
  });
});

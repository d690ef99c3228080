/** At most so many pods, or such a share of them, more or fewer in a period. */
interface Policy {
  readonly type: 'Pods' | 'Percent';
  readonly value: number;
  readonly periodSeconds: number;
}

interface Rules {
  readonly stabilizationWindowSeconds: number;
  /** the policy that allows most, unless told */
  readonly selectPolicy?: 'Max' | 'Min';
  readonly policies: readonly Policy[];
}

/** A ScaledObject of KEDA, as far as it decides on the number of pods. */
export interface Scaling {
  readonly minReplicaCount: number;
  readonly maxReplicaCount: number;
  readonly advanced: {
    readonly horizontalPodAutoscalerConfig: {
      readonly behavior: { readonly scaleUp: Rules; readonly scaleDown: Rules };
    };
  };
  readonly triggers: readonly [{ readonly metadata: { readonly query: string; readonly threshold: string } }];
}

/** The autoscaler leaves the number as it is while it is off by no more than this share. */
const TOLERANCE = 0.1;

/** How many pods a value of the query stands for, as the autoscaler computes it for `AverageValue`. */
export function wantedBy(value: number, { minReplicaCount, maxReplicaCount, triggers }: Scaling): number {
  const wanted = Math.ceil(value / Number(triggers[0].metadata.threshold));
  return Math.min(maxReplicaCount, Math.max(minReplicaCount, wanted));
}

interface Moment {
  readonly at: number;
  readonly pods: number;
}

/** The number of pods that Kubernetes' autoscaler asks for, by the rules in `behavior`. It assumes that they come at once.
 *  @see https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ */
export class Autoscaler {
  readonly #recommended: Moment[] = [];
  /** by how much the number has changed */
  readonly #changes: Moment[] = [];
  #pods: number;

  constructor(private readonly scaling: Scaling) {
    this.#pods = scaling.minReplicaCount;
  }

  /** @param value of the query; null: it has none, and the number stays
   *  @param at seconds since the beginning, later than the last time */
  next(value: number | null, at: number): number {
    if (value === null) return this.#pods;
    const { scaleUp, scaleDown } = this.scaling.advanced.horizontalPodAutoscalerConfig.behavior;
    this.#recommended.push({ at, pods: this.#recommendation(value) });
    const within = ({ stabilizationWindowSeconds: seconds }: Rules) =>
      this.#recommended.filter((then) => then.at === at || then.at > at - seconds).map(({ pods }) => pods);
    const most = Math.max(...within(scaleDown));
    const least = Math.min(...within(scaleUp));
    const before = this.#pods;
    if (least > before) this.#pods = Math.min(least, this.#limit(scaleUp, 1, at));
    else if (most < before) this.#pods = Math.max(most, this.#limit(scaleDown, -1, at));
    if (this.#pods !== before) this.#changes.push({ at, pods: this.#pods - before });
    return this.#pods;
  }

  #recommendation(value: number): number {
    const use = value / (Number(this.scaling.triggers[0].metadata.threshold) * this.#pods);
    return Math.abs(use - 1) <= TOLERANCE ? this.#pods : wantedBy(value, this.scaling);
  }

  /** How far the policies let the number go now.
   *  @param sign 1: up, -1: down */
  #limit({ policies, selectPolicy = 'Max' }: Rules, sign: 1 | -1, at: number): number {
    const limits = policies.map(({ type, value, periodSeconds }) => {
      const recent = this.#changes.filter((change) => change.at > at - periodSeconds);
      const start = this.#pods - recent.reduce((sum, { pods }) => sum + pods, 0);
      if (type === 'Pods') return start + sign * value;
      return sign * Math.ceil(sign * start * (1 + (sign * value) / 100));
    });
    const limit = (selectPolicy === 'Max') === (sign === 1) ? Math.max(...limits) : Math.min(...limits);
    // what has come or gone in the period may be more than a policy allows by now
    return sign === 1 ? Math.max(this.#pods, limit) : Math.min(this.#pods, limit);
  }
}

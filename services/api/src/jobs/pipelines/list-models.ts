import { BUILT_IN_PIPELINE, partsOfModel } from '@millrace/contracts';
import { Inject, Injectable } from '@nestjs/common';
import { Pipelines } from './pipelines.ts';
import { RequestPolicy } from './request-policy.ts';

/** A model that requests may name. */
interface ModelView {
  /** `provider:name` */
  readonly id: string;
  readonly provider: string;
  readonly name: string;
  /** whether it answers requests that name none */
  readonly isDefault: boolean;
}

export interface ModelList {
  readonly items: readonly ModelView[];
  readonly nextCursor: null;
}

/** Lists what can answer. @see PROTOCOL.md §5 */
@Injectable()
export class ListModels {
  constructor(
    @Inject(RequestPolicy) private readonly policy: RequestPolicy,
    @Inject(Pipelines) private readonly pipelines: Pipelines,
  ) {}

  /** The models of the settings, the default one first. There are few: one page. */
  models(): ModelList {
    const items = this.policy.models.map((id, index) => ({ id, ...partsOfModel(id), isDefault: index === 0 }));
    return { items, nextCursor: null };
  }

  /** The names of pipelines and agents that workers have announced, but for the built-in one, which passes requests to a
   *  model. */
  async pipelineNames(): Promise<readonly string[]> {
    const { items } = await this.pipelines.list();
    return items.map(({ name }) => name).filter((name) => name !== BUILT_IN_PIPELINE);
  }
}

import { BUILT_IN_PIPELINE, type CreateJobBody } from '@millrace/contracts';
import type { StreamedJob } from '../stream-format.ts';

/** Before the name of a pipeline or an agent, in place of a model's name. */
const PIPELINE = 'pipeline/';

/** What answers, by the `model` of a request: a model's name as ours, or `pipeline/<name>`. */
export function answererOf(model: string | null | undefined): Pick<Partial<CreateJobBody>, 'model' | 'pipeline'> {
  if (model === null || model === undefined) return {};
  return model.startsWith(PIPELINE) ? { pipeline: model.slice(PIPELINE.length) } : { model };
}

/** The name of a pipeline or an agent as a model. */
export function pipelineModel(pipeline: string): string {
  return `${PIPELINE}${pipeline}`;
}

/** A model in OpenAI's list. When it was made is not known. */
export function openAiModel(id: string, owner: string) {
  return { id, object: 'model', created: 0, owned_by: owner };
}

/** The `model` that an answer names: the one that wrote it, or the pipeline or agent that was asked. */
export function shownModel({ model, pipeline = BUILT_IN_PIPELINE }: StreamedJob): string {
  return pipeline === BUILT_IN_PIPELINE ? model : pipelineModel(pipeline);
}

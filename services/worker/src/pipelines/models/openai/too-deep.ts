import { PipelineError } from '../../definition/pipeline.ts';

/** What to throw in place of an error of reading a model's answer: JSON.parse takes any depth, but what is nested too deeply
 *  overflows the stack of JSON.stringify, here and in OpenAI's client. */
export function unlessTooDeep(error: unknown): unknown {
  if (!(error instanceof RangeError)) return error;
  return new PipelineError('MODEL_ERROR', 'The model’s answer is nested too deeply.');
}

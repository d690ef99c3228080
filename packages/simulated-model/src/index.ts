export type { ModelGate } from './scripted/model-gate.ts';
export type { ChatRequest, ModelRequest, RequestEnd } from './scripted/model-request.ts';
export {
  type AnswerOptions,
  endless,
  type ModelFailure,
  type ModelStep,
  type ModelSteps,
  type ModelUsage,
} from './scripted/model-step.ts';
export { SimulatedModel, startModel } from './scripted/start-model.ts';

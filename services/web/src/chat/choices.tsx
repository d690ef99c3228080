import { MillraceError, type MillraceErrorCode, type Model, type Pipeline } from '@millrace/client';
import type { ConversationMessage, ConversationProblem, JobOptions } from '@millrace/client/conversation';
import { useEffect, useReducer, useState } from 'react';
import { Select } from '../ui/select.tsx';
import { millrace } from './service.ts';
import { useReturn } from './use-return.ts';

/** How long to wait after the first failure, and at most, milliseconds. */
const RETRY_MS = 2_000;
const MAX_RETRY_MS = 30_000;
/** Another key is read with anyway. */
const NO_KEY: ReadonlySet<MillraceErrorCode> = new Set(['UNAUTHENTICATED', 'FORBIDDEN']);

/** What answers: a pipeline or an agent, and the model of those that let one choose. Empty: the service's own choice. */
export interface Choice {
  readonly pipeline: string;
  readonly model: string;
}

/** A conversation goes on with the pipeline that answered last. */
export function choiceOf(messages: readonly ConversationMessage[]): Choice {
  const last = messages.findLast((message) => message.role === 'assistant');
  return { pipeline: last?.pipeline ?? 'chat', model: '' };
}

/** @returns what a job needs to say about it */
export function optionsOf({ pipeline, model }: Choice): JobOptions {
  return { ...(pipeline !== 'chat' && { pipeline }), ...(model !== '' && { model }) };
}

interface Offer {
  readonly pipelines: readonly Pipeline[];
  readonly models: readonly Model[];
}

/** What the service offers. Asked again with another key, when a person comes back, and while it cannot be had.
 *  @param problem of the newest message: where that says that the choice is none, the offer is another one by now */
export function useOffer(credential: number, problem: ConversationProblem | null): Offer {
  const [offer, setOffer] = useState<Offer>({ pipelines: [], models: [] });
  const [returns, countReturn] = useReducer((count: number) => count + 1, 0);
  useReturn(countReturn);
  const misled = problem?.remedy === 'choose' ? problem : null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each of them may have changed what is offered
  useEffect(() => {
    const leaving = new AbortController();
    void readOffer(leaving.signal).then((read) => read !== null && setOffer(read));
    return () => leaving.abort();
  }, [credential, returns, misled]);
  return offer;
}

/** Until there is nothing to choose the service chooses: what is wrong shows with the first question, and is not told here.
 *  @returns null: nobody wants it any more, or this key may not have it */
async function readOffer(signal: AbortSignal): Promise<Offer | null> {
  for (let delayMs = RETRY_MS; !signal.aborted; delayMs = Math.min(2 * delayMs, MAX_RETRY_MS)) {
    try {
      const [pipelines, models] = await Promise.all([millrace.pipelines({ signal }), millrace.models({ signal })]);
      return { pipelines, models };
    } catch (error) {
      if (error instanceof MillraceError && NO_KEY.has(error.code)) return null;
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
  return null;
}

interface PickersProps {
  readonly offer: Offer;
  readonly choice: Choice;
  readonly onChange: (choice: Choice) => void;
}

/** Pickers of pipeline and model, where there is something to pick. */
export function Pickers({ offer: { pipelines, models }, choice, onChange }: PickersProps) {
  const isAgent = pipelines.find(({ name }) => name === choice.pipeline)?.kind === 'agent';
  return (
    <>
      {pipelines.length > 1 && (
        <Select
          label="Pipeline"
          value={choice.pipeline}
          choices={pipelines.map(({ name }) => ({ value: name, label: name }))}
          // an agent chooses its model itself
          onChange={(pipeline) => onChange({ pipeline, model: '' })}
        />
      )}
      {models.length > 1 && !isAgent && (
        <Select
          label="Model"
          value={choice.model === '' ? (models.find(({ isDefault }) => isDefault)?.id ?? '') : choice.model}
          choices={models.map(({ id, name }) => ({ value: id, label: name }))}
          onChange={(model) => onChange({ ...choice, model })}
        />
      )}
    </>
  );
}

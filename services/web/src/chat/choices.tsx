import type { Model, Pipeline } from '@millrace/client';
import type { ConversationMessage, JobOptions } from '@millrace/client/conversation';
import { useEffect, useState } from 'react';
import { Select } from '../ui/select.tsx';
import { millrace } from './service.ts';

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

/** What the service offers; asked again with another key. */
export function useOffer(credential: number): Offer {
  const [offer, setOffer] = useState<Offer>({ pipelines: [], models: [] });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another credential may see another offer
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    Promise.all([millrace.pipelines({ signal }), millrace.models({ signal })]).then(
      ([pipelines, models]) => setOffer({ pipelines, models }),
      // without the lists there is nothing to choose, and the service chooses: what is wrong shows with the first question
      () => undefined,
    );
    return () => leaving.abort();
  }, [credential]);
  return offer;
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

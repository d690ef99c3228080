import type { AssistantMessage } from '@millrace/client/conversation';
import { duration } from './wording.ts';

/** What an answer took: queue, first token, speed, tokens. */
export function Summary({ message }: { readonly message: AssistantMessage }) {
  const { timings, usage, finishReason, model } = message;
  if (timings === null) return null;
  const { queueMs, firstTokenMs, totalMs, tokensPerSecond } = timings;
  return (
    <dl className="figures">
      <Figure name="Queue" value={duration(queueMs)} />
      {firstTokenMs !== null && <Figure name="First token" value={duration(firstTokenMs)} />}
      <Figure name="Total" value={duration(totalMs)} />
      {tokensPerSecond !== null && <Figure name="Speed" value={`${tokensPerSecond.toFixed(0)} tokens/s`} />}
      {usage !== null && <Figure name="Tokens" value={`${usage.inputTokens} in, ${usage.outputTokens} out`} />}
      {model !== null && <Figure name="Model" value={model} />}
      {finishReason === 'length' && <Figure name="Cut short" value="token limit reached" />}
    </dl>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

import { AIMessage } from '@langchain/core/messages';
import type { RunnableConfig } from '@langchain/core/runnables';
import { Command, END, interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { ChatOpenAI } from '@langchain/openai';
import { send } from './outbox.ts';

type State = typeof MessagesAnnotation.State;

interface Review {
  readonly approved: boolean;
  /** what to send in place of the draft */
  readonly text?: string;
}

const model = new ChatOpenAI({ model: 'gpt-4o-mini' });
const INSTRUCTIONS = { role: 'system', content: 'Draft a short, friendly reply to the mail of a customer.' };

async function draft({ messages }: State) {
  return { messages: [await model.invoke([INSTRUCTIONS, ...messages])] };
}

/** Runs again from its beginning when the person has answered, so nothing before `interrupt` may have an effect. */
function review({ messages }: State) {
  const last = messages.at(-1);
  const question = { question: 'May this be sent?', draft: last?.text ?? '' };
  const answer = interrupt<typeof question, Review | boolean>(question);
  const { approved, text }: Review = typeof answer === 'boolean' ? { approved: answer } : answer;
  if (!approved) return new Command({ goto: END, update: { messages: [new AIMessage('Nothing was sent.')] } });
  // a message with the same id takes the draft's place
  const changed = text === undefined ? [] : [new AIMessage({ id: last?.id, content: text })];
  return new Command({ goto: 'mail', update: { messages: changed } });
}

function mail({ messages }: State, config: RunnableConfig) {
  // this step may run again after a crash: the key then is the same
  const key = `${config.configurable?.['request_id']}:${config.metadata?.['langgraph_step']}`;
  send(messages.at(-1)?.text ?? '', key);
  return { messages: [new AIMessage('Sent.')] };
}

export const agent = new StateGraph(MessagesAnnotation)
  .addNode('draft', draft)
  .addNode('review', review, { ends: ['mail', END] })
  .addNode('mail', mail)
  .addEdge(START, 'draft')
  .addEdge('draft', 'review')
  .addEdge('mail', END)
  .compile();

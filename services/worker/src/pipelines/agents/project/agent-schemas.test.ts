import { describe, expect, it } from '@jest/globals';
import { Annotation, START, StateGraph } from '@langchain/langgraph';
import { schemaMetaRegistry } from '@langchain/langgraph/zod';
import * as schemas from '@langchain/langgraph/zod/schema';
import { z } from 'zod';
import { announcedSchemas } from './agent-schemas.ts';

const State = z.object({ topic: z.string(), words: z.number().default(5), text: z.string() });
const Input = z.object({ topic: z.string(), words: z.number().default(5) });
const Context = z.object({ tone: z.string(), language: z.string().default('en') });

const say = () => ({ text: 'said' });
const announced = (graph: unknown, registry?: typeof schemaMetaRegistry) =>
  announcedSchemas(graph, schemas as object, registry as Parameters<typeof announcedSchemas>[2]);

describe('what an agent announces (PROTOCOL §5)', () => {
  it('is what its input requires, without what has a default', () => {
    const graph = new StateGraph({ state: State, input: Input }).addNode('say', say).addEdge(START, 'say').compile();
    expect(announced(graph, schemaMetaRegistry)).toMatchObject({
      inputSchema: { properties: { topic: { type: 'string' }, words: { default: 5 } }, required: ['topic'] },
    });
    expect(announced(graph).inputSchema).not.toHaveProperty('required');
  });

  it('requires nothing of a state, of which a thread may have the rest', () => {
    const graph = new StateGraph(State).addNode('say', say).addEdge(START, 'say').compile();
    const { inputSchema } = announced(graph, schemaMetaRegistry);
    expect(inputSchema).toHaveProperty('properties.topic');
    expect(inputSchema).not.toHaveProperty('required');
  });

  it('is what its configuration requires, without what has a default', () => {
    const graph = new StateGraph(State, Context).addNode('say', say).addEdge(START, 'say').compile();
    expect(announced(graph, schemaMetaRegistry).configSchema).toMatchObject({ required: ['tone'] });
  });

  it('is nothing where only TypeScript knows the state', () => {
    const graph = new StateGraph(Annotation.Root({ text: Annotation<string> }))
      .addNode('say', say)
      .addEdge(START, 'say')
      .compile();
    expect(announced(graph, schemaMetaRegistry)).toEqual({});
  });
});

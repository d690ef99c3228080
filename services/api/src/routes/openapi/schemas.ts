import 'zod-openapi';
import {
  createJobSchema,
  JOB_STATUSES,
  jobErrorSchema,
  requestIdSchema,
  threadIdSchema,
  toolCallSchema,
  usageSchema,
} from '@millrace/contracts';
import { z } from 'zod';
import { PROBLEMS } from '../../http/problem.ts';

const time = z.iso.datetime().nullable();

export const requestId = requestIdSchema.meta({
  id: 'RequestId',
  description: 'The id of a job, everywhere. Not all digits.',
  example: 'q3kXxJm0h8Zc5v1TnR2bWd4e',
});

export const eventId = z
  .string()
  .regex(/^(0|[1-9]\d{0,14})-(0|[1-9]\d{0,14})$/)
  .meta({ id: 'EventId', description: 'The id of an event: opaque to clients.', example: '1-42' });

export const threadEventId = z
  .string()
  .regex(/^(0|[A-Za-z0-9_-]{16,64})\/(0|[1-9]\d{0,14})-(0|[1-9]\d{0,14})$/)
  .meta({
    id: 'ThreadEventId',
    description: '`<job>/<event id>`: opaque to clients. `0/0-0` is the place before the first job.',
    example: 'q3kXxJm0h8Zc5v1TnR2bWd4e/1-42',
  });

export const createJob = createJobSchema.meta({ id: 'CreateJob', example: { query: 'Why is the sky blue?' } });

const usage = usageSchema.meta({ id: 'Usage' });
const jobError = jobErrorSchema.meta({ id: 'JobError' });

export const interrupt = z
  .object({
    interruptId: z.string(),
    value: z.unknown().describe('What the agent asks: any JSON.'),
    node: z.string().optional(),
  })
  .meta({ id: 'Interrupt' });

const jobFields = {
  id: requestId,
  status: z.enum(JOB_STATUSES),
  pipeline: z.string(),
  model: z.string().describe('`provider:name`'),
  attempt: z.number().int().describe('0 until a worker took it; above 1 after a restart.'),
  createdAt: z.iso.datetime(),
  startedAt: time,
  firstTokenAt: time,
  finishedAt: time,
  lastEventId: eventId.nullable(),
  usage: usage.nullable(),
  error: jobError.nullable(),
  metadata: z.record(z.string(), z.string()).describe('As it was sent.'),
  threadId: threadIdSchema.nullable().describe('The thread that it belongs to.'),
  output: z.unknown().describe('Structured output of an agent, or null.'),
  interrupts: z.array(interrupt).describe('Questions that it ended with.'),
};

const jobListItem = z.object(jobFields).meta({ id: 'JobListItem' });

const saidMessage = z
  .object({
    role: z.enum(['assistant', 'tool']),
    messageId: z.string().optional().describe('Of the event `message_start`, where there was one.'),
    content: z.string(),
    name: z.string().optional().describe('The tool’s.'),
    toolCallId: z.string().optional().describe('Which call a tool’s message answers.'),
    toolCalls: z.array(toolCallSchema).optional().describe('The calls that the model made.'),
  })
  .meta({ id: 'SaidMessage' });

export const job = z
  .object({
    ...jobFields,
    text: z
      .string()
      .nullable()
      .optional()
      .describe('The answer so far, or whole; null once the log has expired; left out where `include` lacks it.'),
    messages: z
      .array(saidMessage)
      .nullable()
      .optional()
      .describe('What was said so far, or in all; null once the log has expired; only where `include` names it.'),
    queuePosition: z.number().int().optional().describe('1 is next; only while queued.'),
  })
  .meta({ id: 'Job' });

/** Fields of a page of what there is in all shards. */
export const pageFields = {
  nextCursor: z.string().nullable().describe('For the next page; null at the end.'),
  incomplete: z
    .literal(true)
    .optional()
    .describe('One of several Redis, or the archive, does not answer: what it has is missing.'),
};

export const jobList = z
  .object({ items: z.array(jobListItem).describe('Newest first.'), ...pageFields })
  .meta({ id: 'JobList' });

const jsonSchema = z.record(z.string(), z.unknown());

export const modelList = z
  .object({
    items: z
      .array(
        z
          .object({
            id: z.string().describe('`provider:name`: what `model` of a request may be.'),
            provider: z.string(),
            name: z.string(),
            isDefault: z.boolean().describe('Whether it answers requests that name no model.'),
          })
          .meta({ id: 'Model' }),
      )
      .describe('All of them.'),
    nextCursor: z.null(),
  })
  .meta({ id: 'ModelList' });

export const pipelineList = z
  .object({
    items: z
      .array(
        z
          .object({
            name: z.string(),
            kind: z.enum(['pipeline', 'agent']),
            description: z.string().optional(),
            inputSchema: jsonSchema.optional().describe('JSON Schema of the field `input`.'),
            configSchema: jsonSchema.optional().describe('JSON Schema of the field `config`.'),
            workers: z.array(z.string()).describe('Ids of the workers that have it.'),
          })
          .meta({ id: 'Pipeline' }),
      )
      .describe('By name.'),
    nextCursor: z.null(),
  })
  .meta({ id: 'PipelineList' });

export const cancelledCount = z
  .object({ cancelled: z.number().int(), incomplete: pageFields.incomplete })
  .meta({ id: 'CancelledCount' });

export const problem = z
  .object({
    type: z.string().describe('A URN that names the code.'),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.enum(Object.keys(PROBLEMS) as [keyof typeof PROBLEMS, ...(keyof typeof PROBLEMS)[]]),
    requestId,
    errors: z
      .array(z.object({ pointer: z.string().describe('JSON pointer into the body.'), detail: z.string() }))
      .max(20)
      .optional(),
    otherIds: z
      .array(requestId)
      .optional()
      .describe('Nothing is stored of the job: under one of these ids, another Redis may take it at once.'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' });

export const health = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });
export const connection = z
  .object({
    node: z.string().describe('Host name of the node.'),
    time: z.iso.datetime().describe('Its clock.'),
    httpVersion: z.string().meta({ description: 'What the last hop speaks to it.', example: '1.1' }),
    heartbeatMs: z.int().describe('Time between two heartbeats on a stream.'),
  })
  .meta({ id: 'Connection' });
export const ready = z
  .object({
    status: z.literal('ready'),
    lostShards: z
      .array(z.number().int())
      .optional()
      .describe('Of several Redis those that the node cannot use now, from 0.'),
  })
  .meta({ id: 'Ready' });
export const unready = z
  .object({
    status: z.literal('unready'),
    obstacles: z.array(z.enum(['draining', 'redis', 'redis-writes', 'subscriptions', 'master-keys'])),
  })
  .meta({ id: 'Unready' });

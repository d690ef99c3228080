import { cwd } from 'node:process';
import type { Logger } from '@millrace/runtime';
import { Module } from '@nestjs/common';
import type { WorkerSettings } from '../settings.ts';
import { LOGGER, SAVERS, SETTINGS } from '../tokens.ts';
import type { AgentSavers } from './agents/agent-pipeline.ts';
import { agentPipelines } from './agents/agent-pipelines.ts';
import { chatPipeline } from './chat/chat-pipeline.ts';
import { loadPipelineModules } from './load-modules.ts';
import { ChatModels } from './models/chat-models.ts';
import { PipelineRegistry } from './registry.ts';

/** Loads this worker's pipelines before anything else starts: a bad module is a start-up error. */
@Module({
  providers: [
    {
      provide: PipelineRegistry,
      inject: [SETTINGS, LOGGER, SAVERS],
      useFactory: loadRegistry,
    },
  ],
  exports: [PipelineRegistry],
})
export class PipelinesModule {}

async function loadRegistry(settings: WorkerSettings, logger: Logger, savers: AgentSavers): Promise<PipelineRegistry> {
  const builtIn = chatPipeline(settings.MILLRACE_SYSTEM_PROMPT);
  const own = await loadPipelineModules(settings.MILLRACE_PIPELINES, cwd());
  const agents = await agentPipelines({
    ...{ files: settings.MILLRACE_GRAPHS, directory: cwd() },
    ...{ savers, logger, env: process.env },
  });
  const models = new ChatModels({
    apiKey: settings.OPENAI_API_KEY,
    baseUrl: settings.OPENAI_BASE_URL,
    streamUsage: settings.MILLRACE_MODEL_STREAM_USAGE,
  });
  return new PipelineRegistry([builtIn, ...own, ...agents], models);
}

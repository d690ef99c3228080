import { Module } from '@nestjs/common';
import { ConsoleModule } from '../console/console.module.ts';
import { HealthModule } from '../health/health.module.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { QuotaModule } from '../quota/quota.module.ts';
import { RelayModule } from '../relay/relay.module.ts';
import { ThreadsModule } from '../threads/threads.module.ts';
import { AgUiController } from './ag-ui.controller.ts';
import { AiSdkController } from './ai-sdk.controller.ts';
import { AnthropicController } from './anthropic.controller.ts';
import { Chats } from './chats.ts';
import { ConsoleController } from './console.controller.ts';
import { ConsoleSessionController } from './console-session.controller.ts';
import { CreationAnswer } from './creation-answer.ts';
import { DeleteResponse } from './delete-response.ts';
import { DurableStreamsController } from './durable-streams.controller.ts';
import { ForeignJobs } from './foreign-jobs.ts';
import { HealthController } from './health.controller.ts';
import { JobAnswer } from './job-answer.ts';
import { JobsController } from './jobs.controller.ts';
import { KeysController } from './keys.controller.ts';
import { LangGraphAssistantsController } from './langgraph-assistants.controller.ts';
import { LangGraphRunRequests } from './langgraph-run-requests.ts';
import { LangGraphRunsController } from './langgraph-runs.controller.ts';
import { LangGraphStatesController } from './langgraph-states.controller.ts';
import { LangGraphStates } from './langgraph-states.ts';
import { LangGraphThreadSearch } from './langgraph-thread-search.ts';
import { LangGraphThreadsController } from './langgraph-threads.controller.ts';
import { LangGraphUnsupportedController } from './langgraph-unsupported.controller.ts';
import { ModelsController } from './models.controller.ts';
import { NativeFormats } from './native-formats.ts';
import { OpenAiChatController } from './openai-chat.controller.ts';
import { OPENAPI_DOCUMENT, OpenApiController } from './openapi.controller.ts';
import { openApiDocument } from './openapi-document.ts';
import { PipelinesController } from './pipelines.controller.ts';
import { ResponseRequests } from './response-request.ts';
import { ResponsesController } from './responses.controller.ts';
import { StreamController } from './stream.controller.ts';
import { TenantsController } from './tenants.controller.ts';
import { ThreadCommands } from './thread-commands.ts';
import { ThreadStreamController } from './thread-stream.controller.ts';
import { ThreadsController } from './threads.controller.ts';
import { TokensController } from './tokens.controller.ts';
import { UsageController } from './usage.controller.ts';
import { WholeAnswers } from './whole-answers.ts';
import { WorkersController } from './workers.controller.ts';

/** The routes: one thin controller for each kind. */
@Module({
  imports: [HealthModule, QuotaModule, JobsModule, ThreadsModule, RelayModule, ConsoleModule],
  controllers: [
    ...[HealthController, OpenApiController, PipelinesController, ModelsController],
    ...[
      AgUiController,
      OpenAiChatController,
      AiSdkController,
      ResponsesController,
      AnthropicController,
      DurableStreamsController,
      LangGraphAssistantsController,
      LangGraphStatesController,
      LangGraphRunsController,
      LangGraphUnsupportedController,
      LangGraphThreadsController,
      StreamController,
      ThreadStreamController,
      JobsController,
      ThreadsController,
      KeysController,
      TokensController,
      TenantsController,
      UsageController,
      WorkersController,
      ConsoleController,
      ConsoleSessionController,
    ],
  ],
  providers: [
    NativeFormats,
    CreationAnswer,
    JobAnswer,
    ForeignJobs,
    Chats,
    WholeAnswers,
    ResponseRequests,
    DeleteResponse,
    LangGraphStates,
    LangGraphThreadSearch,
    LangGraphRunRequests,
    ThreadCommands,
    { provide: OPENAPI_DOCUMENT, useFactory: openApiDocument },
  ],
  exports: [ForeignJobs, WholeAnswers],
})
export class RoutesModule {}

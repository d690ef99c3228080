import { openAiModel, pipelineModel } from '@millrace/protocols';
import { Controller, Get, Inject, Param } from '@nestjs/common';
import { Requires } from '../auth/access.ts';
import { UnknownModel } from '../http/problem.ts';
import { ListModels, type ModelList } from '../jobs/pipelines/list-models.ts';

/** The models, in our own words and in OpenAI's, where pipelines and agents are models, too.
 *  @see PROTOCOL.md §5, docs/protocols.md */
@Controller()
@Requires('job:read')
export class ModelsController {
  constructor(@Inject(ListModels) private readonly listModels: ListModels) {}

  @Get('models')
  list(): ModelList {
    return this.listModels.models();
  }

  @Get('v1/models')
  async listForOpenAi() {
    return { object: 'list', data: await this.#models() };
  }

  @Get('v1/models/:id')
  async getForOpenAi(@Param('id') id: string) {
    const model = (await this.#models()).find((each) => each.id === id);
    if (model === undefined) throw new UnknownModel();
    return model;
  }

  async #models() {
    const models = this.listModels.models().items.map(({ id, provider }) => openAiModel(id, provider));
    const pipelines = await this.listModels.pipelineNames();
    return [...models, ...pipelines.map((name) => openAiModel(pipelineModel(name), 'millrace'))];
  }
}

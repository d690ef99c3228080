import { Controller, Get } from '@nestjs/common';
import { Open } from '../auth/auth.guard.ts';
import { openApiDocument } from './openapi/document.ts';

@Open()
@Controller()
export class OpenApiController {
  readonly #document = openApiDocument();

  @Get('openapi.json')
  document(): object {
    return this.#document;
  }
}

import { Controller, Get, Inject } from '@nestjs/common';
import { Public } from '../auth/access.ts';

/** The OpenAPI document, made once. */
export const OPENAPI_DOCUMENT = Symbol('OpenApiDocument');

@Public()
@Controller()
export class OpenApiController {
  constructor(@Inject(OPENAPI_DOCUMENT) private readonly document: object) {}

  @Get('openapi.json')
  get(): object {
    return this.document;
  }
}

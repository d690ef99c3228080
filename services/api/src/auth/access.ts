import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Permission } from './permissions.ts';

/** Who may use a route: everybody, or callers with a permission. */
export type Access = 'public' | Permission;

const RouteAccess = Reflector.createDecorator<Access>();
const reflector = new Reflector();

/** Opens a route, or all routes of a controller, to callers without a credential. */
export const Public = () => RouteAccess('public');

/** Opens a route to callers with a permission. The guard enforces it, and the OpenAPI document states it. */
export const Requires = (permission: Permission) => RouteAccess(permission);

/** The access that a route declares.
 *  @throws Error it declares none: a forgotten declaration closes a route */
export function accessOf(
  controller: ReturnType<ExecutionContext['getClass']>,
  handler: ReturnType<ExecutionContext['getHandler']>,
): Access {
  const access = reflector.getAllAndOverride(RouteAccess, [handler, controller]);
  if (access === undefined) throw new Error(`${controller.name}.${handler.name} declares no access`);
  return access;
}

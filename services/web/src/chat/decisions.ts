/** An action that an agent wants a person's word for. */
export interface ActionRequest {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly description: string | null;
  readonly allowed: readonly DecisionType[];
}

export type DecisionType = 'approve' | 'edit' | 'reject';

/** What a person decided about one action. */
export type Decision =
  | { readonly type: 'approve' }
  | { readonly type: 'edit'; readonly args: Readonly<Record<string, unknown>> }
  | { readonly type: 'reject'; readonly message: string };

const ALL: readonly DecisionType[] = ['approve', 'edit', 'reject'];

/** The actions of a question as LangChain's human-in-the-loop middleware asks it; null for any other question. */
export function actionsOf(value: unknown): readonly ActionRequest[] | null {
  if (!isObject(value) || !Array.isArray(value['actionRequests'])) return null;
  const reviews = Array.isArray(value['reviewConfigs']) ? value['reviewConfigs'].filter(isObject) : [];
  const actions = value['actionRequests'].map((action): ActionRequest | null => {
    if (!isObject(action) || typeof action['name'] !== 'string') return null;
    const { name, args, description } = action;
    const decisions: unknown = reviews.find((review) => review['actionName'] === name)?.['allowedDecisions'];
    const allowed = Array.isArray(decisions) ? ALL.filter((type) => decisions.includes(type)) : ALL;
    return {
      name: name as string,
      args: isObject(args) ? args : {},
      description: typeof description === 'string' ? description : null,
      allowed: allowed.length === 0 ? ALL : allowed,
    };
  });
  const known = actions.filter((action) => action !== null);
  return known.length === actions.length && known.length > 0 ? known : null;
}

/** The answer that the middleware expects: one decision for each action, in their order. */
export function resumeOf(actions: readonly ActionRequest[], decisions: readonly Decision[]): unknown {
  return {
    decisions: decisions.map((decision, index) =>
      decision.type === 'edit'
        ? { type: 'edit', editedAction: { name: actions[index]?.name ?? '', args: decision.args } }
        : decision,
    ),
  };
}

/** What was typed as an answer: JSON where it is JSON, otherwise the words themselves. */
export function typedAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The queue that API and worker share. */
export const QUEUE = 'chat';

/** Published after the last token. In band, as such code does it: a model that says this ends its own answer. */
export const END = '[DONE]';

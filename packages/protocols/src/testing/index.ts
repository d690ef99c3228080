export { scratchFormat } from './scratch/frames.ts';
export { requestOf } from './scratch/request.ts';
export { ScratchCollector } from './scratch/whole.ts';

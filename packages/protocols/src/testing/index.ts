export { scratchFormat } from './scratch/frames.ts';
export { requestOf } from './scratch/request.ts';

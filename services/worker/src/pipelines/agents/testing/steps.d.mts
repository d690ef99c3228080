export const steps: object;
export const approval: object;
export const breakpoint: object;

/** TypeScript that only compiling removes. */
export enum Tone {
  Kind = 'kind',
}

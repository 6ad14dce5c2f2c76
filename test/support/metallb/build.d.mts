/** Files: two programs, and a manifest of definitions, rights and workloads. */
export interface MetallbFiles {
  readonly version: string;
  readonly controller: string;
  readonly speaker: string;
  readonly manifest: string;
}
export function findMetallb(env?: NodeJS.ProcessEnv): MetallbFiles | undefined;
export function buildMetallb(options?: {
  readonly env?: NodeJS.ProcessEnv;
  readonly say?: (text: string) => void;
}): void;

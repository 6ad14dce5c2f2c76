export function findHelm(env?: NodeJS.ProcessEnv): string | undefined;
export function buildHelm(options?: { readonly env?: NodeJS.ProcessEnv }): void;

/** Exit codes of every command (documented in README). */
export const ExitCode = { done: 0, problems: 1, usage: 2, environment: 3, interrupted: 130 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/**
 * A fault of the user (`usage`, `problems`) or of the environment: printed as `clarion: MESSAGE`, never with a stack.
 * The message says what happened, to what, and what to do. Everything else that is thrown is our own bug.
 */
export class ClarionError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ClarionError';
    this.exitCode = exitCode;
  }
}

export const environmentError = (message: string, cause?: unknown): ClarionError =>
  new ClarionError(ExitCode.environment, message, { cause });
export const usageError = (message: string): ClarionError => new ClarionError(ExitCode.usage, message);

/** What an unknown thrown thing says, in one line. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** The `code` of a system error (ENOENT, EACCES, ...), if it has one. */
export const systemCodeOf = (thrown: unknown): string | undefined =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;

/** For the end of an exhaustive switch: the compiler proves that it is never reached. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

import type { Problem } from '../base/problem.ts';

/** A problem for people: `file:line:column: code: what is wrong`, and below it what follows and what to do. */
export function formatProblem({ severity, file, line, column, code, object, message }: Problem): string {
  const kind = severity === 'warning' ? `warning: ${code}` : code;
  const where = object === undefined ? '' : ` (${object})`;
  const [first = '', ...rest] = message.split('\n');
  return [`${file}:${line}:${column}: ${kind}: ${first}${where}\n`, ...rest.map((text) => `  ${text}\n`)].join('');
}

/** "2 problems and 1 warning in 3 files.", for the last line. */
export function countProblems(problems: readonly Problem[], files: number): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const parts = [
    ...(errors > 0 || warnings === 0 ? [counted(errors, 'problem')] : []),
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
  ];
  return `${parts.join(' and ')} in ${counted(files, 'file')}.\n`;
}

const counted = (count: number, noun: string): string =>
  `${count === 0 ? 'No' : count} ${noun}${count === 1 ? '' : 's'}`;

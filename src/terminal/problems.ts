import type { Problem } from '../base/problem.ts';
import type { Style } from './table.ts';

/** `file:line:column: code: message`, the form that editors jump to; what follows and what to do is indented below. */
export function formatProblems(problems: readonly Problem[], style: Style): string {
  return problems.map((problem) => `${formatProblem(problem, style)}\n`).join('');
}

function formatProblem({ severity, file, line, column, code, object, message }: Problem, style: Style): string {
  const [first, ...more] = message.split('\n');
  const word = severity === 'error' ? style.bad(code) : style.strong(code);
  const about = object === undefined ? '' : `${object}: `;
  return [`${file}:${line}:${column}: ${word}: ${about}${first}`, ...more.map((text) => `  ${text}`)].join('\n');
}

/** "2 problems and 1 warning", or undefined when there are none. */
export function countProblems(problems: readonly Problem[]): string | undefined {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const counts = [...counted(errors, 'problem'), ...counted(problems.length - errors, 'warning')];
  return counts.length === 0 ? undefined : counts.join(' and ');
}

const counted = (count: number, noun: string): string[] =>
  count === 0 ? [] : [`${count} ${noun}${count === 1 ? '' : 's'}`];

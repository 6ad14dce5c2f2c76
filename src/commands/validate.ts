import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { ExitCode, messageOf } from '../base/errors.ts';
import type { Problem } from '../base/problem.ts';
import { judgeFile } from '../config/judge.ts';
import { countProblems, formatProblem } from '../terminal/problems.ts';

export function register(program: Command): void {
  program
    .command('validate')
    .description('judge configurations: ConfigMap objects, or the bare text of one')
    .argument('<file...>', 'each judged on its own; - is standard input')
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExit code 0: no errors (warnings may be there); 1: errors; 3: a file cannot be read.')
    .action((files: readonly string[], { output }: { readonly output: 'text' | 'json' }) => {
      validate(files, output === 'json');
    });
}

function validate(files: readonly string[], json: boolean): void {
  const problems = files.flatMap(judge);
  if (json) process.stdout.write(`${JSON.stringify({ problems }, undefined, 2)}\n`);
  else process.stdout.write(problems.map(formatProblem).join('') + countProblems(problems, files.length));
  process.exitCode = exitCodeOf(problems);
}

function judge(argument: string): readonly Problem[] {
  const file = argument === '-' ? '<stdin>' : argument;
  let text: string;
  try {
    text = readFileSync(argument === '-' ? 0 : argument, 'utf8');
  } catch (cause) {
    const message = `the file cannot be read: ${messageOf(cause)}\nNothing of it was judged.`;
    return [{ severity: 'error', file, line: 1, column: 1, code: 'unreadable-file', message }];
  }
  return judgeFile({ file, text }).flatMap(({ problems }) => problems);
}

function exitCodeOf(problems: readonly Problem[]): ExitCode {
  if (problems.some(({ code }) => code === 'unreadable-file')) return ExitCode.environment;
  return problems.some(({ severity }) => severity === 'error') ? ExitCode.problems : ExitCode.done;
}

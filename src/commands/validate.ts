import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { ExitCode, environmentError, messageOf } from '../base/errors.ts';
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
  const texts = files.map((file) => ({ file: file === '-' ? '<stdin>' : file, text: readText(file) }));
  const problems = texts.flatMap((source) => judgeFile(source).flatMap((judgement) => judgement.problems));
  if (json) process.stdout.write(`${JSON.stringify({ problems }, undefined, 2)}\n`);
  else process.stdout.write(problems.map(formatProblem).join('') + countProblems(problems, files.length));
  process.exitCode = problems.some(({ severity }) => severity === 'error') ? ExitCode.problems : ExitCode.done;
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    const name = file === '-' ? 'standard input' : file;
    throw environmentError(`${name} cannot be read: ${messageOf(cause)}. Nothing was judged.`, cause);
  }
}

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { ExitCode, environmentError, messageOf } from '../base/errors.ts';
import { look } from '../cluster/directory/files.ts';
import { migrate } from '../config/migration.ts';
import type { MigrationNote } from '../config/migration-note.ts';
import { configMapOf, configMapText } from '../config/migration-text.ts';
import type { ConfigSource } from '../config/source.ts';
import { countProblems, formatProblem } from '../terminal/problems.ts';
import { formatTable } from '../terminal/table.ts';

interface MigrateOptions {
  readonly namespace: string;
  readonly metallbNamespace?: string;
  readonly report?: string;
  readonly output: 'yaml' | 'json';
}

export function register(program: Command): void {
  program
    .command('migrate')
    .description("turn MetalLB's custom resources (v0.13 to v0.16) or its ConfigMap (v0.12) into Clarion's ConfigMap")
    .argument('<path...>', 'files or folders with manifests, or the output of kubectl get -o yaml; - is standard input')
    .option('--namespace <name>', 'namespace of the new ConfigMap', 'clarion-system')
    .option('--metallb-namespace <name>', 'the namespace that MetalLB runs in (default: that of its objects)')
    .option('--report <file>', 'write the report there instead of to standard error')
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(['yaml', 'json']).default('yaml'))
    .addHelpText(
      'after',
      '\nWhat MetalLB refuses is refused: exit code 1, and no output. Exit code 0: done; 3: a file cannot be read.\nThe steps of a migration are in docs/migration.md.',
    )
    .action(run);
}

function run(paths: readonly string[], options: MigrateOptions): void {
  const sources = paths.flatMap(sourcesOf);
  const { problems, notes, text } = migrate(sources, options);
  if (options.output === 'json') {
    const configMap = text === undefined ? {} : { configMap: configMapOf(options.namespace, text) };
    process.stdout.write(`${JSON.stringify({ problems, report: notes, ...configMap }, undefined, 2)}\n`);
  } else if (text !== undefined) process.stdout.write(configMapText(options.namespace, text));
  tell(reportText(notes), options);
  if (options.output === 'yaml' && problems.length > 0)
    process.stderr.write(problems.map(formatProblem).join('') + countProblems(problems, sources.length));
  process.exitCode = text === undefined ? ExitCode.problems : ExitCode.done;
}

function tell(report: string, { report: file, output }: MigrateOptions): void {
  if (file === undefined) {
    if (output === 'yaml') process.stderr.write(report);
    return;
  }
  try {
    writeFileSync(file, report);
  } catch (thrown) {
    throw environmentError(`the report cannot be written to ${file}: ${messageOf(thrown)}`, thrown);
  }
}

const ORDER = ['converted', 'differs', 'no-equivalent', 'ignored'] as const satisfies readonly MigrationNote['kind'][];

function reportText(notes: readonly MigrationNote[]): string {
  if (notes.length === 0) return '';
  const rows = notes
    .toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind))
    .map(({ kind, object, file, line, field, message }) => [
      kind,
      object,
      `${file}:${line}`,
      field === undefined ? message : `${field}: ${message}`,
    ]);
  return formatTable([['RESULT', 'OBJECT', 'WHERE', 'WHAT'], ...rows]);
}

/** Manifests of a folder in order of their names, folders inside of it included. */
function sourcesOf(path: string): readonly ConfigSource[] {
  if (path === '-') return [{ file: '<stdin>', text: readText(0, 'standard input') }];
  if (look(path, 'argument') !== 'directory') return [{ file: path, text: readText(path, path) }];
  return namesIn(path).flatMap((name) => {
    const inner = join(path, name);
    const what = look(inner, name);
    return what === 'nothing' ? [] : sourcesOf(inner);
  });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch (thrown) {
    throw environmentError(`the folder ${folder} cannot be read: ${messageOf(thrown)}`, thrown);
  }
}

function readText(file: string | number, called: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    throw environmentError(`${called} cannot be read: ${messageOf(thrown)}`, thrown);
  }
}

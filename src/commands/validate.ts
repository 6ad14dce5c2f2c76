import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { ClarionError, ExitCode, environmentError, messageOf, usageError } from '../base/errors.ts';
import type { Problem } from '../base/problem.ts';
import { chooseConfigMap } from '../cluster/config-map.ts';
import { elementFinder } from '../config/element-place.ts';
import { judgeConfig, judgeFile } from '../config/judge.ts';
import type { ConfigSource } from '../config/source.ts';
import { clusterProblems, secretRefs } from '../controller/cluster-check.ts';
import { secretValue } from '../inventory/secret.ts';
import { inventoryIn } from '../inventory/take.ts';
import { countProblems, formatProblem } from '../terminal/problems.ts';
import { addReachOptions, type Look, type Reach, type ReachOptions, reach } from './reach.ts';

interface ValidateOptions extends ReachOptions {
  readonly output: 'text' | 'json';
  readonly cluster: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('validate')
    .description('judge configurations: ConfigMap objects, or the bare text of one')
    .argument('[file...]', 'each judged on its own; - is standard input')
    .option(
      '--cluster',
      'judge also against what a cluster holds: pools in use, nodes, namespaces, Secrets; without a file the ConfigMap there',
      false,
    )
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'));
  addReachOptions(command)
    .addHelpText(
      'after',
      '\nExit code 0: no errors (warnings may be there); 1: errors; 3: a file or the cluster cannot be read.',
    )
    .action(validate);
}

async function validate(files: readonly string[], { output, cluster, ...where }: ValidateOptions): Promise<void> {
  const inCluster = cluster || Object.values(where).some((value) => value !== undefined);
  if (files.length === 0 && !inCluster) throw usageError('give a file to judge, or --cluster for what the cluster has');
  const check = inCluster ? await clusterCheck(where) : undefined;
  const problems =
    files.length === 0 && check !== undefined
      ? await check.judge(check.configured())
      : (await Promise.all(files.map((file) => judge(file, check?.judge)))).flat();
  if (output === 'json') process.stdout.write(`${JSON.stringify({ problems }, undefined, 2)}\n`);
  else process.stdout.write(problems.map(formatProblem).join('') + countProblems(problems, Math.max(1, files.length)));
  process.exitCode = exitCodeOf(problems);
}

interface Check {
  /** Everything that is wrong with it, in this cluster too. */
  readonly judge: (source: ConfigSource) => Promise<readonly Problem[]>;
  /** The configuration that the cluster has. */
  readonly configured: () => ConfigSource;
}

async function judge(argument: string, check: Check['judge'] | undefined): Promise<readonly Problem[]> {
  const file = argument === '-' ? '<stdin>' : argument;
  let text: string;
  try {
    text = readFileSync(argument === '-' ? 0 : argument, 'utf8');
  } catch (cause) {
    const message = `the file cannot be read: ${messageOf(cause)}\nNothing of it was judged.`;
    return [{ severity: 'error', file, line: 1, column: 1, code: 'unreadable-file', message }];
  }
  return check === undefined ? judgeFile({ file, text }).flatMap(({ problems }) => problems) : check({ file, text });
}

/** Everything is read once, for all files. */
async function clusterCheck(where: ReachOptions): Promise<Check> {
  const processes = await reach(where);
  const look = await processes.look();
  const { lists } = look;
  const inventory = inventoryIn(lists, '');
  const namespaces = lists.Namespace.length === 0 ? undefined : new Set(lists.Namespace.map(({ name }) => name));
  const interfaces = await interfacesOf(processes);
  return {
    configured: () => configuredIn(look, processes),
    async judge(source) {
      const { config, problems } = judgeConfig(source);
      const { secrets, hidden } = await processes.secrets(secretRefs(config));
      const secretTrouble: Parameters<typeof clusterProblems>[0]['secretTrouble'] = (ref, key) => {
        if (hidden.some((one) => one.namespace === ref.namespace && one.name === ref.name)) return undefined;
        const read = secretValue(secrets, ref, key);
        return read.ok ? undefined : read.error;
      };
      const placeOf = elementFinder(source);
      return [...problems, ...clusterProblems({ config, inventory, namespaces, interfaces, secretTrouble, placeOf })];
    },
  };
}

/** Of the speakers that answer: a cluster may be judged before anything runs there. */
async function interfacesOf(processes: Reach): Promise<ReadonlyMap<string, readonly string[]>> {
  const answers = await processes.ask({ holder: '' }).catch((thrown: unknown) => {
    if (thrown instanceof ClarionError) return [];
    throw thrown;
  });
  return new Map(
    answers.flatMap((answer): [string, readonly string[]][] => {
      const names = answer.ok ? answer.report.speaker?.interfaces : undefined;
      return answer.ok && names !== undefined ? [[answer.report.node, names]] : [];
    }),
  );
}

function configuredIn({ lists }: Look, { where }: Reach): ConfigSource {
  const { chosen } = chooseConfigMap(lists.ConfigMap, { anyName: false });
  if (chosen === undefined) throw environmentError(`there is no ConfigMap with a configuration in ${where}`);
  const { file, line, text } = chosen.origin;
  return { file, line, text: text ?? JSON.stringify(chosen.body) };
}

function exitCodeOf(problems: readonly Problem[]): ExitCode {
  if (problems.some(({ code }) => code === 'unreadable-file')) return ExitCode.environment;
  return problems.some(({ severity }) => severity === 'error') ? ExitCode.problems : ExitCode.done;
}

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Command, Option } from 'commander';
import { ExitCode, environmentError, messageOf, usageError } from '../base/errors.ts';
import type { Problem } from '../base/problem.ts';
import { chooseConfigMap } from '../cluster/config-map.ts';
import { readDirectory } from '../cluster/directory/read.ts';
import type { ObjectLists } from '../cluster/ports.ts';
import { judgeConfig } from '../config/judge.ts';
import type { ConfigSource } from '../config/source.ts';
import { planOf } from '../controller/plan.ts';
import { planText } from '../controller/plan-text.ts';
import { inventoryTaker } from '../inventory/take.ts';
import { styleFor } from '../terminal/table.ts';

interface PlanOptions {
  readonly config: string | undefined;
  readonly manifests: string | undefined;
  readonly directory: string | undefined;
  readonly node: string;
  readonly loadBalancerClass: string | undefined;
  readonly ignoreExcludeLb: boolean;
  readonly output: 'text' | 'json';
}

export function register(program: Command): void {
  program
    .command('plan')
    .description('what would be assigned and announced, where, and why not; changes nothing')
    .option('--config <file>', 'the configuration (ConfigMap or bare text); without it, the ConfigMap in the folder')
    .option('--manifests <dir>', 'folder with Services, EndpointSlices, Nodes, Namespaces')
    .option('--directory <dir>', 'another name of --manifests')
    .option('--node <name>', 'name of the only node, when the folder has no Node', hostname())
    .option('--load-balancer-class <class>', 'plan for Services of this class instead of those without one')
    .option('--ignore-exclude-lb', 'use nodes labelled exclude-from-external-load-balancers too', false)
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      '\nExit codes: 0 done (Services without an address included), 1 the input has problems, 2 wrong usage, 3 a file cannot be read.\n',
    )
    .action(runPlan);
}

function runPlan(options: PlanOptions): void {
  const { lists, problems } = readManifests(options);
  const config = configSource(options, lists);
  const plan = planOf({
    ...options,
    judgement: judgeConfig(config.source),
    inventory: inventoryTaker(options.node)(lists),
    problems: [...problems, ...config.problems],
  });
  const text =
    options.output === 'json' ? `${JSON.stringify(plan, null, 2)}\n` : planText(plan, styleFor(process.stdout));
  process.stdout.write(text);
  process.exitCode = exitCodeOf(plan.problems);
}

function readManifests({ manifests, directory }: PlanOptions): ReturnType<typeof readDirectory> {
  if (manifests !== undefined && directory !== undefined && manifests !== directory)
    throw usageError('--manifests and --directory are two names of one option; give one of them');
  const folder = manifests ?? directory;
  if (folder === undefined) throw usageError('give the folder with the objects to plan for: --manifests DIR');
  const read = readDirectory(folder);
  const missing = read.problems.find(({ file, code }) => file === folder && code === 'unreadable-file');
  if (missing !== undefined) throw environmentError(`the folder of manifests: ${folder}: ${missing.message}`);
  return read;
}

function configSource(
  { config }: PlanOptions,
  lists: ObjectLists,
): { readonly source: ConfigSource; readonly problems: readonly Problem[] } {
  if (config !== undefined) {
    try {
      return { source: { file: config, text: readFileSync(config, 'utf8') }, problems: [] };
    } catch (thrown) {
      throw environmentError(`the configuration ${config} cannot be read: ${messageOf(thrown)}`, thrown);
    }
  }
  const { chosen, problems } = chooseConfigMap(lists.ConfigMap);
  if (chosen === undefined)
    throw usageError('the folder has no ConfigMap with the key config.yaml; give the configuration with --config FILE');
  const { file, line, text } = chosen.origin;
  return { source: { file, line, text: text ?? JSON.stringify(chosen.body) }, problems };
}

/** A file that cannot be read is the environment's fault; the plan without it is printed all the same. */
function exitCodeOf(problems: readonly Problem[]): ExitCode {
  if (problems.some(({ code }) => code === 'unreadable-file')) return ExitCode.environment;
  return problems.some(({ severity }) => severity === 'error') ? ExitCode.problems : ExitCode.done;
}

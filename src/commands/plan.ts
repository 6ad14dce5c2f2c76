import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Command, Option } from 'commander';
import { ExitCode, environmentError, messageOf, usageError } from '../base/errors.ts';
import type { Problem } from '../base/problem.ts';
import { chooseConfigMap } from '../cluster/config-map.ts';
import { readDirectory } from '../cluster/directory/read.ts';
import type { ObjectLists } from '../cluster/ports.ts';
import { decodeEffective } from '../config/effective.ts';
import { judgeConfig } from '../config/judge.ts';
import type { ConfigSource } from '../config/source.ts';
import { planOf } from '../controller/plan.ts';
import { changesIn } from '../controller/plan-changes.ts';
import { planChangesText } from '../controller/plan-changes-text.ts';
import { planText } from '../controller/plan-text.ts';
import { inventoryIn } from '../inventory/take.ts';
import { styleFor } from '../terminal/table.ts';
import { type ReachOptions, reach } from './reach.ts';

interface PlanOptions extends ReachOptions {
  readonly config: string | undefined;
  readonly manifests: string | undefined;
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
    .option('--manifests <dir>', 'plan for this folder with Services, EndpointSlices, Nodes, Namespaces')
    .option('--directory <dir>', 'another name of --manifests')
    .addOption(
      new Option('--kubeconfig <file>', 'what would change in this cluster').conflicts(['manifests', 'directory']),
    )
    .addOption(
      new Option('--context <name>', 'what would change in the cluster of this context').conflicts([
        'manifests',
        'directory',
      ]),
    )
    .option('-n, --namespace <name>', 'where Clarion is installed in the cluster (default: clarion-system)')
    .option('--node <name>', 'name of the only node, when the folder has no Node', hostname())
    .option('--load-balancer-class <class>', 'plan for Services of this class instead of those without one')
    .option('--ignore-exclude-lb', 'use nodes labelled exclude-from-external-load-balancers too', false)
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      '\nWithout a folder: what this configuration would change in a running cluster.' +
        '\nExit codes: 0 done (Services without an address included), 1 the input has problems, 2 wrong usage, 3 a file cannot be read.\n',
    )
    .action(runPlan);
}

async function runPlan(options: PlanOptions): Promise<void> {
  if (options.manifests === undefined && options.directory === undefined) return planChange(options);
  planFolder(options);
}

/** What is in force, and what would be: the last good elements merged in, as the controller does it. */
async function planChange(options: PlanOptions): Promise<void> {
  const { config, kubeconfig, context, namespace } = options;
  if (config === undefined)
    throw usageError(
      'give the folder with the objects to plan for (--manifests DIR), or the edited configuration of a running cluster (--config FILE)',
    );
  const source = fileSource(config);
  const processes = await reach({ kubeconfig, context, namespace });
  const { lists, effective, problems } = await processes.look();
  const inForce = effective === undefined ? undefined : decodeEffective(effective);
  if (inForce !== undefined && !inForce.ok) throw environmentError(inForce.error);
  const changes = changesIn(inForce?.value, judgeConfig(source), inventoryIn(lists, options.node), options, problems);
  process.stdout.write(
    options.output === 'json'
      ? `${JSON.stringify(changes, null, 2)}\n`
      : planChangesText(changes, styleFor(process.stdout)),
  );
  process.exitCode = exitCodeOf(changes.problems);
}

function planFolder(options: PlanOptions): void {
  const { lists, problems } = readManifests(options);
  const config = configSource(options, lists);
  const plan = planOf({
    ...options,
    judgement: judgeConfig(config.source),
    inventory: inventoryIn(lists, options.node),
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
  if (config !== undefined) return { source: fileSource(config), problems: [] };
  const { chosen, problems } = chooseConfigMap(lists.ConfigMap);
  if (chosen === undefined)
    throw usageError('the folder has no ConfigMap with the key config.yaml; give the configuration with --config FILE');
  const { file, line, text } = chosen.origin;
  return { source: { file, line, text: text ?? JSON.stringify(chosen.body) }, problems };
}

function fileSource(file: string): ConfigSource {
  try {
    return { file, text: readFileSync(file, 'utf8') };
  } catch (thrown) {
    throw environmentError(`the configuration ${file} cannot be read: ${messageOf(thrown)}`, thrown);
  }
}

/** A file that cannot be read is the environment's fault; the plan without it is printed all the same. */
function exitCodeOf(problems: readonly Problem[]): ExitCode {
  if (problems.some(({ code }) => code === 'unreadable-file')) return ExitCode.environment;
  return problems.some(({ severity }) => severity === 'error') ? ExitCode.problems : ExitCode.done;
}

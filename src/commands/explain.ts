import { type Command, Option } from 'commander';
import { ClarionError, ExitCode, usageError } from '../base/errors.ts';
import { decodeEffective, type EffectiveConfig } from '../config/effective.ts';
import { serviceKey } from '../inventory/service-request.ts';
import { inventoryIn } from '../inventory/take.ts';
import { type Explanation, explain } from '../status/explain.ts';
import { styleFor } from '../terminal/table.ts';
import { explainText } from './explain-text.ts';
import { addReachOptions, type Look, type ReachOptions, reach } from './reach.ts';

interface ExplainOptions extends ReachOptions {
  readonly output: 'text' | 'json';
}

export function register(program: Command): void {
  const command = program
    .command('explain')
    .description('why a Service is announced or not: its address, its holder, the word on every node, what to do')
    .argument('<service>', 'NAMESPACE/NAME')
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'));
  addReachOptions(command)
    .addHelpText(
      'after',
      '\nExit codes: 0 explained (whatever is wrong with it), 1 there is no such Service, 3 it cannot be read, or no process answers.',
    )
    .action(showExplanation);
}

async function showExplanation(service: string, { output, ...where }: ExplainOptions): Promise<void> {
  const [namespace = '', name = '', ...rest] = service.split('/');
  if (namespace === '' || name === '' || rest.length > 0)
    throw usageError(`"${service}" is no NAMESPACE/NAME; shop/web would be one`);
  const explanation = await explanationOf(where, namespace, name);
  process.stdout.write(
    output === 'json'
      ? `${JSON.stringify(explanation, undefined, 2)}\n`
      : explainText(explanation, styleFor(process.stdout)),
  );
  process.exitCode = explanation.outcome === 'unknown' ? ExitCode.environment : ExitCode.done;
}

async function explanationOf(where: ReachOptions, namespace: string, name: string): Promise<Explanation> {
  const processes = await reach(where);
  const key = serviceKey(namespace, name);
  const look = await processes.look([key]);
  if (!look.lists.Service.some((one) => one.namespace === namespace && one.name === name))
    throw new ClarionError(ExitCode.problems, `there is no Service ${key} in ${processes.where}`);
  const [answers, events] = await Promise.all([processes.ask({ service: key }), processes.events(key)]);
  // Others that share an address decide with it who may announce.
  const sharing = new Set(
    answers.flatMap((answer) =>
      answer.ok ? (answer.report.speaker?.addresses ?? []).flatMap(({ services }) => services) : [],
    ),
  );
  const { lists, effective } =
    sharing.size > 1 ? await processes.look([key, ...([...sharing] as (typeof key)[])]) : look;
  const object = lists.Service.find((one) => one.namespace === namespace && one.name === name);
  // Where there are no Node objects, there is one node, which is that of the process.
  const node = answers.map((answer) => (answer.ok ? answer.report.node : answer.name))[0] ?? '';
  const inventory = inventoryIn(lists, node);
  const request = inventory.services.get(key);
  if (object === undefined || request === undefined)
    throw new ClarionError(ExitCode.problems, `the Service ${key} was deleted just now`);
  return explain({ service: request, object, inventory, effective: decoded({ effective }), answers, events });
}

function decoded({ effective }: Pick<Look, 'effective'>): EffectiveConfig | undefined {
  if (effective === undefined) return undefined;
  const read = decodeEffective(effective);
  if (!read.ok) throw new ClarionError(ExitCode.environment, read.error);
  return read.value;
}

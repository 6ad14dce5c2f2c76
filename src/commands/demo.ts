import { type Command, Option } from 'commander';
import { ExitCode, environmentError } from '../base/errors.ts';
import { runDemo } from '../lab/demo/demo.ts';
import { runKubernetesDemo } from '../lab/demo/kubernetes/demo.ts';
import { picture as kubernetesPicture } from '../lab/demo/kubernetes/world.ts';
import { formatOutcomes } from '../lab/demo/promises.ts';
import type { DemoResult } from '../lab/demo/story.ts';
import { FOLDER, picture } from '../lab/demo/world.ts';
import { controlPlaneFolder } from '../lab/kubernetes/control-plane.ts';
import { findKubernetesPrograms, type KubernetesPrograms } from '../lab/kubernetes/programs.ts';
import { Lab } from '../lab/lab.ts';
import { enterCommand, runInPrivateTree } from '../lab/private-tree.ts';
import { Progress } from '../terminal/progress.ts';
import { plainStyle, styleFor } from '../terminal/table.ts';

interface DemoCommandOptions {
  readonly json?: true;
  readonly kubernetes?: true;
  readonly keep?: true;
}

export function register(program: Command): void {
  program
    .command('demo')
    .description('a small data centre on this machine, live: what Clarion does, and whether it keeps its promises')
    .option('--kubernetes', 'in a real Kubernetes on this machine: its API server, controllers and kube-proxy')
    .option('--json', 'one JSON object at the end instead of the story')
    .addOption(new Option('--keep', 'stay up at the end, to play on').conflicts('json'))
    .addHelpText(
      'after',
      `
--kubernetes needs Kubernetes' programs; \`node setup.mjs demo --kubernetes\` builds them once, in some minutes.
Runs in private network namespaces: no root where the host allows user namespaces, and nothing of it is left.
Exit code 0 when every promise was kept, 1 when one was broken, 3 when the machine allows no such network.
--json: {"scenes":[{"number","title","about","lines":[{"who","text","ms"?}]}], "promises":[{"key","name","promised",
"measured","unit","kept"}], "kept", "of", "seconds", "failure"?:{"message","log"}}`,
    )
    .action(demo);
}

/** Set inside the demo's own tree; the tree that tests run in is not it, and has other labs in it. */
const OWN_TREE = 'CLARION_DEMO';

async function demo(options: DemoCommandOptions): Promise<void> {
  const entry = process.argv[1];
  if (entry === undefined) throw environmentError('it is not known how this program was started');
  const program = [process.execPath, ...process.execArgv, entry];
  const programs = options.kubernetes === true ? await kubernetesPrograms() : undefined;
  if (process.env[OWN_TREE] === undefined) {
    process.exitCode = await runInPrivateTree([...program, ...process.argv.slice(2)], { [OWN_TREE]: '1' });
    return;
  }
  const say = options.json ? () => {} : (text: string) => void process.stdout.write(text);
  const style = options.json ? plainStyle : styleFor(process.stdout);
  say(
    `A small data centre in private network namespaces${enterCommand().includes('--user') ? ', without root' : ''}:\n${programs === undefined ? picture : kubernetesPicture}`,
  );
  const lab = new Lab('');
  try {
    const progress = new Progress(say, style, process.stdout.columns);
    const result = await (programs === undefined
      ? runDemo({ lab, progress, program, keep: options.keep === true })
      : runKubernetesDemo({ lab, progress, program, programs, keep: options.keep === true }));
    say(closing(result, style));
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    process.exitCode = result.kept === result.of && result.failure === undefined ? ExitCode.done : ExitCode.problems;
    if (options.keep) {
      say(programs === undefined ? playOn(program) : playOnKubernetes(lab, programs, program));
      // Until Ctrl-C, which ends the tree and everything in it.
      await new Promise<never>(() => {});
    }
  } finally {
    await lab.stop();
  }
}

/** Throws (exit 3) where one is missing. */
async function kubernetesPrograms(): Promise<KubernetesPrograms> {
  const programs = await findKubernetesPrograms();
  if (programs.missing.length > 0)
    throw environmentError(
      `these programs of Kubernetes are not here: ${programs.missing.join(', ')}. To build them, once, in some minutes: node setup.mjs demo --kubernetes`,
    );
  return programs;
}

function closing({ promises, kept, of, seconds, failure }: DemoResult, style: ReturnType<typeof styleFor>): string {
  const trouble =
    failure === undefined
      ? ''
      : `\n   ${style.bad('failed')}      ${failure.message}\n${failure.log.map((line) => `     ${line}\n`).join('')}`;
  return `${trouble}\n${style.strong('What was promised, what was measured')}\n${formatOutcomes(promises, style)}\n${kept} of ${of} kept in ${seconds} s.\n`;
}

/** For a shell: a command in a host of the lab, in the folder that the shell is in. */
const enterFunction = (): string =>
  `enter() { local host=$1; shift; ${enterCommand()} /sbin/ip netns exec "$host" env -C "$PWD" "$@"; }`;

function playOn(program: readonly string[]): string {
  return `
It stays up until Ctrl-C. From another terminal:
   ${enterFunction()}
   enter client ping 192.0.2.200
   enter client ip neigh                            who answers
   enter rival ip addr add 192.0.2.200/24 dev eth0  a second owner; it is noticed when it speaks:
   enter rival ping -I 192.0.2.200 192.0.2.100
   enter switch ip link set node-a down             a cable pulled; "up" plugs it in
   enter node-a ls ${FOLDER} ${FOLDER}/.clarion     manifests to edit, what Clarion says
   enter client ${program.join(' ')} status --directory ${FOLDER}
`;
}

function playOnKubernetes(lab: Lab, { found }: KubernetesPrograms, program: readonly string[]): string {
  const kubeconfig = `--kubeconfig ${controlPlaneFolder(lab)}/admin.kubeconfig`;
  return `
It stays up until Ctrl-C. From another terminal:
   ${enterFunction()}
   kubectl() { enter cp ${found.kubectl} ${kubeconfig} "$@"; }
   clarion() { enter cp ${program.join(' ')} "$@" ${kubeconfig}; }
   kubectl get services --namespace shop
   kubectl describe service web --namespace shop    the events say what became of it
   clarion explain shop/web                         all of it, and which node answers
   clarion status                                   who answers for what
   enter client ip neigh                            the same on the wire: ...:11 is node-a, :12 node-b, :13 node-c
   enter switch ip link set node-b down             the cable of who answers, pulled; "up" plugs it in
`;
}

import { machineTime, ms } from '../../../base/clock.ts';
import { WEB4, WEB6 } from '../manifests.ts';
import { stepFailed } from '../promises.ts';
import { answersDuring, measured, pause, type Tale } from '../tale.ts';

export async function stop(tale: Tale): Promise<void> {
  const { world, progress, promises, daemons } = tale;
  progress.scene('A clean stop', 'SIGTERM to clarion standalone');
  const told = machineTime();
  const outcome = await daemons[0]?.stop();
  const took = machineTime() - told;
  if (outcome !== 0) throw stepFailed(`standalone ended with ${outcome} instead of 0`);
  progress.line('node-a', 'the process has ended with exit code 0', measured(tale, 'stopped', took));
  const answers = await answersDuring(tale, [WEB4, WEB6], pause(ms(300)));
  promises.measured('answersAfter', answers.length);
  const left = (await world.lab.run(undefined, ['ip', 'netns', 'pids', 'node-a']))
    .split('\n')
    .filter((pid) => pid !== '');
  promises.measured('processesAfter', left.length);
  progress.line(
    'client',
    `asks for both addresses for 300 ms: ${answers.length} answers; ${left.length} processes left on node-a`,
  );
}

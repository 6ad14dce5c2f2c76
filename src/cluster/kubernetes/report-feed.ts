import type { Clock } from '../../base/clock.ts';
import { Followers, type Sink } from '../../base/followers.ts';
import type { ReportBoard, SpeakerReport, WriteOutcome } from '../ports.ts';
import { ToldReport } from './report-event.ts';

/**
 * What a speaker reports in a cluster: it writes nothing, it keeps its report and tells it to those who ask its status server
 * for /report, which is the active controller (report-pull.ts).
 */
export class ReportFeed implements ReportBoard {
  readonly #followers: Followers<SpeakerReport>;
  #report: SpeakerReport | undefined;

  constructor(clock: Clock) {
    this.#followers = new Followers({ clock, nothingTold: () => new ToldReport() });
  }

  async publish(report: SpeakerReport): Promise<WriteOutcome> {
    this.#report = report;
    this.#followers.publish(report);
    return { kind: 'done' };
  }

  /** Its own only: no speaker needs to know what another one says. */
  reports(): readonly SpeakerReport[] {
    return this.#report === undefined ? [] : [this.#report];
  }

  heardAll(): boolean {
    return true;
  }

  /** False: too many read it already. */
  follow(sink: Sink): boolean {
    return this.#followers.add(sink);
  }

  stop(): void {
    this.#followers.stop();
  }
}
